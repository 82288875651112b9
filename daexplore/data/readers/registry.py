"""One entrance for every kind of input: the reader is found by what the input is, never by asking the user."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daexplore.config import ReadConfig
from daexplore.data.catalogues.coordinates import coordinate_columns
from daexplore.data.catalogues.match import catalogue_of, names_images
from daexplore.data.catalogues.read import is_table
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers.arrays import list_arrays, read_arrays
from daexplore.data.readers.fits.band_files import FITS_SUFFIX, find_band_files
from daexplore.data.readers.fits.folder import FITS_SUFFIXES, list_fits_folder
from daexplore.data.readers.hlsp import is_hlsp
from daexplore.data.readers.image_folder import IMAGE_SUFFIXES, files_below, list_folder
from daexplore.data.readers.listing import Listing
from daexplore.data.readers.load import load_all
from daexplore.data.readers.tiles.reader import list_tiles
from daexplore.errors import InputError

__all__ = ["open_listing", "read_galaxies"]

_UNDERSTOOD = """Understood are:
  a folder with galaxies.json: a galaxy set, as `daexplore simulate` and `daexplore ingest` write it
  a folder of FITS cut-outs: a file a galaxy, or a file a galaxy and band; with a catalogue or without
  a folder of PNG or JPEG images: with a catalogue such as catalogue.csv, one sub-folder a class, or without labels
  survey tiles with a catalogue: FITS images with celestial coordinates, a table with RA and Dec, and the size of the cut-outs
  a .npy file: images (N, channels, height, width), their labels in a file named alike with _y_ or _y
  a FITS file of many images, as published: images (N, channels, height, width), labels in the next HDU
Catalogues may be CSV, ECSV, FITS tables, VOTables or Parquet."""


def read_galaxies(path: str | Path, read: ReadConfig | None = None, **declared: Any) -> GalaxySet:
    """Opens galaxy images and their catalogue, whatever of the understood kinds they are.

    Arrays and stored galaxy sets are memory-mapped and their pixels not read here; ``check_domains`` reads them once, before a training.
    Every other kind is read into memory.

    Args:
        path: of one of the kinds that the error about anything else lists.
        read: what is declared of the input: it goes before what the files say.
        declared: single fields of ``ReadConfig``, changed in ``read``.

    Raises:
        InputError: the input is not there, is of no understood kind, or cannot be used as it is.
    """
    read = _declared(read, declared)
    kind, path, read = _recognise(Path(path).expanduser(), read)
    return read_arrays(path, read) if kind == "arrays" else load_all(_LIST[kind](path, read), read)


def open_listing(path: str | Path, read: ReadConfig | None = None) -> Listing:
    """The galaxies of an input of any kind, to be read one by one.

    Raises:
        InputError: the input is not there, is of no understood kind, or its catalogue does not go with its images.
    """
    kind, path, read = _recognise(Path(path).expanduser(), read or ReadConfig())
    return _LIST[kind](path, read)


_LIST: dict[str, Callable[[Path, ReadConfig], Listing]] = {
    "arrays": list_arrays,
    "images": list_folder,
    "fits": list_fits_folder,
    "tiles": list_tiles,
}


def _recognise(path: Path, read: ReadConfig) -> tuple[str, Path, ReadConfig]:
    """Which reader, of what, and how: naming a catalogue means the folder it lies in."""
    if not path.exists():
        raise InputError(f"There is nothing at {path}. {_UNDERSTOOD}")
    if path.name.lower() == "galaxies.json":
        path = path.parent
    elif path.is_file() and is_table(path):
        path, read = path.parent, dataclasses.replace(read, catalogue=read.catalogue or str(path))
    if path.is_dir():
        return _kind_of_folder(path, read), path, read
    if path.suffix.lower() == ".npy":
        return "arrays", path, read
    if FITS_SUFFIX.search(path.name):
        if is_hlsp(path):
            return "arrays", path, read
        if read.catalogue is not None and read.size is not None:
            return "tiles", path, read
        raise InputError(
            f"{path} holds one image. Give the folder of all cut-outs; or, if it is a survey tile, a catalogue of positions and the size "
            "of the cut-outs: --catalogue FILE --size 64."
        )
    raise InputError(
        f"Cannot tell what {path} is: the kind of file ({path.suffix or 'no suffix'}) is none of them. {_UNDERSTOOD}"
    )


def _kind_of_folder(path: Path, read: ReadConfig) -> str:
    if (path / "galaxies.json").is_file():
        return "arrays"
    table = catalogue_of(path, read)
    own = None if table is None else table.path.resolve()
    files = [file for file in files_below(path, FITS_SUFFIXES) if (path / file).resolve() != own]
    if files:
        names = [*files, *_galaxies(files, read)]
        tiles = (
            table is not None
            and coordinate_columns(table) is not None
            and not names_images(table, names)
        )
        return "tiles" if tiles else "fits"
    if table is not None or files_below(path, IMAGE_SUFFIXES):
        return "images"
    raise InputError(
        f"Cannot tell what {path} is: the folder holds neither images nor a catalogue. {_UNDERSTOOD}"
    )


def _galaxies(files: list[str], read: ReadConfig) -> list[str]:
    """What the galaxies are called if there is a file a band."""
    try:
        found = find_band_files(files, read.bands)
    except InputError:  # Of survey tiles two may well differ in nothing but one word.
        return []
    return [] if found is None else list(found.galaxies)


def _declared(read: ReadConfig | None, declared: dict[str, Any]) -> ReadConfig:
    lists: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in declared.items()
        if value is not None
    }
    return dataclasses.replace(read or ReadConfig(), **lists)
