"""Measurement of a set of images in one pass, in pieces of bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.images import pixel_statistics

__all__ = ["QUANTITIES", "Measured", "measure"]

QUANTITIES: dict[str, tuple[str, str, str]] = {
    "background": ("background level", "flux", "linear"),
    "noise": ("noise", "flux", "log"),
    "peak_snr": ("peak signal-to-noise", "", "log"),
    "total_snr": ("integrated signal-to-noise", "", "log"),
    "flux": ("brightness", "flux", "log"),
    "half_light_radius": ("size (half-light radius)", "pixel", "log"),
    "concentration": ("concentration", "", "linear"),
    "fine_structure": ("share of power on scales below 4 pixels", "", "log"),
    "colour": ("colour", "mag", "linear"),
}
"""Each measured quantity in words, its unit ("flux" represents that of the pixels), and whether
ratios or differences compare it.
"""

_CHUNK = 128
_FINE = 0.25
_PIXELS = 256


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on n images.

    Attributes:
        quantities: n rows, a column "quantity/band" each; NaN where undefined.
        spectra: (n, C, bins) power relative to white noise, see ``pixels.power_spectrum``.
        odd: (n, C) each, see ``pixels.odd_pixels``.
        thumbnails: (n, C, size, size).
        sample: (n, C, 256) random pixels of each image.
    """

    quantities: pd.DataFrame
    spectra: NDArray[np.float32]
    odd: dict[str, NDArray[np.float64]]
    thumbnails: NDArray[np.float32]
    sample: NDArray[np.float32]


def measure(
    images: Any,
    rows: NDArray[np.integer[Any]],
    bands: tuple[str, ...],
    bins: int,
    size: int,
    flux_scale: tuple[float, ...] | None = None,
    pixel_scale: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Measure the given rows; a missing pixel counts as the median of its image in that band.

    Args:
        images: (N, C, H, W), anything that gives arrays for arrays of row numbers.
        rows: (n,) which ones.
        bands: names of the C channels.
        bins: of the power spectrum.
        size: of the thumbnails [pixel].
        flux_scale: what a unit of each band's pixels is worth; fluxes, noise and colours are
            multiplied by it.
        pixel_scale: sizes are multiplied by it.
        progress: called with how many images were done since the last call.
    """
    scale = np.ones(len(bands)) if flux_scale is None else np.array(flux_scale)
    rng = np.random.default_rng(0)
    tables, spectra, odd, small, sample = [], [], [], [], []
    for start in range(0, len(rows), _CHUNK):
        raw = np.asarray(images[rows[start : start + _CHUNK]], np.float32)
        odd.append(pixel_statistics.odd_pixels(raw))
        flux = _mended(raw) * scale[:, None, None].astype(np.float32)
        spectra.append(pixel_statistics.power_spectrum(flux, bins))
        tables.append(_quantities(flux, bands, spectra[-1], pixel_scale))
        small.append(pixel_statistics.thumbnails(flux, size))
        flat = flux.reshape(*flux.shape[:2], -1)
        sample.append(flat[:, :, rng.integers(0, flat.shape[-1], _PIXELS)])
        if progress is not None:
            progress(len(raw))
    return Measured(
        pd.concat(tables, ignore_index=True),
        np.concatenate(spectra),
        {name: np.concatenate([part[name] for part in odd]) for name in odd[0]},
        np.concatenate(small),
        np.concatenate(sample),
    )


def _mended(images: NDArray[np.float32]) -> NDArray[np.float32]:
    finite = np.isfinite(images)
    if finite.all():
        return images
    # An image without a single measured pixel counts as empty.
    holed = np.where(finite, images, np.nan).reshape(*images.shape[:2], -1)
    some = finite.any(axis=(2, 3))
    median = np.zeros(images.shape[:2], np.float32)
    median[some] = np.nanmedian(holed[some], axis=-1)
    return np.where(finite, images, median[..., None, None])


def _quantities(
    flux: NDArray[np.float32],
    bands: tuple[str, ...],
    spectra: NDArray[np.float32],
    pixel_scale: float,
) -> pd.DataFrame:
    level, noise = pixel_statistics.background(flux)
    values = {"background": level, "noise": noise} | pixel_statistics.apertures(flux, level)
    values |= pixel_statistics.signal(flux, level, noise, values["flux"])
    values["half_light_radius"] *= pixel_scale
    area = np.diff(pixel_statistics.frequencies(spectra.shape[-1]) ** 2)
    fine = pixel_statistics.frequencies(spectra.shape[-1])[:-1] >= _FINE
    with np.errstate(invalid="ignore", divide="ignore"):
        values["fine_structure"] = (spectra * area)[..., fine].sum(axis=-1) / (spectra * area).sum(
            axis=-1
        )
    columns = {
        f"{name}/{band}": values[name][:, i]
        for name in QUANTITIES
        if name != "colour"
        for i, band in enumerate(bands)
    }
    colour = pixel_statistics.colours(values["flux"])
    columns |= {f"colour/{bands[i]}-{bands[i + 1]}": colour[:, i] for i in range(len(bands) - 1)}
    return pd.DataFrame(columns)
