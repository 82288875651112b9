"""Pixel statistics: sky, signal-to-noise, sizes, power spectra and bad pixels."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "apertures",
    "background",
    "colours",
    "frequencies",
    "odd_pixels",
    "power_spectrum",
    "signal",
    "thumbnails",
]

Floats = NDArray[np.floating[Any]]
_BORDER = 0.1
_APERTURE = 0.4
_PLATEAU = 5
_ROUNDING = 1e-6


def background(
    images: Floats, clip: float = 3.0, rounds: int = 5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Level and noise of the sky, from a frame that is a tenth of the side wide.

    The noise is the distance from the median down to the 15.87th percentile: one standard deviation
    of a Gaussian, on the side where no sources are. Pixels further than ``clip`` times it from the
    median are left out, again and again.

    Args:
        images: (n, C, H, W), finite.
        clip: in units of the noise.
        rounds: of the clipping.

    Returns:
        (n, C) median and (n, C) noise, in units of the pixels.
    """
    height, width = images.shape[2:]
    frame = np.ones((height, width), bool)
    edge = max(1, round(_BORDER * min(height, width)))
    frame[edge:-edge, edge:-edge] = False
    pixels = np.sort(images[:, :, frame].astype(np.float64), axis=-1)
    count = pixels.shape[-1]
    first = np.zeros((*pixels.shape[:2], 1), np.int64)
    last = np.full_like(first, count - 1)
    for _ in range(rounds):
        level, noise = _level_and_noise(pixels, first, last)
        # The sorted pixels that stay are side by side, so two counts identify them.
        first = (pixels < level - clip * noise).sum(axis=-1, keepdims=True)
        last = count - 1 - (pixels > level + clip * noise).sum(axis=-1, keepdims=True)
    level, noise = _level_and_noise(pixels, first, last)
    return level[..., 0], noise[..., 0]


def _level_and_noise(
    pixels: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    level, low = (_quantile(pixels, first, last, share) for share in (0.5, 0.158655))
    return level, level - low


def _quantile(
    pixels: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64], share: float
) -> NDArray[np.float64]:
    place = first + share * (last - first)
    below = np.floor(place).astype(np.int64)
    low, high = (
        np.take_along_axis(pixels, np.minimum(index, last), axis=-1) for index in (below, below + 1)
    )
    return low + (place - below) * (high - low)


@lru_cache(maxsize=4)
def _by_radius(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels within the aperture from the centre outwards, and the radius [pixel] of the disc that
    holds as many as come before.
    """
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2).ravel()
    order = np.argsort(radius, kind="stable")[
        : int((radius <= _APERTURE * min(height, width)).sum())
    ]
    return order, np.sqrt((np.arange(len(order)) + 0.5) / np.pi)


def apertures(images: Floats, level: Floats) -> dict[str, NDArray[np.float64]]:
    """Flux and its extent in circles about the centre of the image, out to a radius of 0.4 sides.

    Args:
        images: (n, C, H, W), finite.
        level: (n, C) of the sky, taken off.

    Returns:
        (n, C) each: ``flux``; ``half_light_radius`` [pixel], the circle with half of it;
        ``concentration`` 5 log10(r80 / r20) (Kent 1985, ApJS 59, 115; Bershady et al. 2000, AJ 119,
        2645). Where the flux is not positive the two are NaN.
    """
    order, radius = _by_radius(*images.shape[2:])
    pixels = images.reshape(*images.shape[:2], -1)[..., order].astype(np.float64) - level[..., None]
    grown = np.cumsum(pixels, axis=-1)
    flux = grown[..., -1]
    r20, r50, r80 = (
        radius[np.argmax(grown >= share * flux[..., None], axis=-1)] for share in (0.2, 0.5, 0.8)
    )
    there = flux > 0
    return {
        "flux": flux,
        "half_light_radius": np.where(there, r50, np.nan),
        "concentration": np.where(there, 5 * np.log10(r80 / r20), np.nan),
    }


def signal(
    images: Floats, level: Floats, noise: Floats, flux: Floats
) -> dict[str, NDArray[np.float64]]:
    """Signal-to-noise of the brightest pixel in the inner half, and of all light within 0.4 sides
    of the centre.

    Args:
        images: (n, C, H, W), finite.
        level: (n, C) of the sky.
        noise: (n, C) standard deviation of the sky in a pixel; its pixels are taken to be
            independent.
        flux: (n, C) within the aperture, sky taken off.

    Returns:
        (n, C) ``peak_snr`` and ``total_snr``; NaN without noise, or with less than a millionth of
        the peak, which is rounding of the 32-bit numbers of the images.
    """
    height, width = images.shape[2:]
    inner = images[:, :, height // 4 : height - height // 4, width // 4 : width - width // 4]
    peak = inner.max(axis=(2, 3)).astype(np.float64) - level
    unit = np.where((noise > 0) & (noise > _ROUNDING * np.abs(peak)), noise, np.nan)
    return {
        "peak_snr": peak / unit,
        "total_snr": flux / (unit * np.sqrt(len(_by_radius(height, width)[0]))),
    }


def colours(flux: Floats) -> NDArray[np.float64]:
    """Differences of magnitude between each band and the next, -2.5 log10(f_i / f_(i+1)).

    Args:
        flux: (n, C).

    Returns:
        (n, C - 1) [mag]; NaN where a flux is not positive.
    """
    positive = np.where(flux > 0, flux, np.nan)
    return -2.5 * np.log10(positive[:, :-1] / positive[:, 1:])


def frequencies(bins: int) -> NDArray[np.float64]:
    """(bins + 1,) edges of the radial power spectrum's bins, from 0 to 0.5 cycles / pixel."""
    return np.linspace(0.0, 0.5, bins + 1)


@lru_cache(maxsize=8)
def _rings(height: int, width: int, bins: int) -> NDArray[np.float32]:
    """(modes, bins) weights that average the modes of a real transform over each ring."""
    k = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    ring = np.digitize(k, frequencies(bins), right=True) - 1
    # Each mode off the edges of the half plane represents its mirror image too.
    twice = np.ones(k.shape)
    twice[:, 1 : (width + 1) // 2] = 2
    weights = np.stack([twice * (ring == index) for index in range(bins)], axis=-1).reshape(
        -1, bins
    )
    return np.asarray(weights / np.maximum(weights.sum(axis=0), 1), np.float32)


def power_spectrum(images: Floats, bins: int) -> NDArray[np.float32]:
    """Azimuthally averaged power, relative to the mean over all modes up to 0.5 cycles / pixel:
    white noise is 1 everywhere.

    A Hann window keeps the edges, which do not fit each other, from leaking into high frequencies;
    it smears the power over two modes, and the mean, which goes first, takes the lowest ones with
    it.

    Args:
        images: (n, C, H, W), finite.
        bins: even ones from 0 to 0.5 cycles / pixel, at most half the side.

    Returns:
        (n, C, bins); NaN where the image is constant.
    """
    height, width = images.shape[2:]
    window = (np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]).astype(
        np.float32
    )
    images = images.astype(np.float32)
    # Constant images must give exactly nothing, whatever the rounding of their mean.
    images = images - images[:, :, :1, :1]
    mean = (images * window).sum(axis=(2, 3), keepdims=True) / window.sum()
    power = np.abs(np.fft.rfft2((images - mean) * window)).astype(np.float32) ** 2
    rings = _rings(height, width, bins)
    profile = power.reshape(*power.shape[:2], -1) @ rings
    modes = np.diff(frequencies(bins) ** 2)
    total = (profile * modes).sum(axis=-1, keepdims=True) / modes.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(total > 0, profile / total, np.nan)
    return relative.astype(np.float32)


def thumbnails(images: Floats, size: int) -> NDArray[np.float32]:
    """Block averages of the central part.

    Args:
        images: (n, C, H, W), finite.
        size: of the result, at most the smaller side.

    Returns:
        (n, C, size, size).
    """
    n, bands, height, width = images.shape
    block = min(height, width) // size
    top, left = (height - block * size) // 2, (width - block * size) // 2
    inner = images[:, :, top : top + block * size, left : left + block * size]
    means: NDArray[np.float32] = (
        inner.reshape(n, bands, size, block, size, block).mean(axis=(3, 5)).astype(np.float32)
    )
    return means


def odd_pixels(images: Floats) -> dict[str, NDArray[np.float64]]:
    """Shares of pixels that are no measurement.

    Args:
        images: (n, C, H, W).

    Returns:
        (n, C) each: ``missing``, the share of NaN and infinite pixels; ``saturated``, of pixels at
        the image's largest value, where at least 5 are; ``zero``, of pixels that are exactly 0;
        ``constant``, 1 where all finite pixels are equal.
    """
    pixels = images.reshape(*images.shape[:2], -1)
    finite = np.isfinite(pixels)
    high = np.where(finite, pixels, -np.inf).max(axis=-1, keepdims=True)
    low = np.where(finite, pixels, np.inf).min(axis=-1, keepdims=True)
    constant = high <= low
    plateau = (pixels == high).sum(axis=-1)
    return {
        "missing": 1 - finite.mean(axis=-1),
        "saturated": np.where(
            (plateau >= _PLATEAU) & ~constant[..., 0], plateau / pixels.shape[-1], 0.0
        ),
        "zero": (pixels == 0).mean(axis=-1),
        "constant": constant[..., 0].astype(np.float64),
    }
