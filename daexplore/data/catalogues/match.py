"""A catalogue's rows brought to the images they belong to, with labels and groups."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.catalogues.labels import NO_LABELS, class_codes, label_column
from daexplore.data.catalogues.read import ID_COLUMNS, TableFile, find_catalogue, read_table
from daexplore.errors import InputError

__all__ = [
    "MatchedCatalogue",
    "as_text",
    "catalogue_of",
    "keyed_by_place",
    "keyed_by_sample",
    "match_catalogue",
    "names_images",
    "names_of",
]

_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_WHOLE = re.compile(r"^(-?[0-9]+)\.0$")
_IMAGE_SUFFIX = re.compile(r"(\.(fits?|fts|png|jpe?g|npy))?(\.(gz|fz|bz2))?$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class MatchedCatalogue:
    """What is known of a set's images besides their pixels.

    Attributes:
        catalogue: one row an image, in the order of the images: sample_id, group_id, label, then
            the catalogue's other columns.
        classes: names of the labels; empty where nothing is labelled.
        provenance: which catalogue and which of its columns were used, as JSON types.
    """

    catalogue: pd.DataFrame
    classes: tuple[str, ...]
    provenance: dict[str, Any]


def match_catalogue(
    names: Sequence[str],
    folder: Path,
    read: ReadConfig,
    set_name: str,
    table: TableFile | pd.DataFrame | None = None,
) -> MatchedCatalogue:
    """Find the catalogue of a folder's images, if there is one, and gives each image its row.

    Rows are found by the columns ``ID_COLUMNS``, of which the one that fits most images is taken,
    with or without folder and suffix, first exactly and then whatever their case. Each
    row serves one image.

    Args:
        names: of the images, relative to the folder.
        folder: where they are.
        read: what is declared: catalogue, label, group.
        set_name: sample ids are ``set_name/name``.
        table: the catalogue, where it is known already.

    Raises:
        InputError: no catalogue where a column of it is declared, no image or not every image in
            it, unknown columns, labels that are no classes.
    """
    found = (
        TableFile(table, folder)
        if isinstance(table, pd.DataFrame)
        else table or catalogue_of(folder, read)
    )
    if found is None:
        return _without_catalogue(names, folder, read, set_name)
    rows, column = _match(names, found, folder, read)
    attached = keyed_by_sample([f"{set_name}/{name}" for name in names], found, read, rows)
    matched = {"matched_by": column, "rows_without_image": len(found.frame) - len(rows)}
    return MatchedCatalogue(attached.catalogue, attached.classes, attached.provenance | matched)


def catalogue_of(folder: Path, read: ReadConfig) -> TableFile | None:
    """The catalogue of a folder, read; None where there is none."""
    path = find_catalogue(folder, read.catalogue)
    declared = tuple(column for column in (read.group, read.id) if column)
    return None if path is None else read_table(path, declared, read.table)


def keyed_by_place(images: Path, name: str, n: int, read: ReadConfig) -> MatchedCatalogue:
    """The declared catalogue of a file of ``n`` images: one row for each, in their order.

    Raises:
        InputError: another number of rows, or as :func:`keyed_by_sample`.
    """
    table = catalogue_of(images.parent, read)
    if table is None or len(table.frame) != n:
        rows = 0 if table is None else len(table.frame)
        raise InputError(
            f"{read.catalogue}: expected {n} rows, one for each image of {images.name} in their"
            f" order, got {rows}."
        )
    return keyed_by_sample([f"{name}/{row:06d}" for row in range(n)], table, read)


def keyed_by_sample(
    sample_ids: Sequence[str],
    table: TableFile,
    read: ReadConfig,
    rows: NDArray[np.int64] | None = None,
) -> MatchedCatalogue:
    """The rows of a table under the given ids, with labels and groups by the declared columns or
    the usual ones.

    Args:
        sample_ids: one for each row taken.
        table: the catalogue.
        read: declared label and group columns.
        rows: which rows, in which order; None takes all.

    Raises:
        InputError: a declared column that is not there, or labels that are no classes.
    """
    frame = table.frame if rows is None else table.frame.iloc[rows].reset_index(drop=True)
    for column in (read.label, read.group):
        if column in table.dropped:
            raise InputError(
                f"{table.path}: a cell of the column {column!r} holds several values; labels and"
                " groups are single ones."
            )
    label, codes, classes, notes = _labels(frame, read, table.path)
    groups, group_column = _groups(sample_ids, frame, read, table.path)
    keys = pd.DataFrame({"sample_id": list(sample_ids), "group_id": groups, "label": codes})
    catalogue = pd.concat([keys, frame.drop(columns=[key for key in keys if key in frame])], axis=1)
    provenance: dict[str, Any] = {
        "catalogue": str(table.path.resolve()),
        "label_column": label,
        "label_declared": read.label is not None,
        "group_ids": group_column,
    }
    if notes := [*table.notes, *notes]:
        provenance["notes"] = notes
    if group_column is None:
        provenance["note"] = "groups unknown: leakage possible"
    if table.units:
        provenance["units"] = table.units
    if table.dropped:
        provenance["dropped_columns"] = list(table.dropped)
    return MatchedCatalogue(catalogue, classes, provenance)


def _labels(
    frame: pd.DataFrame, read: ReadConfig, where: Path
) -> tuple[str | None, pd.Series, tuple[str, ...], list[str]]:
    """The label column, the class of each row, the classes, and what is to be said. A column that
    only might hold labels and holds no classes is none.
    """
    nothing = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    label = label_column(frame, read.label, where)
    if label is None:
        return None, nothing, (), []
    try:
        if read.label_threshold is not None and read.label is None:
            raise InputError(
                f"{where}: --label-threshold is given without --label. Name the column of"
                " fractions."
            )
        codes, classes = class_codes(frame[label], label, where, read.label_threshold)
    except InputError as error:
        if read.label is not None or read.label_threshold is not None:
            raise
        return None, nothing, (), [f"{error} It was not taken for labels."]
    if read.label_threshold is None:
        return label, codes, classes, []
    without, rule = int(codes.isna().sum()), " and ".join(map(str, read.label_threshold))
    told = (
        f"The classes follow from the fractions in {label!r} by the threshold {rule}: {without} of"
        f" {len(codes)} images have no label."
    )
    return label, codes, classes, [told]


def _without_catalogue(
    names: Sequence[str], folder: Path, read: ReadConfig, set_name: str
) -> MatchedCatalogue:
    for what, column in (("label", read.label), ("group", read.group)):
        if column is not None and column != NO_LABELS:
            raise InputError(
                f"{folder} has no catalogue, so no column {column!r} for the {what}s. Put"
                f" catalogue.csv there, give the table with `--catalogue`, or leave `--{what}` out."
            )
    sample_ids = [f"{set_name}/{name}" for name in names]
    label = pd.Series(pd.NA, index=range(len(names)), dtype="Int64")
    catalogue = pd.DataFrame({"sample_id": sample_ids, "group_id": sample_ids, "label": label})
    provenance = {
        "catalogue": None,
        "label_column": None,
        "group_ids": None,
        "note": "groups unknown: leakage possible",
    }
    return MatchedCatalogue(catalogue, (), provenance)


def _groups(
    sample_ids: Sequence[str], frame: pd.DataFrame, read: ReadConfig, where: Path
) -> tuple[list[str], str | None]:
    """Group by the declared column, else by group_id; a row without one is a group of its own, as
    every row is without a column.
    """
    if read.group is not None and read.group not in frame:
        raise InputError(
            f"{where} has no column {read.group!r} for the groups; it has"
            f" {', '.join(map(str, frame.columns))}. Name one of those."
        )
    column = read.group or ("group_id" if "group_id" in frame else None)
    if column is None or frame[column].isna().all():
        return list(sample_ids), None
    return [
        group or own
        for group, own in zip(names_of(frame[column], column, where), sample_ids, strict=True)
    ], column


def as_text(column: pd.Series) -> list[str]:
    """Names as text: 7.0 is "7", also where a table wrote it as text; surrounding blanks do not
    count, missing is empty.
    """
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return [
        "" if missing else _WHOLE.sub(r"\1", str(value).strip())
        for value, missing in zip(column, column.isna(), strict=True)
    ]


def names_of(column: pd.Series, name: str, where: object) -> list[str]:
    """The same for a column of names.

    Raises:
        InputError: names that lost their digits, as a spreadsheet or a float column writes large
            numbers.
    """
    if pd.api.types.is_float_dtype(column):
        lost = column.notna() & (column.abs() >= 2**53)
    elif pd.api.types.is_numeric_dtype(column):
        return as_text(column)
    else:
        lost = column.astype(str).str.fullmatch(_SCIENTIFIC) & column.notna()
    if lost.any():
        row = int(np.argmax(lost.to_numpy(bool)))
        raise InputError(
            f"{where}: the names in the column {name!r} have lost their digits: {int(lost.sum())}"
            f" of {len(column)} are numbers such as {column.iloc[row]} (row {row + 1}), which"
            " stands for many. Write the column as text or as whole numbers from where it came."
        )
    return as_text(column)


def names_images(table: TableFile, names: Sequence[str]) -> bool:
    """Whether a column of the catalogue names at least one of the images."""
    columns = [column for column in table.columns if column.lower() in ID_COLUMNS]
    return any((_rows_by(names, as_text(table.frame[column])) >= 0).any() for column in columns)


def _match(
    names: Sequence[str], table: TableFile, folder: Path, read: ReadConfig
) -> tuple[NDArray[np.int64], str]:
    """Row of each name, and the column that matched."""
    columns = [column for key in ID_COLUMNS for column in table.columns if column.lower() == key]
    if read.id is not None:
        if read.id not in table.columns:
            raise InputError(
                f"{table.path} has no column {read.id!r} that names the images; it has"
                f" {', '.join(table.columns)}. Name one of those with --id."
            )
        columns = [read.id]
    if not columns:
        raise InputError(
            f"{table.path} has no column that names the images; it has {', '.join(table.columns)}. "
            f"Call the one with the names of the images in {folder} filename, or id, or name it"
            " with --id."
        )
    best, rows = columns[0], np.full(len(names), -1, np.int64)
    for column in columns:
        found = _rows_by(names, names_of(table.frame[column], column, table.path))
        if (found >= 0).sum() > (rows >= 0).sum():
            best, rows = column, found
        if (rows >= 0).all():
            return rows, best
    values = as_text(table.frame[best])
    if (rows < 0).all():
        raise InputError(
            f"{table.path}: none of its {len(values)} rows belongs to one of the {len(names)}"
            f" images in {folder}. Expected names like {_examples(names)} (folder and suffix may be"
            f" missing), got {_examples(values)} in the column {best!r}. Give the catalogue of"
            " these images, or call its column with their names filename. If the images are survey"
            " tiles from which galaxies are to be cut out, the catalogue needs their positions, in"
            " columns such as ra and dec [degree]."
        )
    missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
    twice = [name for name in missing if values.count(name) > 1]
    if twice:
        raise InputError(
            f"{table.path}: {twice[0]!r} occurs {values.count(twice[0])} times in the column"
            f" {best!r}. Keep one row an image."
        )
    raise InputError(
        f"{table.path}: {len(missing)} of {len(names)} images in {folder} have no row, first"
        f" {_examples(missing)}; looked for in the column {best!r}, which holds"
        f" {_examples(values)}. Add their rows (labels may stay empty), or move the images away."
    )


def _rows_by(names: Sequence[str], values: Sequence[str]) -> NDArray[np.int64]:
    """Row of each name, -1 where none or more than one fits; the strictest spelling that fits
    counts.
    """
    rows = np.full(len(names), -1, np.int64)
    for spell in _SPELLINGS:
        open_names = np.flatnonzero(rows < 0)
        if not len(open_names):
            break
        keys = [spell(value) for value in values]
        unique = {key for key, count in Counter(keys).items() if count == 1 and key}
        row_of = {key: row for row, key in enumerate(keys) if key in unique}
        spelled = Counter(spell(name) for name in names)
        for index in open_names:
            key = spell(names[int(index)])
            if spelled[key] == 1:
                rows[index] = row_of.get(key, -1)
    return rows


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _bare(name: str) -> str:
    return _IMAGE_SUFFIX.sub("", name, count=1)


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    _base,
    _bare,
    lambda name: _bare(_base(name)),
    lambda name: _bare(_base(name)).casefold(),
)


def _examples(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (", …" if len(names) > 3 else "")
