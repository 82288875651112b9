"""Non-parametric morphology of galaxies: concentration, asymmetry, smoothness, Gini, M20, sizes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["feature_names", "morphology"]

_SHAPES = (
    "concentration",
    "asymmetry",
    "outer_asymmetry",
    "smoothness",
    "gini",
    "m20",
    "r20",
    "r50",
    "r80",
    "ellipticity",
    "second_peak",
    "offset",
)
_STEPS = 40


def feature_names(bands: Sequence[str]) -> tuple[str, ...]:
    """Names of the features of images with these bands."""
    colours = tuple(f"{a}-{b}" for a, b in pairwise(bands))
    inner = tuple(f"{name}_gradient" for name in colours)
    return (*_SHAPES, *colours, *inner)


def morphology(images: NDArray[Any]) -> NDArray[np.float32]:
    """Features of images on a background of 0.

    Shapes are measured on the mean of the bands, each in units of its flux: concentration
    5 log10(r80 / r20), asymmetry under a turn by 180 degrees less that of the border, and
    smoothness (Conselice 2003, ApJS 147, 1), the Gini coefficient of the pixels within 1.5 r80 and
    M20 (Lotz et al. 2004, AJ 128, 163), radii in units of half the side, ellipticity from second
    moments, flux of the second brightest peak, distance of the brightest pixel from the centroid.
    Colours are magnitudes between neighbouring bands, within r80 and inside r50 against outside.

    Args:
        images: (n, C, H, W).

    Returns:
        (n, 12 + 2 (C - 1)) finite numbers; 0 where a feature is not defined.
    """
    pixels = np.asarray(images, np.float64)
    found = [_features(image) for image in pixels]
    return np.nan_to_num(np.array(found, np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _features(image: NDArray[np.float64]) -> list[float]:
    flux = np.maximum(image.sum(axis=(1, 2)), 1e-12)
    mean = (image / flux[:, None, None]).mean(axis=0)
    height, width = mean.shape
    y, x = np.indices((height, width), dtype=float)
    light = np.clip(_smoothed(mean, 1), 0, None)
    total = light.sum() or 1.0
    cy, cx = (light * y).sum() / total, (light * x).sum() / total
    half = min(height, width) / 2
    radius = np.hypot(y - cy, x - cx)
    r20, r50, r80 = _radii(mean, radius, half)
    inside = radius <= max(1.5 * r80, 2.0)
    moments = _moments(light, y - cy, x - cx)
    peak = np.unravel_index(int(light.argmax()), light.shape)
    shapes = [
        5 * np.log10(max(r80, 0.5) / max(r20, 0.5)),
        _asymmetry(mean, inside),
        _asymmetry(mean, inside & (radius > r50)),
        _roughness(mean, inside, r20),
        _gini(mean[inside]),
        _m20(light, radius, inside),
        r20 / half,
        r50 / half,
        r80 / half,
        moments,
        _second_peak(light, peak, r20),
        float(np.hypot(peak[0] - cy, peak[1] - cx)) / half,
    ]
    return [*shapes, *_colours(image, radius, r50, r80)]


def _radii(
    mean: NDArray[np.float64], radius: NDArray[np.float64], half: float
) -> tuple[float, float, float]:
    """Radii that hold 20, 50 and 80% of the flux within half the side [pixel]."""
    edges = np.linspace(0, half, _STEPS + 1)[1:]
    grown = np.array([mean[radius <= edge].sum() for edge in edges])
    grown = np.maximum.accumulate(grown) / max(grown.max(), 1e-12)
    grown, edges = np.concatenate([[0.0], grown]), np.concatenate([[0.0], edges])
    r20, r50, r80 = (float(np.interp(share, grown, edges)) for share in (0.2, 0.5, 0.8))
    return r20, r50, r80


def _asymmetry(mean: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    difference = np.abs(mean - mean[::-1, ::-1])
    sky = np.median(difference[~inside]) if (~inside).any() else 0.0
    return float(
        (difference[inside].sum() - inside.sum() * sky) / max(np.abs(mean[inside]).sum(), 1e-12)
    )


def _roughness(mean: NDArray[np.float64], inside: NDArray[np.bool_], r20: float) -> float:
    difference = np.abs(mean - _smoothed(mean, max(1, round(r20))))
    sky = np.median(difference[~inside]) if (~inside).any() else 0.0
    return float(
        (difference[inside].sum() - inside.sum() * sky) / max(np.abs(mean[inside]).sum(), 1e-12)
    )


def _gini(values: NDArray[np.float64]) -> float:
    ordered = np.sort(np.abs(values))
    n = len(ordered)
    if n < 2 or ordered.sum() == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * ordered).sum() / (ordered.mean() * n * (n - 1)))


def _m20(
    light: NDArray[np.float64], radius: NDArray[np.float64], inside: NDArray[np.bool_]
) -> float:
    flux, moment = light[inside], light[inside] * radius[inside] ** 2
    order = np.argsort(flux)[::-1]
    brightest = np.cumsum(flux[order]) <= 0.2 * flux.sum()
    brightest[:1] = True
    share = moment[order][brightest].sum() / max(moment.sum(), 1e-12)
    return float(np.log10(max(share, 1e-6)))


def _moments(light: NDArray[np.float64], dy: NDArray[np.float64], dx: NDArray[np.float64]) -> float:
    total = light.sum() or 1.0
    yy, xx, xy = ((light * part).sum() / total for part in (dy * dy, dx * dx, dx * dy))
    root = np.hypot(yy - xx, 2 * xy)
    large, small = (yy + xx + root) / 2, max((yy + xx - root) / 2, 0)
    return float(1 - np.sqrt(small / large)) if large > 0 else 0.0


def _second_peak(light: NDArray[np.float64], peak: tuple[Any, ...], r20: float) -> float:
    """Brightest local maximum away from the brightest pixel, in units of that one."""
    from scipy.ndimage import maximum_filter

    y, x = np.indices(light.shape)
    away = np.hypot(y - peak[0], x - peak[1]) > max(3.0, 1.5 * r20)
    tops = (light == maximum_filter(light, 3)) & away & (light > 0)
    return float(light[tops].max() / light[peak]) if tops.any() and light[peak] > 0 else 0.0


def _colours(
    image: NDArray[np.float64], radius: NDArray[np.float64], r50: float, r80: float
) -> list[float]:
    regions = (radius <= r80, radius <= r50, (radius > r50) & (radius <= 1.5 * r80))
    whole, inner, outer = (
        -2.5 * np.log10(np.maximum(image[:, part].sum(axis=1), 1e-9)) for part in regions
    )
    gradient = np.clip(np.diff(inner) - np.diff(outer), -5, 5)
    return [*np.clip(-np.diff(whole), -10, 10), *gradient]


def _smoothed(image: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    from scipy.ndimage import uniform_filter

    found: NDArray[np.float64] = uniform_filter(image, 2 * size + 1, mode="nearest")
    return found
