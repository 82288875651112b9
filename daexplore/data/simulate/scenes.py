"""Scenes: mergers, and non-mergers that resemble them."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.discs import add_clumps, random_rotations, rotating_disc
from daexplore.data.simulate.encounters import simulate_encounters
from daexplore.data.simulate.populations import DISTANT, Colours, Population

__all__ = ["Scene", "mergers", "non_mergers"]

Array = NDArray[np.floating]

_CIRCULAR_SPEED = 220.0  # [km / s], sets the unit of time
_MYR_PER_KPC_PER_KMS = 977.8


@dataclass(frozen=True)
class Scene:
    """B stamps in relative fluxes, positions from the stamp's centre [arcsec], x to the right and y
    upwards.

    Attributes:
        particles: (B, P, 2) positions.
        particle_fluxes: (B, P, C); particles without flux do not count as neighbours either.
        bulges: (B, K, 2) positions of bulges and haloes.
        bulge_radii: (B, K) circularised half-light radii [arcsec].
        bulge_axes: (B, K) axis ratios.
        bulge_angles: (B, K) position angles of the major axes from x [radian].
        bulge_indices: (B, K) Sersic indices, 1 or 4.
        bulge_fluxes: (B, K, C).
        stars: (B, S, 2) positions.
        star_fluxes: (B, S, C).
    """

    particles: Array
    particle_fluxes: Array
    bulges: Array
    bulge_radii: Array
    bulge_axes: Array
    bulge_angles: Array
    bulge_indices: Array
    bulge_fluxes: Array
    stars: Array
    star_fluxes: Array

    def rows(self, first: int, count: int = 1) -> "Scene":
        """The stamps from ``first`` on."""
        return Scene(*(getattr(self, part.name)[first : first + count] for part in fields(self)))

    def scaled(self, factor: Array) -> "Scene":
        """The scene with all fluxes times ``factor`` (C,)."""
        return replace(
            self,
            particle_fluxes=self.particle_fluxes * factor,
            bulge_fluxes=self.bulge_fluxes * factor,
            star_fluxes=self.star_fluxes * factor,
        )


@dataclass(frozen=True)
class _Pairs:
    """G pairs from V sides in scale lengths: the second galaxy may be absent, or a chance neighbour
    of other colours.
    """

    positions: Array  # (G, V, 2P, 2)
    clumps: NDArray[np.bool_]  # (G, 2P)
    young: NDArray[np.bool_]  # (G, 2P)
    companion: Array  # (G, V, 2)
    present: NDArray[np.bool_]  # (G, V)
    discordant: NDArray[np.bool_]  # (G, V)
    mass_ratio: Array  # (G,)
    size_ratio: Array  # (G,)
    scale: Array  # (G,) [arcsec]


def mergers(
    rng: np.random.Generator,
    count: int,
    views: int,
    particles: int,
    population: Population = DISTANT,
) -> tuple[Scene, dict[str, Any]]:
    """``count`` encounters, each seen from ``views`` sides at one moment; rows are galaxy by
    galaxy, view by view.

    Returns:
        the scene and the catalogue columns that only a simulation knows.
    """
    encounters = simulate_encounters(
        rng,
        count,
        particles,
        population.time,
        population.approaching,
        population.mass_ratio,
        population.pericentre,
    )
    scale = _scale_lengths(rng, count, population)
    size_ratio = encounters.mass_ratio**0.4
    halves = []
    for half, centre, size in (
        (slice(None, particles), np.zeros((count, 1, 3)), np.ones(count)),
        (slice(particles, None), encounters.companion[:, None], size_ratio),
    ):
        moved, mask = add_clumps(
            rng, encounters.positions[:, half] - centre, size, clumpy=population.clumpy
        )
        halves.append((moved + centre, mask))
    rotations = random_rotations(rng, count * views).reshape(count, views, 3, 3)[:, :, :2]
    pairs = _Pairs(
        positions=np.einsum(
            "gvij,gpj->gvpi", rotations, np.concatenate([moved for moved, _ in halves], 1)
        ),
        clumps=np.concatenate([mask for _, mask in halves], 1),
        young=encounters.young,
        companion=np.einsum("gvij,gj->gvi", rotations, encounters.companion),
        present=np.ones((count, views), bool),
        discordant=np.zeros((count, views), bool),
        mass_ratio=encounters.mass_ratio,
        size_ratio=size_ratio,
        scale=scale,
    )
    scene, columns = _compose(rng, pairs, population)
    unit = scale * population.kpc_per_arcsec / _CIRCULAR_SPEED * _MYR_PER_KPC_PER_KMS
    columns["time_since_pericentre_myr"] = np.repeat(encounters.time * unit, views)
    columns["pericentre_kpc"] = np.repeat(
        encounters.pericentre * scale * population.kpc_per_arcsec, views
    )
    return scene, columns


def non_mergers(
    rng: np.random.Generator,
    count: int,
    views: int,
    particles: int,
    population: Population = DISTANT,
) -> tuple[Scene, dict[str, Any]]:
    """``count`` undisturbed galaxies from ``views`` sides, many with a chance neighbour, which
    differs from side to side.
    """
    mass_ratio = rng.uniform(0.15, 1.0, count)
    size_ratio = np.exp(rng.uniform(np.log(0.5), np.log(1.2), count)) * mass_ratio**0.4
    scale = _scale_lengths(rng, count, population)
    sides, masks, young = [], [], []
    for size in (np.ones(count), size_ratio):
        disc = rotating_disc(rng, np.ones(count), particles)
        moved, mask = add_clumps(rng, disc.positions, np.ones(count), clumpy=population.clumpy)
        rotations = random_rotations(rng, count * views).reshape(count, views, 3, 3)[:, :, :2]
        sides.append(np.einsum("gvij,gpj->gvpi", rotations, moved * size[:, None, None]))
        masks.append(mask)
        young.append(disc.young)
    distance = (
        rng.uniform(*population.separation, (count, views))
        / population.kpc_per_arcsec
        / scale[:, None]
    )
    angle = rng.uniform(0, 2 * np.pi, (count, views))
    companion = distance[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    present = rng.random((count, views)) < population.neighbour
    pairs = _Pairs(
        positions=np.concatenate([sides[0], sides[1] + companion[:, :, None]], 2),
        clumps=np.concatenate(masks, 1),
        young=np.concatenate(young, 1),
        companion=companion,
        present=present,
        discordant=present & (rng.random((count, views)) < 0.5),
        mass_ratio=mass_ratio,
        size_ratio=size_ratio,
        scale=scale,
    )
    scene, columns = _compose(rng, pairs, population)
    columns["time_since_pericentre_myr"] = np.full(count * views, np.nan)
    columns["pericentre_kpc"] = np.full(count * views, np.nan)
    return scene, columns


def _scale_lengths(rng: np.random.Generator, count: int, population: Population) -> Array:
    """(count,) disc scale lengths [arcsec]."""
    shortest, longest = population.scale_lengths
    return np.exp(rng.uniform(np.log(shortest), np.log(longest), count)) / population.kpc_per_arcsec


def _fluxes(rng: np.random.Generator, colours: Colours, light: str, *shape: int) -> Array:
    """(*shape, 3) fluxes, relative to the reference band, of a kind of stars."""
    typical, scatter = colours.of(light)
    return 10 ** (
        -0.4
        * (
            np.array(typical)
            + scatter * np.array(colours.scatter) * rng.standard_normal((*shape, 3))
        )
    )


def _compose(
    rng: np.random.Generator, pairs: _Pairs, population: Population
) -> tuple[Scene, dict[str, Any]]:
    """Light for the pairs: discs, bulges, haloes, clumps, arms, and now and then a foreground star.
    The same for both classes.
    """
    count, views = pairs.present.shape
    colours = population.colours
    particles = pairs.positions.shape[2] // 2
    second = np.where(pairs.present, pairs.mass_ratio[:, None], 0.0)
    shares = np.stack([np.ones_like(second), second], -1) / (1 + second)[..., None]

    elliptical = rng.random((count, 2)) < population.elliptical
    bulge_share = np.where(
        elliptical, rng.uniform(0.75, 0.95, (count, 2)), rng.uniform(*population.bulges, (count, 2))
    )
    discordant = pairs.discordant[..., None]
    old = np.repeat(_fluxes(rng, colours, "old", count, 1), views, 1)
    bulge_colours = np.stack(
        [old, np.where(discordant, _fluxes(rng, colours, "any", count, views), old)], 2
    )
    discs = np.repeat(_fluxes(rng, colours, "disc", count, 1, 2), views, 1)
    disc_colours = np.stack(
        [
            discs[:, :, 0],
            np.where(discordant, _fluxes(rng, colours, "any", count, views), discs[:, :, 1]),
        ],
        2,
    )
    clump_light = rng.uniform(*population.clump_light, (count, 1, 1, 1)) * _fluxes(
        rng, colours, "young", count, 1, 1
    )
    arm_light = 1.5 * _fluxes(rng, colours, "young", count, 1, 1)

    fluxes = np.repeat(disc_colours, particles, axis=2)
    fluxes = np.where(pairs.young[:, None, :, None], 0.4 * fluxes + 0.6 * arm_light, fluxes)
    fluxes = np.where(pairs.clumps[:, None, :, None], clump_light, fluxes)
    halves = fluxes.reshape(count, views, 2, particles, 3)
    halves = (
        halves
        * (shares * (1 - bulge_share[:, None]) / halves[..., colours.reference].sum(-1))[
            ..., None, None
        ]
    )

    # Every galaxy has a stellar halo, anything from unseen to a tenth of its light (D'Souza et al.
    # 2014, MNRAS 443, 1433): the faintest pixels of a stamp show it rather than the class.
    halo_share = np.exp(rng.uniform(np.log(0.003), np.log(0.1), (count, 1)))
    halo = (halo_share[:, None] * old)[:, :, None]
    halo_radii = pairs.scale[:, None] * rng.uniform(3.0, 7.0, (count, 1))

    jitter = population.jitter * rng.standard_normal((count, views, 1, 2))
    scale = pairs.scale[:, None, None, None]
    centres = np.stack([np.zeros_like(pairs.companion), pairs.companion], 2) * scale + jitter
    sizes = pairs.scale[:, None] * np.stack([np.ones(count), pairs.size_ratio], 1)
    radii = sizes * np.where(
        elliptical, rng.uniform(0.6, 1.4, (count, 2)), rng.uniform(0.2, 0.55, (count, 2))
    )
    # a third of the bulges of discs are pseudo-bulges, exponential themselves (Fisher & Drory 2008,
    # AJ 136, 773)
    index = np.where(~elliptical & (rng.random((count, 2)) < 1 / 3), 1.0, 4.0)
    starry = rng.random((count, views)) < population.star
    star_distance = population.star_distance * np.sqrt(rng.uniform(0.05, 1.0, (count, views)))
    star_angle = rng.uniform(0, 2 * np.pi, (count, views))
    star_flux = starry * 10 ** (-0.4 * rng.uniform(0.5, 4.0, (count, views)))

    def rows(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array.reshape(count * views, *array.shape[2:]))

    scene = Scene(
        particles=rows(pairs.positions * scale + jitter),
        particle_fluxes=rows(halves.reshape(count, views, 2 * particles, 3)),
        bulges=rows(np.concatenate([centres, centres[:, :, :1]], 2)),
        bulge_radii=np.repeat(np.hstack([radii, halo_radii]), views, 0),
        bulge_axes=rng.uniform(0.55, 1.0, (count * views, 3)),
        bulge_angles=rng.uniform(0, np.pi, (count * views, 3)),
        bulge_indices=np.repeat(np.hstack([index, np.ones((count, 1))]), views, 0),
        bulge_fluxes=rows(
            np.concatenate([bulge_colours * (shares * bulge_share[:, None])[..., None], halo], 2)
        ),
        stars=rows(
            (star_distance[..., None] * np.stack([np.cos(star_angle), np.sin(star_angle)], -1))[
                :, :, None
            ]
        ),
        star_fluxes=rows(
            (star_flux[..., None] * _fluxes(rng, colours, "any", count, views))[:, :, None]
        ),
    )
    separation = np.sqrt((pairs.companion**2).sum(-1)) * pairs.scale[:, None]
    columns = {
        "disc_scale_kpc": np.repeat(pairs.scale * population.kpc_per_arcsec, views),
        "mass_ratio": np.where(rows(pairs.present), np.repeat(pairs.mass_ratio, views), np.nan),
        "separation_arcsec": rows(np.where(pairs.present, separation, np.nan)),
        "companion": rows(pairs.present),
        "discordant": rows(pairs.discordant),
        "star": rows(starry),
        "clumps": np.repeat(pairs.clumps[:, :particles].any(1), views),
    }
    return scene, columns
