"""Galaxies at another redshift and through other filters: smaller, fainter and of other colours."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.scenes import Scene

__all__ = ["kpc_per_arcsec", "luminosity_distance", "redshifted"]

Array = NDArray[np.floating]

# Planck Collaboration XIII (2016, A&A 594, A13), table 4, flat, without radiation.
_HUBBLE = 67.74  # [km / s / Mpc]
_MATTER = 0.3089
_LIGHT = 299792.458  # [km / s]
_ARCSEC = np.pi / 180 / 3600  # [radian]


@lru_cache(maxsize=4096)
def luminosity_distance(redshift: float) -> float:
    """Luminosity distance [Mpc] in a flat universe of matter and a cosmological constant (Hogg
    1999, astro-ph/9905116, eqs 15 and 21).
    """
    nodes, weights = np.polynomial.legendre.leggauss(32)
    z = 0.5 * redshift * (nodes + 1)
    comoving = 0.5 * redshift * (weights / np.sqrt(_MATTER * (1 + z) ** 3 + 1 - _MATTER)).sum()
    return float((1 + redshift) * _LIGHT / _HUBBLE * comoving)


def kpc_per_arcsec(redshift: float) -> float:
    """Length across the line of sight [kpc] of one arcsecond."""
    return luminosity_distance(redshift) / (1 + redshift) ** 2 * 1000 * _ARCSEC


def redshifted(
    scene: Scene,
    wavelengths: tuple[float, ...],
    redshift: float,
    to_wavelengths: tuple[float, ...],
    to_redshift: float,
) -> Scene:
    """The scene from another distance and through other filters.

    Sizes follow the angular diameter distance and fluxes the luminosity distance, so that surface
    brightness falls as (1 + z)^-4. The spectrum of each component is taken to be a power law
    between neighbouring filters (and beyond the outermost ones), an approximation of the K
    correction (Hogg et al. 2002, astro-ph/0210394) that has no lines or breaks of its own.

    Args:
        scene: fluxes per unit frequency, such as nJy.
        wavelengths: of its bands [nm].
        redshift: of its galaxy.
        to_wavelengths: of the bands wanted [nm].
        to_redshift: where the galaxy is wanted.
    """
    if to_wavelengths == wavelengths and to_redshift == redshift:
        return scene
    zoom = kpc_per_arcsec(redshift) / kpc_per_arcsec(to_redshift)
    dimming = (
        (1 + to_redshift)
        / (1 + redshift)
        * (luminosity_distance(redshift) / luminosity_distance(to_redshift)) ** 2
    )
    stretch = (1 + redshift) / (1 + to_redshift)

    def seen(fluxes: Array) -> Array:
        return dimming * _interpolated(
            fluxes, np.array(wavelengths), np.array(to_wavelengths) * stretch
        )

    return replace(
        scene,
        particles=scene.particles * zoom,
        particle_fluxes=seen(scene.particle_fluxes),
        bulges=scene.bulges * zoom,
        bulge_radii=scene.bulge_radii * zoom,
        bulge_fluxes=seen(scene.bulge_fluxes),
        stars=scene.stars * zoom,
        star_fluxes=seen(scene.star_fluxes),
    )


def _interpolated(fluxes: Array, known: Array, wanted: Array) -> Array:
    """Fluxes (..., C) at the ``wanted`` wavelengths: power laws between neighbours among the
    ``known``; zero stays zero.
    """
    order = np.argsort(known)
    x, target = np.log(known[order]), np.log(wanted)
    with np.errstate(divide="ignore"):
        y = np.log(fluxes[..., order])
    upper = np.clip(np.searchsorted(x, target), 1, len(x) - 1)
    share = (target - x[upper - 1]) / (x[upper] - x[upper - 1])
    with np.errstate(invalid="ignore"):
        values = np.exp(y[..., upper - 1] + share * (y[..., upper] - y[..., upper - 1]))
    return np.asarray(np.where(np.isfinite(values), values, 0.0))
