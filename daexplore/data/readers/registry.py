"""Registry of readers: each kind of input is recognised by its content."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from daexplore.config import ReadConfig
from daexplore.data.account import PassedOver
from daexplore.data.catalogues.read import is_table
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.readers import arrays, image_folder
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.fits import folder as fits_folder
from daexplore.data.readers.fits.band_files import FITS_SUFFIX
from daexplore.data.readers.listing import Listing
from daexplore.data.readers.load import load_all
from daexplore.data.readers.packed import arrays as packed_arrays
from daexplore.data.readers.packed import parquet, tar
from daexplore.data.readers.pixel_scales import with_pixel_scales
from daexplore.data.readers.tiles import reader as tiles
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address

__all__ = ["READERS", "open_listing", "read_galaxies"]

READERS: tuple[Reader, ...] = (
    arrays.STORED,
    parquet.READER,
    tiles.READER,
    fits_folder.READER,
    image_folder.READER,
    packed_arrays.HDF5,
    packed_arrays.NPZ,
    tar.READER,
    arrays.NPY,
    arrays.HLSP,
)
"""The first that recognises an input reads it."""

_DECLARED = ("bands", "pixel_scale", "zero_points")


def read_galaxies(path: str | Path, read: ReadConfig | None = None, **declared: Any) -> GalaxySet:
    """Open galaxy images and their catalogue, of any kind in ``READERS``.

    Arrays and stored galaxy sets are memory-mapped and their pixels not read here;
    ``check_domains`` reads them once, before a training. Every other kind is read into memory.

    Args:
        path: of one of the kinds that the error about anything else lists.
        read: what is declared of the input; it overrides what the files say.
        declared: single fields of ``ReadConfig``, changed in ``read``.

    Raises:
        InputError: the input is missing, is of no understood kind, or cannot be used as it is.
    """
    if is_address(path):
        raise InputError(
            f"{path} is an address, not a path. Read it once into a galaxy set, which can be"
            f" stopped and continued, and use that: daexplore ingest {path} DEST"
        )
    reader, given = _recognise(Path(path).expanduser(), _declared(read, declared))
    if reader.open and given.read.resample is None:
        galaxies = reader.open(given)
        provenance = _with_declared(galaxies.provenance, given.read)
        return dataclasses.replace(galaxies, provenance=provenance)
    return load_all(_listed(reader, given), given.read)


def open_listing(path: str | Path, read: ReadConfig | None = None) -> Listing:
    """Return the galaxies of an input of any kind, to be read one by one.

    Args:
        path: of the input, or the address of one whose reader reads files elsewhere.
        read: what is declared of it.

    Raises:
        InputError: the input is missing, is of no understood kind, or its catalogue does not go
            with its images; a server that does not answer.
    """
    if is_address(path):
        reader, given = _recognise_elsewhere(str(path), read or ReadConfig())
    else:
        reader, given = _recognise(Path(path).expanduser(), read or ReadConfig())
    return _listed(reader, given)


def _listed(reader: Reader, given: Input) -> Listing:
    return with_pixel_scales(_with_account(reader.list(given), given), given.read)


def _with_account(listing: Listing, given: Input) -> Listing:
    """The listing with an account in its provenance of what it leaves out."""
    told = listing.provenance
    passed: list[PassedOver] = []
    if listing.files:
        own = Path(told["catalogue"]) if told.get("catalogue") else None
        used = set(listing.files)
        rest: dict[str, list[str]] = {}
        kinds = {Path(file).suffix.lower() for file in used}
        for file in given.files:
            # Resolving every path of a large survey takes minutes: only equal names can be it.
            same = own is not None and file.rpartition("/")[2] == own.name
            if file not in used and not (same and (given.folder / file).resolve() == own):
                suffix = Path(file).suffix.lower()
                kind = f"files of the kind {suffix or 'without suffix'}"
                rest.setdefault(
                    "no galaxy by name or catalogue" if suffix in kinds else kind, []
                ).append(file)
        passed += [PassedOver.of(reason, names) for reason, names in sorted(rest.items())]
    if count := told.get("rows_without_image"):
        first = tuple(told.get("first_without_image", ()))
        passed.append(PassedOver("rows of the catalogue without an image", int(count), first))
    if dropped := told.get("dropped_columns"):
        reason = "columns that a catalogue cannot hold (several values a cell, or complex numbers)"
        passed.append(PassedOver.of(reason, dropped))
    account = told.get("account", {})
    every = [*account.get("passed_over", ()), *(each.to_json() for each in passed)]
    told = told | {"account": account | ({"passed_over": every} if every else {})}
    return dataclasses.replace(listing, provenance=_with_declared(told, given.read))


def _with_declared(provenance: dict[str, Any], read: ReadConfig) -> dict[str, Any]:
    """The provenance whose account names what was declared, now or when the set was made."""
    account = provenance.get("account") or {}
    now = [name for name in _DECLARED if getattr(read, name) is not None]
    declared = sorted({*account.get("declared", ()), *now})
    return provenance | {"account": account | {"declared": declared}} if declared else provenance


def _recognise(path: Path, read: ReadConfig) -> tuple[Reader, Input]:
    """Return the reader and the input; naming a catalogue means the folder that it is in."""
    if not path.exists():
        raise InputError(f"There is nothing at {path}. {_understood()}")
    if path.name.lower() == "galaxies.json":
        path = path.parent
    elif path.is_file() and is_table(path) and not parquet.READER.recognises(Input(path, read)):
        path, read = path.parent, dataclasses.replace(read, catalogue=read.catalogue or str(path))
    given = Input(path, read)
    for reader in READERS:
        if reader.recognises(given):
            return reader, given
    if path.is_dir():
        reason = "the folder holds neither images nor a catalogue"
    elif FITS_SUFFIX.search(path.name):
        raise InputError(
            f"{path} holds one image. Give the folder of all cut-outs; or, if it is a survey tile,"
            " a catalogue of positions and the size of the cut-outs: --catalogue FILE --size 64."
        )
    else:
        reason = f"the kind of file ({path.suffix or 'no suffix'}) is none of them"
    raise InputError(f"Cannot tell what {path} is: {reason}. {_understood()}")


def _recognise_elsewhere(address: str, read: ReadConfig) -> tuple[Reader, Input]:
    name = re.split(r"[/*]", address.rstrip("/*"))[-1]
    given = Input(Path(name), read, address)
    able = [reader for reader in READERS if reader.elsewhere]
    for reader in able:
        if reader.recognises(given):
            return reader, given
    kinds = "\n".join(f"  {reader.understood}" for reader in able)
    raise InputError(
        f"Cannot tell what {address} is: its files ({', '.join(given.files[:3])}) are of none of"
        f" the kinds that are read from an address. Fetch them, or pack them into one of:\n{kinds}"
    )


def _understood() -> str:
    kinds = "\n".join(f"  {reader.understood}" for reader in READERS)
    return (
        f"Understood are:\n{kinds}\nCatalogues may be CSV, ECSV, FITS tables, VOTables or Parquet."
    )


def _declared(read: ReadConfig | None, declared: dict[str, Any]) -> ReadConfig:
    lists: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in declared.items()
        if value is not None
    }
    return dataclasses.replace(read or ReadConfig(), **lists)
