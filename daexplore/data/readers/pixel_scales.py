"""Images of one set whose pixels have different sizes, brought to one where that is asked for."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.preprocessing.steps.resample import overlap_matrix, resampled_length
from daexplore.data.readers.listing import SAME_SCALE, Cutout, Listing
from daexplore.data.readers.load import with_warnings
from daexplore.errors import InputError

__all__ = ["SCALE_COLUMNS", "with_pixel_scales"]

SCALE_COLUMNS = ("pixel_scale", "pixelscale", "pixscale", "pxscale")
"""Columns, in any case of letters, in which a catalogue may give each image's [arcsec / pixel]."""


def with_pixel_scales(listing: Listing, read: ReadConfig) -> Listing:
    """The listing whose images say their own pixel scale, resampled where ``read.resample`` asks.

    Cut-outs that scale with the galaxy, as Galaxy Zoo's, have a scale each; only their catalogue
    may know it. Without ``read.resample`` such a set has no pixel scale, and its account says so.

    Raises:
        InputError: one scale is declared and the catalogue says that they differ; or resampling
            without a size, to which all are cropped.
    """
    column, scales = _scales(listing.catalogue)
    known = scales[np.isfinite(scales)]
    mixed = len(known) > 0 and known.max() > known.min() * (1 + SAME_SCALE)
    between = f"{known.min():.4g} to {known.max():.4g} arcsec" if len(known) else ""
    if mixed and read.pixel_scale is not None:
        raise InputError(
            f"{listing.name}: --pixel-scale {read.pixel_scale:.4g} is declared for all images, but"
            f" the column {column!r} gives {between}. Leave it out, and bring all to one scale:"
            " --resample ARCSEC --size PIXELS."
        )
    if read.resample is None:
        if not len(known):
            return listing
        if mixed:
            return with_warnings(
                listing,
                [
                    f"Its pixels measure {between} (column {column!r}), so that the set has no one"
                    " pixel scale. --resample ARCSEC --size PIXELS brings all to one."
                ],
            )
        return dataclasses.replace(listing, load=_Scaled(listing.load, tuple(scales), None))
    if read.size is None:
        raise InputError(
            f"{listing.name}: --resample {read.resample:.4g} gives images of different sizes. Say"
            " to which all are cropped: --size PIXELS."
        )
    own = tuple(scales) if len(known) else None
    told = f"resampled from {between}" if mixed else "resampled"
    return with_warnings(
        dataclasses.replace(listing, load=_Scaled(listing.load, own, read.resample, read.size)),
        [f"Its images were {told} to {read.resample:.4g} arcsec per pixel."],
    )


@dataclass(frozen=True)
class _Scaled:
    """Images with the scale that their file or the catalogue's row gives."""

    load: Callable[[int], Cutout]
    scales: tuple[float, ...] | None
    wanted: float | None
    size: int = 0

    def __call__(self, row: int) -> Cutout:
        stamp = self.load(row)
        scale = stamp.pixel_scale
        if scale is None and self.scales is not None and np.isfinite(self.scales[row]):
            scale = float(self.scales[row])
        if self.wanted is None:
            return dataclasses.replace(stamp, pixel_scale=scale)
        if scale is None:
            raise InputError(
                f"row {row + 1}: neither its file nor the catalogue says how large its pixels are,"
                " so that it cannot be resampled. Leave it out."
            )
        ratio, (height, width) = self.wanted / scale, stamp.pixels.shape[1:]
        if self.size > resampled_length(min(height, width), ratio):
            raise InputError(
                f"row {row + 1}: it is {min(height, width) * scale:.4g} arcsec wide, less than the"
                f" {self.size * self.wanted:.4g} of --size {self.size} at {self.wanted:.4g} arcsec"
                " a pixel. Take a smaller size, or leave it out."
            )
        # About the centre, to the size itself: cropping later would shift some by half a pixel.
        rows, across = (overlap_matrix(n, ratio, self.size) for n in (height, width))
        good = np.isfinite(stamp.pixels)
        flux = rows @ np.where(good, stamp.pixels, 0).astype(np.float32) @ across.T
        # A new pixel of which less than half was measured is not measured.
        measured = rows @ good.astype(np.float32) @ across.T / np.float32(ratio**2)
        measured_flux = np.where(measured > 0.5, flux / np.maximum(measured, 0.5), np.nan)
        pixels: NDArray[np.float32] = measured_flux.astype(np.float32)
        # The values of a picture are brightnesses, not fluxes: the mean stays, not the sum.
        pixels = pixels / np.float32(ratio**2) if stamp.depth is not None else pixels
        columns = stamp.columns | {"pixel_scale_before": scale}
        return dataclasses.replace(stamp, pixels=pixels, pixel_scale=self.wanted, columns=columns)


def _scales(catalogue: pd.DataFrame) -> tuple[str, NDArray[np.float64]]:
    """The column of scales, and its values; empty and all NaN where there is none."""
    for name in catalogue:
        if str(name).lower() in SCALE_COLUMNS:
            values = pd.to_numeric(catalogue[name], errors="coerce").to_numpy(np.float64)
            return str(name), np.where(values > 0, values, np.nan)
    return "", np.full(len(catalogue), np.nan)
