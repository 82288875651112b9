"""Galaxies and stars that are on the line of sight by chance."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.scenes import Scene
from daexplore.data.simulate.survey_conditions import Field, SurveyCondition, nanojansky

__all__ = ["with_field"]

Array = NDArray[np.float64]

_REFERENCE = 620.0  # [nm]
_PADDING = 1.3


def with_field(
    scene: Scene, condition: SurveyCondition, size: int, rng: np.random.Generator
) -> Scene:
    """The scene of one stamp with the condition's field objects added, some of them just outside
    the stamp.

    Numbers are Poisson, places uniform, magnitudes follow N(<m) ~ 10^(slope m), spectra are power
    laws whose slopes cover the colours of stars (Covey et al. 2007, AJ 134, 2398) and of galaxies
    (Fukugita et al. 1995, PASP 107, 945). Sizes of galaxies are about those of Shen et al. (2003,
    MNRAS 343, 978) along the magnitude: half-light radius 1.2 arcsec at magnitude 20.

    Args:
        scene: one stamp, in nJy.
        condition: whose field, bands and pixels.
        size: of the stamp [pixel].
        rng: source of randomness.
    """
    if condition.field is None:
        return scene
    half = 0.5 * size * condition.pixel_scale * _PADDING
    area = (2 * half / 60) ** 2
    galaxies, stars = (
        rng.poisson(condition.field.galaxies * area),
        rng.poisson(condition.field.stars * area),
    )
    galaxy_magnitude = _magnitudes(rng, condition.field, condition.field.galaxy_slope, galaxies)
    star_magnitude = _magnitudes(rng, condition.field, condition.field.star_slope, stars)
    radii = (
        1.2 * 10 ** (-0.15 * (galaxy_magnitude - 20)) * 10 ** (0.2 * rng.standard_normal(galaxies))
    )
    places = rng.uniform(-half, half, (galaxies + stars, 2))
    galaxy_flux = _fluxes(galaxy_magnitude, rng.uniform(0.8, 3.5, galaxies), condition)
    star_flux = _fluxes(star_magnitude, rng.uniform(0.3, 5.0, stars), condition)

    def more(there: NDArray[np.floating], new: Array) -> NDArray[np.floating]:
        return np.concatenate([there, new[None]], 1)

    return replace(
        scene,
        bulges=more(scene.bulges, places[:galaxies]),
        bulge_radii=more(scene.bulge_radii, radii),
        bulge_axes=more(scene.bulge_axes, rng.uniform(0.4, 1.0, galaxies)),
        bulge_angles=more(scene.bulge_angles, rng.uniform(0, np.pi, galaxies)),
        bulge_indices=more(scene.bulge_indices, np.where(rng.random(galaxies) < 0.4, 4.0, 1.0)),
        bulge_fluxes=more(scene.bulge_fluxes, galaxy_flux),
        stars=more(scene.stars, places[galaxies:]),
        star_fluxes=more(scene.star_fluxes, star_flux),
    )


def _magnitudes(rng: np.random.Generator, field: Field, slope: float, count: int) -> Array:
    """Magnitudes between the field's limits by inverting N(<m) ~ 10^(slope m)."""
    bright, faint = 10 ** (slope * field.brightest), 10 ** (slope * field.faintest)
    return np.asarray(np.log10(rng.uniform(bright, faint, count)) / slope)


def _fluxes(magnitude: Array, slope: Array, condition: SurveyCondition) -> Array:
    """(K, C) fluxes [nJy] of power laws f_nu ~ wavelength^slope."""
    wavelengths = np.array([band.optics.wavelength for band in condition.bands])
    return np.asarray(nanojansky(magnitude)[:, None] * (wavelengths / _REFERENCE) ** slope[:, None])
