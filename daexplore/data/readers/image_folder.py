"""Folder of PNG or JPEG images, with a catalogue, class sub-folders or no labels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.labels import class_codes
from daexplore.data.catalogues.match import (
    MatchedCatalogue,
    keyed_by_sample,
    match_catalogue,
)
from daexplore.data.catalogues.read import TableFile
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.errors import InputError

__all__ = ["IMAGE_SUFFIXES", "READER", "list_folder"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

_FILE_COLUMNS = ("filename", "file", "image")
_GREY_MODES = ("1", "L", "I;16", "I;16B", "I", "F")


def list_folder(given: Input) -> Listing:
    """The images of a folder; pixels become float32 in the units of the file, 0 to 255 for 8-bit
    images.

    Where the catalogue names files of the folder (column filename, file or image) its rows say
    which images are taken, and in which order; images it does not name are left out. Otherwise each
    image gets its row as ``attach`` finds it. Without a catalogue the images are unlabelled, or,
    where they all are in two or more sub-folders, each sub-folder is a class.

    Channels are called R, G and B, as the format calls them, or grey; what they measure has to be
    declared.

    Raises:
        InputError: no images, or a catalogue that does not go with them.
    """
    path, read, table = given.path, given.read, given.table
    there = given.images(IMAGE_SUFFIXES)
    name = read.name or path.resolve().name
    column = None if table is None else _file_column(table, path)
    if table is not None and column is not None:
        names = _named_files(table, column)
        left_out = {"images_without_row": len(set(there) - set(names)), "matched_by": column}
        attached = _with(
            keyed_by_sample([f"{name}/{file}" for file in names], table, read), left_out
        )
    elif there:
        names = there
        attached = match_catalogue(names, path, read, name, table)
        attached = _by_folder(attached, names, path) if table is None else attached
    else:
        raise InputError(
            f"{path} holds no images ({', '.join(IMAGE_SUFFIXES)}). Put them there, or give the"
            " folder where they are."
        )
    provenance = {"reader": "folder", "path": str(path.resolve())} | attached.provenance
    return Listing(
        attached.catalogue, _Load(path, tuple(names)), attached.classes, name, provenance
    )


@dataclass(frozen=True)
class _Load:
    folder: Path
    names: tuple[str, ...]

    def __call__(self, row: int) -> Cutout:
        pixels = _read_image(self.folder / self.names[row])
        return Cutout(pixels.astype(np.float32), ("R", "G", "B") if len(pixels) == 3 else ("grey",))


def _file_column(table: TableFile, folder: Path) -> str | None:
    """The column that holds paths of files in the folder, if there is one."""
    for wanted in _FILE_COLUMNS:
        for column in table.columns:
            if column.lower() == wanted and any(
                (folder / str(value).strip()).is_file() for value in table.frame[column].dropna()
            ):
                return str(column)
    return None


def _named_files(table: TableFile, column: str) -> list[str]:
    empty = table.frame[column].isna()
    if empty.any():
        raise InputError(
            f"{table.path}: {int(empty.sum())} rows have no {column}, first row"
            f" {int(np.argmax(empty)) + 1}. Fill them in, or drop the rows."
        )
    return [str(value).strip() for value in table.frame[column]]


def _with(attached: MatchedCatalogue, provenance: dict[str, Any]) -> MatchedCatalogue:
    return replace(attached, provenance=attached.provenance | provenance)


def _by_folder(attached: MatchedCatalogue, names: list[str], path: Path) -> MatchedCatalogue:
    """Labels from the sub-folders, where they distinguish classes."""
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    if "" in folders or len(set(folders)) < 2:
        return attached
    codes, classes = class_codes(pd.Series(folders, dtype=object), "folder", path)
    return MatchedCatalogue(
        attached.catalogue.assign(label=codes),
        classes,
        attached.provenance | {"label_column": "sub-folder"},
    )


def _read_image(path: Path) -> NDArray[Any]:
    """(channels, height, width) as stored, one channel or three."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image if image.mode in _GREY_MODES else image.convert("RGB"))
    except (
        Exception
    ) as error:  # Broken images raise OSError, SyntaxError, ValueError, struct.error and more.
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(
            f"{path} cannot be read ({reason}). Put it there as PNG or JPEG, or take its row out of"
            " the catalogue."
        ) from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _recognises(given: Input) -> bool:
    return given.path.is_dir() and (given.table is not None or bool(given.images(IMAGE_SUFFIXES)))


READER = Reader(
    "images",
    "a folder of PNG or JPEG images: with a catalogue such as catalogue.csv, one sub-folder a"
    " class, or without labels",
    _recognises,
    list_folder,
)
