"""The encounters obey mechanics."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from daexplore.data.simulate.discs import (
    HALO_RADIUS,
    add_clumps,
    halo_mass,
    random_rotations,
    rotating_disc,
)
from daexplore.data.simulate.encounters import _SOFTENING, _follow, _Orbit, simulate_encounters


def test_unit_galaxy_turns_with_unit_speed_at_its_peak_radius():
    disc = rotating_disc(np.random.default_rng(0), np.ones(1), 40_000)
    radius = np.hypot(*disc.positions[0, :, :2].T)
    spin = (
        disc.positions[0, :, 0] * disc.velocities[0, :, 1]
        - disc.positions[0, :, 1] * disc.velocities[0, :, 0]
    ) / radius
    ring = np.abs(radius - 2.2) < 0.1
    assert spin[ring].mean() == pytest.approx(1, abs=0.02)


def test_disc_is_exponential():
    disc = rotating_disc(np.random.default_rng(1), np.ones(4), 20_000)
    radius = np.hypot(disc.positions[..., 0], disc.positions[..., 1]).ravel()
    for r in (0.5, 1.0, 1.678, 3.0):
        assert (radius < r).mean() == pytest.approx(
            (1 - (1 + r) * np.exp(-r)) / (1 - 7.5 * np.exp(-6.5)), abs=0.01
        )


def test_particle_follows_newton_in_a_lone_halo():
    """With a companion of no mass the path is that of an independent, high-order integrator."""
    orbit = _Orbit(np.array([1e-9]), drag=np.array([0.0]))
    x, v = np.array([[[2.0, 0.3, -0.1]]]), np.array([[[0.1, 0.8, 0.3]]])
    far = np.array([[500.0, 0.0, 0.0]])
    mine, _ = _follow(orbit, x, v, far, np.zeros((1, 3)), np.array([0.15]), 130)

    def motion(_, state):
        r = np.sqrt((state[:3] ** 2).sum() + _SOFTENING)
        return np.concatenate(
            [state[3:], -halo_mass(1.0) * state[:3] / (r * (r + HALO_RADIUS) ** 2)]
        )

    expected = solve_ivp(
        motion, (0, 0.15 * 130), np.concatenate([x.ravel(), v.ravel()]), rtol=1e-10, atol=1e-10
    ).y[:3, -1]
    np.testing.assert_allclose(mine[0, 0], expected, atol=0.05)


def test_orbit_comes_back_to_its_pericentre():
    pericentre = np.array([0.9, 2.0, 4.5])
    orbit = _Orbit(np.array([0.3, 0.6, 1.0]), drag=np.full(3, 0.08))
    x, v = orbit.at_start(pericentre, speed=np.array([0.9, 0.95, 1.0]))
    nothing = np.zeros((3, 1, 3))
    distance = []
    for steps in np.linspace(60, 130, 71, dtype=int):
        _, seen = _follow(orbit, nothing, nothing, x, v, np.full(3, 0.1), int(steps))
        distance.append(np.sqrt((seen**2).sum(1)))
    np.testing.assert_allclose(np.min(distance, 0), pericentre, rtol=0.05)
    assert np.argmin(distance, 0) + 60 == pytest.approx(90, abs=2)


def test_passages_pull_out_tails_and_approaches_do_not():
    rng = np.random.default_rng(3)
    encounters = simulate_encounters(rng, 120, 300)
    primary = encounters.positions[:, :300]
    stripped = (np.sqrt((primary**2).sum(2)) > 8).mean(1)
    before, after = encounters.time < 0, encounters.time > 8
    assert before.any()
    assert stripped[before].mean() < 0.002
    assert stripped[after].mean() > 0.02
    near = encounters.pericentre < 2
    assert stripped[after & near].mean() > stripped[after & ~near].mean()


def test_rotations_are_proper_and_without_preference():
    rotations = random_rotations(np.random.default_rng(0), 4000)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1),
        np.broadcast_to(np.eye(3), rotations.shape),
        atol=1e-12,
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    np.testing.assert_allclose(rotations.mean(0), 0, atol=0.05)


def test_clumps_gather_particles_and_leave_the_others_alone():
    positions = 3 * np.random.default_rng(0).standard_normal((20, 400, 3))
    moved, inside = add_clumps(np.random.default_rng(1), positions, np.ones(20))
    np.testing.assert_array_equal(moved[~inside], positions[~inside])
    clumpy = inside.any(1)
    assert 0 < clumpy.sum() < 20
    first = moved[clumpy][:, :8][inside[clumpy][:, :8].all(1)]
    assert first.std(1).max() < 0.2
