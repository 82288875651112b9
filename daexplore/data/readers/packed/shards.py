"""Rows over several files of many galaxies each, and the catalogue that comes with the images."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.match import catalogue_of, keyed_by_sample, names_of
from daexplore.data.catalogues.read import ID_COLUMNS, TableFile
from daexplore.data.readers.base import Input
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address

__all__ = ["MOST_CHANNELS", "Shard", "Shards", "channels_first", "first_channels", "packed_listing"]

MOST_CHANNELS = 16
"""An axis that is longer is no axis of channels."""

_IDS = ("__key__", *ID_COLUMNS, "id_str", "dr8_id", "iauname")


@dataclass(frozen=True)
class Shard:
    """One file, as a key of what is kept open: a file that was replaced is another.

    Attributes:
        where: what ``open_binary`` opens it by.
        stamp: time of its last change [ns] and size [bytes]; 0 at an address.
    """

    where: str
    stamp: tuple[int, int]

    @staticmethod
    def of(where: str) -> "Shard":
        """The file as it is now; one that is missing fails when it is opened."""
        if is_address(where) or not os.path.exists(where):
            return Shard(where, (0, 0))
        about = os.stat(where)
        return Shard(where, (about.st_mtime_ns, about.st_size))

    def __str__(self) -> str:
        return self.where


@dataclass(frozen=True)
class Shards:
    """The rows of several files, one after the other.

    Attributes:
        files: each of them.
        starts: the first row of each, and the number of all.
    """

    files: tuple[Shard, ...]
    starts: tuple[int, ...]

    def place(self, row: int) -> tuple[Shard, int]:
        """The file of a row, and its row there."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.files[number], row - self.starts[number]


def packed_listing(
    given: Input,
    kind: str,
    files: Sequence[str],
    frames: Sequence[pd.DataFrame],
    load: Callable[[Shards], Callable[[int], Cutout]],
    dropped: Sequence[str] = (),
    about: dict[str, Any] | None = None,
) -> Listing:
    """The listing of the rows of all files.

    Args:
        given: the input.
        kind: name of the reader.
        files: those that hold galaxies, relative to the input's folder.
        frames: what each knows of its rows besides the images.
        load: makes the function that reads the galaxy of a row.
        dropped: columns that a catalogue cannot hold.
        about: further provenance.

    Raises:
        InputError: files of different columns, no row, or a declared catalogue of other length.
    """
    for file, frame in zip(files, frames, strict=True):
        if list(frame) != list(frames[0]):
            raise InputError(
                f"{given.at(file)}: its columns ({', '.join(map(str, frame))}) are not those"
                f" of {files[0]} ({', '.join(map(str, frames[0]))}). Give files of one table."
            )
    whole = pd.concat(frames, ignore_index=True)
    if not len(whole):
        raise InputError(f"{given.where}: it holds no galaxy.")
    table = TableFile(whole, given.path, dropped=tuple(dropped))
    catalogue = given.where
    if given.read.catalogue:
        table, catalogue = _declared(given, len(whole)), given.read.catalogue
    name = given.read.name or given.path.name.partition(".")[0]
    keys, ids = _names(table, given)
    attached = keyed_by_sample([f"{name}/{key}" for key in keys], table, given.read)
    starts = np.concatenate([[0], np.cumsum([len(frame) for frame in frames])])
    shards = Shards(tuple(Shard.of(given.at(file)) for file in files), tuple(starts.tolist()))
    provenance = {"reader": kind, "path": given.where, **(about or {})} | attached.provenance
    provenance |= {"catalogue": catalogue}
    return Listing(
        attached.catalogue,
        load(shards),
        attached.classes,
        name,
        provenance | ({"matched_by": ids} if ids else {}),
        files=tuple(files),
    )


def channels_first(shape: Sequence[int], where: str, declared: int | None = None) -> bool:
    """Whether images of three axes have their channels first, and not last.

    Args:
        shape: of one image.
        where: names it in errors.
        declared: number of bands, where it was declared.

    Raises:
        InputError: it can be neither.
    """
    first, _, last = shape
    if declared is not None and (first == declared) != (last == declared):
        return first == declared
    if first <= MOST_CHANNELS and (last > MOST_CHANNELS or first <= last):
        return True
    if last <= MOST_CHANNELS:
        return False
    raise InputError(
        f"{where}: expected images of (channels, height, width) or (height, width, channels) with"
        f" at most {MOST_CHANNELS} channels, got {tuple(shape)}."
    )


def first_channels(pixels: NDArray[Any], where: str, declared: int | None) -> NDArray[Any]:
    """One image of two or three axes as (channels, height, width)."""
    if pixels.ndim == 2:
        return pixels[None]
    if pixels.ndim != 3:
        raise InputError(f"{where}: its image has {pixels.ndim} axes, expected 2 or 3.")
    first = channels_first(pixels.shape, where, declared)
    return pixels if first else np.moveaxis(pixels, -1, 0)


def _declared(given: Input, n: int) -> TableFile:
    table = catalogue_of(given.folder, given.read)
    if table is None or len(table.frame) != n:
        rows = 0 if table is None else len(table.frame)
        raise InputError(
            f"{given.read.catalogue}: expected {n} rows, one for each image of {given.where} in"
            f" their order, got {rows}."
        )
    return table


def _names(table: TableFile, given: Input) -> tuple[Sequence[str], str | None]:
    """What the galaxies are called: by the first column of names that are all there and different,
    else by their row.
    """
    if given.read.id and given.read.id not in table.frame:
        raise InputError(
            f"{given.where} has no column {given.read.id!r} for the ids; it has"
            f" {', '.join(table.columns)}. Name one of those."
        )
    lower = {column.lower(): column for column in table.columns}
    wanted = [given.read.id] if given.read.id else [lower[key] for key in _IDS if key in lower]
    for column in wanted:
        names = names_of(table.frame[column], column, given.where)
        if all(names) and len(set(names)) == len(names):
            return names, column
        if given.read.id:
            twice = next((name for name in names if names.count(name) > 1), "")
            raise InputError(
                f"{given.where}: the column {column!r} does not name each image once"
                f" ({f'{twice!r} comes several times' if twice else 'a name is missing'}). Name"
                " another column, or leave --id out to count the rows."
            )
    return [f"{row:06d}" for row in range(len(table.frame))], None
