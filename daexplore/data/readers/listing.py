"""Listing of galaxies that were found but not read yet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["SAME_SCALE", "Cutout", "Listing", "Rejected"]

SAME_SCALE = 0.01
"""Pixel scales that differ by at most this fraction are the same."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """One galaxy's image and what its file says of it.

    Attributes:
        pixels: (C, H, W) float32, channel first, native units; NaN where there is no measurement.
        bands: names of the channels, None where the file does not say.
        pixel_scale: [arcsec / pixel], None where the file does not say.
        flux_scale: nanojansky of one unit, in each band; None where the file does not say.
        psf_fwhm: width of the point spread function in each band [arcsec]; None where the file does
            not say.
        columns: what the catalogue is to know of this galaxy besides, for example that it is at
            the edge of its tile.
        depth: bits of each value, of a picture; None where values are measurements.
    """

    pixels: NDArray[np.float32]
    bands: tuple[str, ...] | None = None
    pixel_scale: float | None = None
    flux_scale: tuple[float, ...] | None = None
    psf_fwhm: tuple[float, ...] | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    depth: int | None = None


@dataclass(frozen=True)
class Rejected:
    """A galaxy that cannot be used: its name in the input, and why not."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Listing:
    """The galaxies of an input, in a fixed order.

    Attributes:
        catalogue: one row a galaxy with the columns of ``REQUIRED_COLUMNS``, then whatever else is
            known.
        load: reads the galaxy of a row number, and can be sent to another process; raises
            InputError naming file, place and remedy.
        classes: names of the labels.
        name: short name of the set.
        provenance: where it came from, as JSON types.
        aside: galaxies that are known to be unusable without reading them, such as those off every
            tile.
        files: those of the input that the galaxies are read from, relative to its folder; empty
            where that is not known.
        made: columns of the catalogue that the reader made: what a cutout says goes before them.
    """

    catalogue: pd.DataFrame
    load: Callable[[int], Cutout]
    classes: tuple[str, ...]
    name: str
    provenance: dict[str, Any]
    aside: tuple[Rejected, ...] = ()
    files: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.catalogue)

    @cached_property
    def sample_ids(self) -> list[str]:
        """The ids in row order, once for all: a table gives single cells slowly."""
        return list(map(str, self.catalogue["sample_id"]))
