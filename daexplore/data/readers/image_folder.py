"""Folder of PNG or JPEG images, with a catalogue, class sub-folders or no labels."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from daexplore.data.catalogues.labels import class_codes
from daexplore.data.catalogues.match import (
    MatchedCatalogue,
    keyed_by_sample,
    match_catalogue,
)
from daexplore.data.catalogues.read import FILE_COLUMNS, TableFile
from daexplore.data.readers.base import Input, Reader, class_folders
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.data.readers.picture import PICTURE_SUFFIXES, read_picture
from daexplore.errors import InputError

__all__ = ["READER", "list_folder"]


def list_folder(given: Input) -> Listing:
    """The images of a folder; pixels become float32 in the units of the file, 0 to 255 for 8-bit
    images.

    Where the catalogue names files of the folder (column filename, file or image) its rows say
    which images are taken, and in which order; images it does not name, and rows whose
    image is not there, are left out and counted. Otherwise each
    image gets its row as ``attach`` finds it. Without a catalogue the images are unlabelled, or,
    where they all are in two or more sub-folders, each sub-folder is a class.

    Channels are called R, G and B, as the format calls them, or grey; what they measure has to be
    declared.

    Raises:
        InputError: no images, or a catalogue that does not go with them.
    """
    path, read, table = given.path, given.read, given.table
    there = given.images(PICTURE_SUFFIXES)
    name = read.name or path.resolve().name
    column = None if table is None else _file_column(table, given)
    if table is not None and column is not None:
        named = _named_files(table, column, given)
        rows = np.flatnonzero([file is not None for file in named])
        names = [file for file in named if file is not None]
        left_out = {
            "images_without_row": len(set(there) - set(names)),
            "rows_without_image": len(named) - len(names),
            "first_without_image": [
                str(value) for value in table.frame[column].drop(index=table.frame.index[rows])[:3]
            ],
            "matched_by": column,
        }
        attached = _with(
            keyed_by_sample([f"{name}/{file}" for file in names], table, read, rows), left_out
        )
    elif there:
        names = there
        attached = match_catalogue(names, path, read, name, table)
        attached = _by_folder(attached, names, path) if table is None else attached
    else:
        raise InputError(
            f"{path} holds no images ({', '.join(PICTURE_SUFFIXES)}). Put them there, or give the"
            " folder where they are."
        )
    provenance = {
        "reader": "folder",
        "origin": "upper left",
        "path": str(path.resolve()),
    } | attached.provenance
    return Listing(
        attached.catalogue,
        _Load(path, tuple(names)),
        attached.classes,
        name,
        provenance,
        files=tuple(names),
    )


@dataclass(frozen=True)
class _Load:
    folder: Path
    names: tuple[str, ...]

    def __call__(self, row: int) -> Cutout:
        pixels, depth = read_picture(self.folder / self.names[row])
        bands = ("R", "G", "B") if len(pixels) == 3 else ("grey",)
        return Cutout(pixels, bands, depth=depth)


def _file_column(table: TableFile, given: Input) -> str | None:
    """The column that holds paths of files in the folder, if there is one."""
    for wanted in FILE_COLUMNS:
        for column in table.columns:
            if column.lower() == wanted:
                files = _files_of(table.frame[column], given)
                if any(file is not None for file in files):
                    return str(column)
    return None


def _files_of(column: "pd.Series[Any]", given: Input) -> list[str | None]:
    """The file that each cell names, in any case of letters; None where there is none."""
    there = set(given.files)
    folded: dict[str, str] = {}
    for file in given.files:
        folded[file.casefold()] = "" if file.casefold() in folded else file
    found: list[str | None] = []
    for value, missing in zip(column, column.isna(), strict=True):
        text = "" if missing else str(value).strip()
        named = text if text in there else folded.get(text.casefold(), "")
        # It may be named by a path that leads out of the folder, or be hidden.
        if not named and text and (given.path / text).is_file():
            named = text
        found.append(named or None)
    return found


def _named_files(table: TableFile, column: str, given: Input) -> list[str | None]:
    empty = table.frame[column].isna()
    if empty.any():
        raise InputError(
            f"{table.path}: {int(empty.sum())} rows have no {column}, first row"
            f" {int(np.argmax(empty)) + 1}. Fill them in, or drop the rows."
        )
    return _files_of(table.frame[column], given)


def _with(attached: MatchedCatalogue, provenance: dict[str, Any]) -> MatchedCatalogue:
    return replace(attached, provenance=attached.provenance | provenance)


def _by_folder(attached: MatchedCatalogue, names: list[str], path: Path) -> MatchedCatalogue:
    """Labels from the sub-folders, where they distinguish classes."""
    folders, splits = class_folders(names)
    provenance = attached.provenance
    if splits:
        told = (
            f"The folders {', '.join(splits)} are splits, not classes: what is in them is taken"
            " together, and new splits are made."
        )
        provenance = provenance | {"notes": [*provenance.get("notes", ()), told]}
    if "" in folders or len(set(folders)) < 2:
        return replace(attached, provenance=provenance)
    codes, classes = class_codes(pd.Series(folders, dtype=object), "folder", path)
    return MatchedCatalogue(
        attached.catalogue.assign(label=codes), classes, provenance | {"label_column": "sub-folder"}
    )


def _recognises(given: Input) -> bool:
    return given.path.is_dir() and (given.table is not None or bool(given.images(PICTURE_SUFFIXES)))


READER = Reader(
    "images",
    "a folder of PNG or JPEG images: with a catalogue such as catalogue.csv, one sub-folder a"
    " class, or without labels",
    _recognises,
    list_folder,
)
