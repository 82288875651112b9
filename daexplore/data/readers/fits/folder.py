"""A folder of FITS cut-outs: a file a galaxy, or a file a galaxy and band."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import class_codes
from daexplore.data.catalogues.match import match_catalogue
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.fits.band_files import FITS_SUFFIX, BandFiles, find_band_files
from daexplore.data.readers.fits.cutout import read_fits
from daexplore.data.readers.listing import SAME_SCALE, Cutout, Listing, Rejected
from daexplore.errors import InputError

__all__ = ["FITS_SUFFIXES", "READER", "list_fits_folder"]

FITS_SUFFIXES = tuple(
    f".{suffix}{packed}"
    for suffix in ("fits", "fit", "fts")
    for packed in ("", ".gz", ".fz", ".bz2", ".xz")
)
"""Suffixes of FITS files, some of them packed as a whole."""


def list_fits_folder(given: Input) -> Listing:
    """The galaxies of a folder and of the folders in it; no image is opened here.

    Each file is a galaxy, unless names or folders differ in the band alone (``gal7_F814W.fits`` and
    ``gal7_F160W.fits``, or ``g/gal7.fits`` and ``r/gal7.fits``): then these files together are one;
    see ``find_band_files``. A galaxy is called after its file, without suffix and band; under that
    name it is looked for in the catalogue, if there is one. Without a catalogue the galaxies are
    unlabelled, or, where they all are in two or more sub-folders, each sub-folder is a class.
    Galaxies that lack a band are rejected.

    Raises:
        InputError: no FITS files, two for the same galaxy and band, no galaxy with all bands, or a
            catalogue that does not go with them.
    """
    path, read, table = given.path, given.read, given.table
    files = given.images(FITS_SUFFIXES)
    if not files:
        raise InputError(
            f"{path} holds no FITS images ({', '.join(FITS_SUFFIXES[::5])}). Put them there, or"
            " give the folder where they are."
        )
    found = find_band_files(files, read.bands) or _one_each(files, path)
    complete = {name: those for name, those in found.galaxies.items() if None not in those}
    if not complete:
        name, those = next(iter(found.galaxies.items()))
        raise InputError(
            f"{path}: no galaxy has all bands ({', '.join(found.bands)});"
            f" {_lacking(name, those, found)}. Declare fewer bands."
        )
    set_name = read.name or path.resolve().name
    names = list(complete)
    attached = match_catalogue(names, path, read, set_name, table)
    catalogue, classes = attached.catalogue, attached.classes
    provenance: dict[str, Any] = {
        "reader": "fits_folder",
        "path": str(path.resolve()),
    } | attached.provenance
    if found.bands:
        provenance["band_files"] = list(found.bands)
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    if table is None and "" not in folders and len(set(folders)) > 1:
        codes, classes = class_codes(pd.Series(folders, dtype=object), "folder", path)
        catalogue = catalogue.assign(label=codes)
        provenance["label_column"] = "sub-folder"
    aside = [
        Rejected(name, f"{path}: {_lacking(name, those, found)}.")
        for name, those in found.galaxies.items()
        if name not in complete
    ]
    aside += [
        Rejected(file, f"{path / file}: its name says none of the bands {', '.join(found.bands)}.")
        for file in found.others
    ]
    paths = tuple(tuple(file for file in those if file) for those in complete.values())
    return Listing(
        catalogue,
        _Load(path, paths, found.bands, read),
        classes,
        set_name,
        provenance,
        tuple(aside),
    )


def _one_each(files: list[str], path: Path) -> BandFiles:
    galaxies: dict[str, tuple[str | None, ...]] = {}
    for file in files:
        name = FITS_SUFFIX.sub("", file)
        if name in galaxies:
            raise InputError(
                f"{path}: {galaxies[name][0]} and {file} are two files of one galaxy. Keep one of"
                " them."
            )
        galaxies[name] = (file,)
    return BandFiles((), galaxies)


def _lacking(name: str, those: tuple[str | None, ...], found: BandFiles) -> str:
    missing = [band for band, file in zip(found.bands, those, strict=True) if file is None]
    return f"{name!r} has no file of the band{'s' * (len(missing) > 1)} {', '.join(missing)}"


@dataclass(frozen=True)
class _Load:
    folder: Path
    files: tuple[tuple[str, ...], ...]
    bands: tuple[str, ...]
    read: ReadConfig

    def __call__(self, row: int) -> Cutout:
        paths = [self.folder / file for file in self.files[row]]
        if not self.bands:
            return read_fits(paths[0], self.read)
        one_band = dataclasses.replace(self.read, bands=None, zero_points=None)
        return _joined([read_fits(path, one_band) for path in paths], paths, self.bands)


def _joined(stamps: list[Cutout], paths: list[Path], bands: tuple[str, ...]) -> Cutout:
    """One galaxy of its bands' files."""
    first = stamps[0]
    scales = [stamp.pixel_scale for stamp in stamps if stamp.pixel_scale is not None]
    for stamp, path in zip(stamps, paths, strict=True):
        if len(stamp.pixels) != 1:
            raise InputError(
                f"{path}: expected the one band that its name says, got {len(stamp.pixels)}. Keep"
                " one image in the file."
            )
        if stamp.pixels.shape != first.pixels.shape:
            (height, width), (h, w) = stamp.pixels.shape[1:], first.pixels.shape[1:]
            raise InputError(
                f"{path} measures {width}x{height} pixels, {paths[0].name} {w}x{h}. Bring the bands"
                " to one grid first."
            )
    if scales and max(scales) > (1 + SAME_SCALE) * min(scales):
        listed = ", ".join(
            f"{path.name} {stamp.pixel_scale}" for stamp, path in zip(stamps, paths, strict=True)
        )
        raise InputError(
            f"{paths[0]}: the bands' pixels differ in size ({listed} arcsec). Bring them to one"
            " grid first."
        )
    fluxes = [None if stamp.flux_scale is None else stamp.flux_scale[0] for stamp in stamps]
    flux = None if None in fluxes else tuple(value for value in fluxes if value is not None)
    return Cutout(
        np.concatenate([stamp.pixels for stamp in stamps]),
        bands,
        scales[0] if scales else None,
        flux,
    )


def _recognises(given: Input) -> bool:
    return given.path.is_dir() and bool(given.images(FITS_SUFFIXES))


READER = Reader(
    "fits",
    "a folder of FITS cut-outs: a file a galaxy, or a file a galaxy and band; with a catalogue or"
    " without",
    _recognises,
    list_fits_folder,
)
