"""A folder of FITS cut-outs: a file a galaxy, or a file a galaxy and band."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import class_codes
from daexplore.data.catalogues.match import keyed_by_sample, match_catalogue, names_of
from daexplore.data.catalogues.read import FILE_COLUMNS, ID_COLUMNS
from daexplore.data.readers.base import Input, Reader, class_folders
from daexplore.data.readers.fits.band_files import FITS_SUFFIX, BandFiles, find_band_files
from daexplore.data.readers.fits.cutout import read_fits
from daexplore.data.readers.fits.hdus import read_bytes, read_hdus
from daexplore.data.readers.fits.photometry import band_name
from daexplore.data.readers.listing import SAME_SCALE, Cutout, Listing, Rejected
from daexplore.data.readers.picture import PICTURE_SUFFIXES
from daexplore.errors import InputError

__all__ = ["FITS_SUFFIXES", "READER", "list_fits_folder"]

# Words that are bands (WISE, IRAC, narrow ones) and parts of galaxies' and fields' names as well.
_LIKE_A_NAME = re.compile(r"N\d{3,4}|W[1-4]|ch[1-4]", re.IGNORECASE)
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
    found = _from_manifest(given, files) or _bands_by_name(files, read, path)
    complete = {name: those for name, those in found.galaxies.items() if None not in those}
    if not complete:
        name, those = next(iter(found.galaxies.items()))
        raise InputError(
            f"{path}: no galaxy has all bands ({', '.join(found.bands)});"
            f" {_lacking(name, those, found)}. Declare fewer bands."
        )
    set_name = read.name or path.resolve().name
    names = list(complete)
    if isinstance(found, _Manifest):
        ids = [f"{set_name}/{name}" for name in names]
        rows = np.array([found.rows[name] for name in names], np.int64)
        attached = keyed_by_sample(ids, found.table, read, rows)
    else:
        attached = match_catalogue(names, path, read, set_name, table)
    catalogue, classes = attached.catalogue, attached.classes
    provenance: dict[str, Any] = {
        "reader": "fits_folder",
        "origin": "lower left",
        "path": str(path.resolve()),
    } | attached.provenance
    if found.bands:
        provenance["band_files"] = list(found.bands)
    folders, splits = class_folders(names)
    if table is None and splits:
        provenance["notes"] = [
            *provenance.get("notes", ()),
            f"The folders {', '.join(splits)} are splits, not classes.",
        ]
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
        tuple(file for those in paths for file in those),
    )


@dataclass(frozen=True)
class _Manifest(BandFiles):
    """The same by a catalogue with one row a file.

    Attributes:
        table: the catalogue.
        rows: the first row of each galaxy.
    """

    table: Any = None
    rows: Mapping[str, int] = field(default_factory=dict)


def _from_manifest(given: Input, files: Sequence[str]) -> _Manifest | None:
    """Bands and galaxies by a catalogue with a row for each file and band: columns with the file,
    the band and the galaxy's name. None where the catalogue is no such one.
    """
    table = given.table
    if table is None:
        return None
    lower = {column.lower(): column for column in reversed(table.columns)}
    file, band = (
        next((lower[name] for name in names if name in lower), None)
        for names in (FILE_COLUMNS, ("filter", "band"))
    )
    galaxy = given.read.id or next(
        (lower[name] for name in ID_COLUMNS if name in lower and lower[name] != file), None
    )
    if file is None or band is None or galaxy is None:
        return None
    names = names_of(table.frame[galaxy], galaxy, table.path)
    paths = [str(value).strip() for value in table.frame[file]]
    bands = list(dict.fromkeys(str(value).strip() for value in table.frame[band]))
    if len(set(names)) == len(names) or not set(paths) & set(files):
        return None
    wanted = list(given.read.bands or bands)
    galaxies: dict[str, list[str | None]] = {}
    rows: dict[str, int] = {}
    for row, (name, path, value) in enumerate(
        zip(names, paths, table.frame[band].astype(str).str.strip(), strict=True)
    ):
        rows.setdefault(name, row)
        those = galaxies.setdefault(name, [None] * len(wanted))
        if value not in wanted or path not in set(files):
            continue
        place = wanted.index(value)
        if those[place] is not None:
            raise InputError(
                f"{table.path}: the galaxy {name!r} has two files in the band {value}:"
                f" {those[place]} and {path}. Keep one of them."
            )
        those[place] = path
    listed = {path for those in galaxies.values() for path in those if path}
    others = tuple(path for path in files if path not in listed)
    complete = {name: tuple(those) for name, those in galaxies.items()}
    return _Manifest(tuple(wanted), complete, others, table, rows)


def _bands_by_name(files: list[str], read: ReadConfig, path: Path) -> BandFiles:
    """Words of names count as bands where they are declared, where the headers agree, or, of files
    without a filter in their header, where no catalogue of galaxies has such words.
    """
    found = find_band_files(files, read.bands)
    if found is None or (read.bands is None and not _agree(found, path)):
        return _one_each(files, path)
    return found


def _agree(found: BandFiles, path: Path) -> bool:
    those = next((those for those in found.galaxies.values() if None not in those), None)
    if those is None:
        return True
    filters = [_filter_of(path / str(file)) for file in those]
    told = [(name, band) for name, band in zip(filters, found.bands, strict=True) if name]
    if told:
        return all(
            band.casefold() in {name.casefold(), *re.split(r"[^a-z0-9]+", name.casefold())}
            for name, band in told
        )
    return len(found.galaxies) > 1 or not any(map(_LIKE_A_NAME.fullmatch, found.bands))


def _filter_of(path: Path) -> str | None:
    """The filter by the header of the file's first image; None where it does not say one, or cannot
    be read: then reading the galaxy says why.
    """
    try:
        hdus = read_hdus(read_bytes(path), path)
    except InputError:
        return None
    image = next((hdu for hdu in hdus if hdu.shape), hdus[0])
    return band_name(image.header.over(hdus[0].header))


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
    """Most images of the folder are FITS files: one PSF among pictures does not make it one."""
    there = len(given.images(FITS_SUFFIXES)) if given.path.is_dir() else 0
    return there > 0 and there >= len(given.images(PICTURE_SUFFIXES))


READER = Reader(
    "fits",
    "a folder of FITS cut-outs: a file a galaxy, or a file a galaxy and band; with a catalogue or"
    " without",
    _recognises,
    list_fits_folder,
)
