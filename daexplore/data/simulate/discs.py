"""Exponential discs of particles in Hernquist haloes, with spiral arms and lopsidedness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["HALO_RADIUS", "Discs", "add_clumps", "halo_mass", "random_rotations", "rotating_disc"]

Array = NDArray[np.floating]

HALO_RADIUS = 6.0
"""Scale radius of the halo in disc scale lengths."""


def halo_mass(mass: float) -> float:
    """Mass of a Hernquist (1990, ApJ 356, 359) halo in units where ``mass`` = 1 gives circular
    speed 1 at 2.2 scale lengths.
    """
    return mass * (2.2 + HALO_RADIUS) ** 2 / 2.2


@dataclass(frozen=True)
class Discs:
    """B discs in their own planes.

    Attributes:
        positions: (B, P, 3).
        velocities: (B, P, 3).
        young: (B, P) particles in a spiral arm.
    """

    positions: Array
    velocities: Array
    young: NDArray[np.bool_]


def rotating_disc(rng: np.random.Generator, mass: Array, particles: int) -> Discs:
    """Discs of the given masses, scale length mass^0.4 (about the slope of Shen et al. 2003, MNRAS
    343, 978, fig. 11), seen from above.

    Radii follow an exponential surface density (Freeman 1970, ApJ 160, 811). Arms are logarithmic
    spirals: particles are shifted in azimuth by an m = 2 or 3 wave, which leaves the radial profile
    alone; an m = 1 wave makes some discs lopsided (Rix & Zaritsky 1995, ApJ 447, 82, find a third
    of them so).

    Args:
        rng: source of randomness.
        mass: (B,) relative to the unit galaxy.
        particles: P.
    """
    shape = (len(mass), particles)
    one = (len(mass), 1)
    scale = mass[:, None] ** 0.4
    radius = _exponential_radii(rng.random(shape))
    azimuth = rng.uniform(0, 2 * np.pi, shape)

    arms = np.where(rng.random(one) < 0.75, 2.0, 3.0)
    strength = np.where(rng.random(one) < 0.5, rng.uniform(0.3, 0.8, one), 0.0)
    pitch = np.tan(np.deg2rad(rng.uniform(12, 34, one)))
    phase = arms * (azimuth - np.log(radius + 0.3) / pitch)
    # the shift d = -s sin(phase) / m crowds particles about phase 0, fading into the bulge
    strength = strength * np.clip(radius / 0.8, 0, 1)
    azimuth = azimuth - strength * np.sin(phase) / arms
    young = (strength > 0.2) & (np.cos(phase - strength * np.sin(phase)) > 0.6)
    lopsided = np.where(rng.random(one) < 0.3, 0.2 * rng.standard_normal(one), 0.0)
    azimuth = azimuth - lopsided * np.sin(azimuth - rng.uniform(0, 2 * np.pi, one))

    radius = radius * scale
    height = 0.12 * scale * rng.standard_normal(shape)
    circular = np.sqrt(halo_mass(1.0) * mass[:, None] * radius) / (radius + HALO_RADIUS * scale)
    radial, tangential, vertical = (0.12 * circular * rng.standard_normal(shape) for _ in range(3))
    tangential = tangential + circular
    cosine, sine = np.cos(azimuth), np.sin(azimuth)
    return Discs(
        positions=np.stack([radius * cosine, radius * sine, height], 2),
        velocities=np.stack(
            [
                radial * cosine - tangential * sine,
                radial * sine + tangential * cosine,
                0.5 * vertical,
            ],
            2,
        ),
        young=young,
    )


def _exponential_radii(uniform: Array) -> Array:
    """Radii with cumulative mass 1 - (1 + R) exp(-R), out to 6.5 scale lengths, by interpolating
    the inverse.
    """
    radius = np.linspace(0.02, 6.5, 1500)
    cumulative = 1 - (1 + radius) * np.exp(-radius)
    return np.asarray(np.interp(uniform * cumulative[-1], cumulative, radius))


def add_clumps(
    rng: np.random.Generator,
    positions: Array,
    scale: Array,
    most: int = 6,
    share: float = 0.02,
    clumpy: float = 0.4,
) -> tuple[Array, NDArray[np.bool_]]:
    """Gather some particles into giant star-forming clumps, as in discs at z ~ 2 (Elmegreen et al.
    2007, ApJ 658, 763) and in tidal tails.

    Args:
        rng: source of randomness.
        positions: (B, P, 3).
        scale: (B,) disc scale length, which sets the clumps' size.
        most: clumps a disc that has any are drawn from 1 to this.
        share: of the particles in each clump.
        clumpy: share of the discs that have any.

    Returns:
        (B, P, 3) positions and the (B, P) mask of particles in a clump.
    """
    count, particles = positions.shape[:2]
    members = max(int(share * particles), 1)
    clump = np.arange(particles) // members
    clumps = np.where(rng.random(count) < clumpy, rng.integers(1, most + 1, count), 0)
    inside = clump[None, :] < clumps[:, None]
    leader = np.minimum(clump * members, particles - 1)
    jitter = 0.07 * scale[:, None, None] * rng.standard_normal(positions.shape)
    # a clump in the very centre would pass for the bulge
    outside = np.sqrt((positions[:, leader] ** 2).sum(2)) > 0.5 * scale[:, None]
    inside &= outside
    return np.where(inside[..., None], positions[:, leader] + jitter, positions), inside


def random_rotations(rng: np.random.Generator, count: int) -> Array:
    """(count, 3, 3) rotation matrices, uniform over the sphere: normalised Gaussian quaternions
    (Shoemake 1992, Graphics Gems III).
    """
    w, x, y, z = (q := rng.standard_normal((4, count))) / np.sqrt((q * q).sum(0))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)
