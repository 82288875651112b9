"""Encounters of two disc galaxies by the restricted three-body method.

Test particles move in the potentials of two galaxies on a decaying orbit (Toomre & Toomre 1972, ApJ
178, 623; Wallin et al. 2016, MNRAS 459, 720). Units: the primary's disc scale length, its circular
speed at 2.2 scale lengths, and their ratio as time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.discs import HALO_RADIUS, halo_mass, random_rotations, rotating_disc

__all__ = ["Encounters", "simulate_encounters"]

Array = NDArray[np.floating]

_START = 9.0
_SOFTENING = 0.04
_DRAG_RADIUS = 5.0


@dataclass(frozen=True)
class Encounters:
    """E encounters at the moment they are seen.

    Attributes:
        positions: (E, 2P, 3) of the particles, the primary's P first, relative to its centre.
        companion: (E, 3) centre of the secondary relative to the primary's.
        mass_ratio: (E,) secondary over primary.
        pericentre: (E,) closest distance of the orbit.
        time: (E,) since pericentre; negative before.
        young: (E, 2P) particles that were born in a spiral arm.
    """

    positions: Array
    companion: Array
    mass_ratio: Array
    pericentre: Array
    time: Array
    young: NDArray[np.bool_]


def simulate_encounters(
    rng: np.random.Generator,
    count: int,
    particles: int,
    time: tuple[float, float] = (1.5, 22.0),
    approaching: float = 0.08,
    mass_ratios: tuple[float, float] = (0.25, 1.0),
    pericentres: tuple[float, float] = (0.8, 4.0),
    steps: int = 130,
) -> Encounters:
    """Draw ``count`` encounters and follows ``particles`` a disc through each.

    Orbits are bound and spins random, but four in five turn with the orbit: those passages raise
    the tails by which mergers are found at all.

    Args:
        rng: source of randomness.
        count: encounters E.
        particles: test particles P a disc.
        time: range of the time since pericentre.
        approaching: share that is seen up to 2.5 time units before pericentre, still undisturbed.
        mass_ratios: range of the secondary's mass over the primary's.
        pericentres: range [scale length].
        steps: leapfrog steps.
    """
    mass_ratio = rng.uniform(*mass_ratios, count)
    pericentre = rng.uniform(*pericentres, count)
    seen = np.where(
        rng.random(count) < approaching, rng.uniform(-2.5, 0.0, count), rng.uniform(*time, count)
    )
    orbit = _Orbit(mass_ratio, drag=rng.uniform(0.08, 0.18, count))
    relative, velocity = orbit.at_start(pericentre, speed=rng.uniform(0.75, 0.95, count))

    primary = rotating_disc(rng, np.ones(count), particles)
    secondary = rotating_disc(rng, mass_ratio, particles)
    first, second = _spins(rng, count), _spins(rng, count)
    shares = np.stack([-mass_ratio, np.ones(count)]) / (1 + mass_ratio)
    x = np.concatenate(
        [
            _rotate(first, primary.positions) + (shares[0][:, None] * relative)[:, None],
            _rotate(second, secondary.positions) + (shares[1][:, None] * relative)[:, None],
        ],
        axis=1,
    )
    v = np.concatenate(
        [
            _rotate(first, primary.velocities) + (shares[0][:, None] * velocity)[:, None],
            _rotate(second, secondary.velocities) + (shares[1][:, None] * velocity)[:, None],
        ],
        axis=1,
    )
    x, relative = _follow(orbit, x, v, relative, velocity, (_START + seen) / steps, steps)
    centre = shares[0][:, None] * relative
    return Encounters(
        positions=x - centre[:, None],
        companion=relative,
        mass_ratio=mass_ratio,
        pericentre=pericentre,
        time=seen,
        young=np.concatenate([primary.young, secondary.young], axis=1),
    )


def _spins(rng: np.random.Generator, count: int, prograde: float = 0.8) -> Array:
    """Random orientations of discs, the given share of them in the hemisphere of the orbit's own
    spin, +z.
    """
    rotations = random_rotations(rng, count)
    turn = np.sign(rotations[:, 2, 2]) != np.where(rng.random(count) < prograde, 1, -1)
    rotations[turn, 1:] *= -1
    return rotations


class _Orbit:
    """Relative motion of the two galaxies: one Hernquist (1990, ApJ 356, 359) potential of the
    total mass, with dynamical friction.

    The friction is -k v / (1 + (r / 5)^2): Chandrasekhar's (1943, ApJ 97, 255) scaling with density
    in the simplest form that lets pairs coalesce within a few hundred million years.
    """

    def __init__(self, mass_ratio: Array, drag: Array) -> None:
        self.mass_ratio = mass_ratio
        self.mass = (halo_mass(1.0) * (1 + mass_ratio))[:, None]
        self.radius = (HALO_RADIUS * (1 + mass_ratio**0.4) / 2)[:, None]
        self.drag = drag[:, None]

    def acceleration(self, x: Array, v: Array, drag: Array) -> Array:
        r2 = (x * x).sum(1, keepdims=True)
        r = np.sqrt(r2 + _SOFTENING)
        return np.asarray(
            -self.mass / (r * (r + self.radius) ** 2) * x - drag * v / (1 + r2 / _DRAG_RADIUS**2)
        )

    def at_start(self, pericentre: Array, speed: Array) -> tuple[Array, Array]:
        """Position and velocity at time -9, followed back from pericentre, where the speed is given
        in units of that of escape.

        Friction reverses with time, so that the way forward leads to the same pericentre.
        """
        zero = np.zeros_like(pericentre)
        speed = speed * np.sqrt(2 * self.mass[:, 0] / (pericentre + self.radius[:, 0]))
        x, v = np.stack([pericentre, zero, zero], 1), np.stack([zero, -speed, zero], 1)
        steps = 120
        h = _START / steps
        for _ in range(steps):
            v = v + 0.5 * h * self.acceleration(x, v, -self.drag)
            x = x + h * v
            v = v + 0.5 * h * self.acceleration(x, v, -self.drag)
        return x, -v


def _rotate(rotation: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("bij,bpj->bpi", rotation, vectors))


def _follow(
    orbit: _Orbit, x: Array, v: Array, relative: Array, velocity: Array, step: Array, steps: int
) -> tuple[Array, Array]:
    """Leapfrog (kick-drift-kick, neighbouring half kicks joined) of the particles in the field of
    both haloes.
    """
    # components first: the hot loop runs over contiguous (E, 2P) planes
    position = np.ascontiguousarray(x.transpose(2, 0, 1), np.float32)
    speed = np.ascontiguousarray(v.transpose(2, 0, 1), np.float32)
    h = step[:, None]
    h32 = h.astype(np.float32)
    field = _field(orbit, position, relative)
    speed += 0.5 * h32 * field
    for i in range(steps):
        velocity = velocity + 0.5 * h * orbit.acceleration(relative, velocity, orbit.drag)
        relative = relative + h * velocity
        velocity = velocity + 0.5 * h * orbit.acceleration(relative, velocity, orbit.drag)
        position += h32 * speed
        field = _field(orbit, position, relative)
        speed += (h32 if i < steps - 1 else 0.5 * h32) * field
    return position.transpose(1, 2, 0), relative


def _field(orbit: _Orbit, position: Array, relative: Array) -> Array:
    total = np.zeros_like(position)
    q = orbit.mass_ratio[:, None]
    for mass, radius, centre in (
        (halo_mass(1.0) * np.ones_like(q), HALO_RADIUS * np.ones_like(q), -q / (1 + q) * relative),
        (halo_mass(1.0) * q, HALO_RADIUS * q**0.4, relative / (1 + q)),
    ):
        offset = position - centre.T.astype(np.float32)[:, :, None]
        r = np.einsum("ibp,ibp->bp", offset, offset)
        r += np.float32(_SOFTENING)
        np.sqrt(r, out=r)
        pull = r + radius.astype(np.float32)
        pull *= pull
        pull *= r
        np.divide(-mass.astype(np.float32), pull, out=pull)
        offset *= pull
        total += offset
    return total
