"""Readers of arrays on disk: galaxy sets, .npy files and FITS files of many galaxies."""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import NO_LABELS, class_codes, label_column
from daexplore.data.catalogues.match import names_of
from daexplore.data.chunked_images import ChunkedImages
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.fits.band_files import FITS_SUFFIX
from daexplore.data.readers.hlsp import is_hlsp, read_hlsp
from daexplore.data.readers.image_format import declared_flux
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.data.readers.npy import read_npy
from daexplore.errors import InputError

__all__ = ["HLSP", "NPY", "STORED", "list_arrays", "read_arrays"]


def read_arrays(given: Input) -> GalaxySet:
    """A .npy file, a FITS file of many galaxies, or a stored galaxy set; its images memory-mapped
    where they can be.

    Raises:
        InputError: it cannot be opened, or what is declared does not go with it.
    """
    return _cropped(_whole(given.path, given.read), given.read.size)


def _whole(path: Path, read: ReadConfig) -> GalaxySet:
    if read.label == NO_LABELS:
        galaxies = _whole(path, dataclasses.replace(read, label=None))
        nothing = pd.Series(pd.NA, index=galaxies.catalogue.index, dtype="Int64")
        return dataclasses.replace(
            galaxies,
            catalogue=galaxies.catalogue.assign(label=nothing),
            provenance=galaxies.provenance | {"label_column": None, "label_declared": True},
        )
    if path.is_dir():
        return with_overrides(GalaxySet.load(path), read)
    return read_npy(path, read) if path.suffix.lower() == ".npy" else read_hlsp(path, read)


def _cropped(galaxies: GalaxySet, size: int | None) -> GalaxySet:
    """The centres of the images, without reading them; of an odd difference the extra pixel falls
    off the far end.
    """
    height, width = galaxies.images.shape[2:]
    if size is None or (height, width) == (size, size):
        return galaxies
    if size > min(height, width):
        raise InputError(
            f"Galaxy set {galaxies.name!r} has images of {width}x{height} pixels, fewer than the"
            f" declared size {size}. Declare a smaller one."
        )
    if isinstance(galaxies.images, ChunkedImages):
        raise InputError(
            f"Galaxy set {galaxies.name!r} is stored in chunks of {width}x{height} pixels and"
            f" cannot be opened at the declared size {size}. Let the training crop it (--set"
            " data.size), or ingest it again with --size."
        )
    top, left = (height - size) // 2, (width - size) // 2
    return dataclasses.replace(
        galaxies, images=galaxies.images[:, :, top : top + size, left : left + size]
    )


def list_arrays(given: Input) -> Listing:
    """The same, to be taken galaxy by galaxy: images are repaired and cropped on the way."""
    path, read = given.path, given.read
    galaxies = _whole(path, read)
    changed = max(
        file.stat().st_mtime_ns for file in ([path] if path.is_file() else path.iterdir())
    )
    load = _Load(str(path), read, changed)
    return Listing(galaxies.catalogue, load, galaxies.classes, galaxies.name, galaxies.provenance)


@dataclass(frozen=True)
class _Load:
    """Opens the arrays again in each process, since sending them there would copy every pixel."""

    path: str
    read: ReadConfig
    changed: int

    def __call__(self, row: int) -> Cutout:
        galaxies = _opened(self.path, self.read, self.changed)
        # Values beyond float32's range become infinite, which counts as bad pixels.
        with np.errstate(over="ignore"):
            pixels = np.asarray(galaxies.images[row], np.float32)
        return Cutout(
            pixels, galaxies.bands, galaxies.pixel_scale, galaxies.flux_scale, galaxies.psf_fwhm
        )


@lru_cache(maxsize=2)
def _opened(path: str, read: ReadConfig, changed: int) -> GalaxySet:  # noqa: ARG001
    return _whole(Path(path), read)


def with_overrides(galaxies: GalaxySet, read: ReadConfig) -> GalaxySet:
    """A stored set under what the caller declares; sample ids keep their text after the old
    name.
    """
    catalogue = galaxies.catalogue
    changes: dict[str, Any] = {}
    if read.name is not None and read.name != galaxies.name:
        ids = [
            f"{read.name}/{sample_id.removeprefix(f'{galaxies.name}/')}"
            for sample_id in catalogue["sample_id"]
        ]
        catalogue = catalogue.assign(sample_id=ids)
        changes["name"] = read.name
    where = f"Galaxy set {galaxies.name!r}"
    if read.label not in (None, "label", galaxies.provenance.get("label_column")):
        column = label_column(catalogue, read.label, where)
        codes, changes["classes"] = class_codes(
            catalogue[column], str(column), where, read.label_threshold
        )
        catalogue = catalogue.assign(label=codes)
        changes["provenance"] = galaxies.provenance | {"label_column": column}
    if read.group is not None:
        if read.group not in catalogue:
            raise InputError(
                f"{where} has no column {read.group!r} for the groups; it has"
                f" {', '.join(map(str, catalogue))}. Name one of those."
            )
        catalogue = catalogue.assign(
            group_id=[
                g or own
                for g, own in zip(
                    names_of(catalogue[read.group], read.group, where),
                    catalogue["sample_id"],
                    strict=True,
                )
            ]
        )
    if read.bands is not None:
        changes["bands"] = _bands(galaxies, read.bands)
    if read.pixel_scale is not None:
        changes["pixel_scale"] = read.pixel_scale
    if read.zero_points is not None:
        changes["flux_scale"] = declared_flux(read)
    if read.psf_fwhm is not None:
        changes["psf_fwhm"] = read.psf_fwhm
    return dataclasses.replace(galaxies, catalogue=catalogue, **changes)


def _bands(galaxies: GalaxySet, declared: tuple[str, ...]) -> tuple[str, ...]:
    """New names for the channels; names that the set uses already would say that its channels are
    others than it knows.
    """
    if declared != galaxies.bands and set(declared) & set(galaxies.bands):
        raise InputError(
            f"Galaxy set {galaxies.name!r} has the bands {', '.join(galaxies.bands)}, but"
            f" {', '.join(declared)} are declared. Leave the declaration out; which bands a"
            " training uses, and in which order, is its own setting."
        )
    return declared


STORED = Reader(
    "galaxy set",
    "a folder with galaxies.json: a galaxy set, as `daexplore simulate` and `daexplore ingest`"
    " write it",
    lambda given: (given.path / "galaxies.json").is_file(),
    list_arrays,
    read_arrays,
)
NPY = Reader(
    "npy",
    "a .npy file: images (N, channels, height, width), their labels in a file named alike with _y_"
    " or _y",
    lambda given: given.path.is_file() and given.path.suffix.lower() == ".npy",
    list_arrays,
    read_arrays,
)
HLSP = Reader(
    "hlsp",
    "a FITS file of many images, as published: images (N, channels, height, width), labels in the"
    " next HDU",
    lambda given: (
        given.path.is_file() and bool(FITS_SUFFIX.search(given.path.name)) and is_hlsp(given.path)
    ),
    list_arrays,
    read_arrays,
)
