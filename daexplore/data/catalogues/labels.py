"""Class labels of a catalogue: their column, and the class of each row."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["LABEL_COLUMNS", "MERGERS", "class_codes", "label_column", "merger_labels"]

MERGERS = ("non-merger", "merger")
"""What the labels 0 and 1 of the published arrays mean."""

LABEL_COLUMNS = ("label", "class", "morphology", "merger")
"""Columns in which the class is looked for, in this order, where none is declared."""

_MOST_CLASSES = 1000


def label_column(table: pd.DataFrame, declared: str | None, where: object) -> str | None:
    """The declared column, else the first there is of ``LABEL_COLUMNS``; None in a catalogue
    without labels, as a survey's often is.

    Raises:
        InputError: the declared column is not there.
    """
    if declared is not None and declared not in table.columns:
        raise InputError(
            f"{where} has no column {declared!r} for the labels; it has"
            f" {', '.join(map(str, table.columns))}. Name one of those, or leave the choice out."
        )
    return declared or next((column for column in LABEL_COLUMNS if column in table.columns), None)


def class_codes(column: pd.Series, name: str, where: object) -> tuple[pd.Series, tuple[str, ...]]:
    """Class index of each row (missing stays missing), and the classes' names.

    Text and whole numbers are classes, sorted; a column of 0 and 1 gives "non-<column>" and
    "<column>"; empty text is missing.

    Raises:
        InputError: fractions, or so many values that they are no classes.
    """
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        whole = (known % 1 == 0) & (known.abs() < 2**53)
        if not whole.all():
            raise InputError(
                f"{where}: the column {name!r} holds fractions, first {known[~whole].iloc[0]};"
                " classes must be text or whole numbers."
            )
        column = known.astype("int64").reindex(column.index).astype("Int64")
        if len(known) and known.isin((0, 1)).all():
            return column, ("0", "1") if name in LABEL_COLUMNS[:2] else (f"non-{name}", name)
        values: list[Any] = sorted(int(value) for value in column.dropna().unique())
    else:
        text = known.astype(str).str.strip()
        column = text[text != ""].reindex(column.index)
        values = sorted(column.dropna().unique())
    if len(values) > _MOST_CLASSES:
        raise InputError(
            f"{where}: the column {name!r} holds {len(values)} different values; those are no"
            " classes. Name another column."
        )
    codes = column.map({value: code for code, value in enumerate(values)}).astype("Int64")
    return codes, tuple(map(str, values))


def merger_labels(values: NDArray[Any], where: object) -> NDArray[np.int64]:
    """Labels of an array as they were published, 0 or 1 as any kind of number.

    Raises:
        InputError: another value, with the first of them.
    """
    known = np.isin(values, (0, 1)) if values.dtype.kind in "fiub" else np.zeros(len(values), bool)
    if not known.all():
        first = int(np.argmin(known))
        raise InputError(
            f"{where}: labels must be 0 ({MERGERS[0]}) or 1 ({MERGERS[1]});"
            f" {len(values) - int(known.sum())} of {len(values)} are not, first"
            f" {values.tolist()[first]!r} in row {first}. For other classes give a table with one"
            " row an image: `--catalogue`."
        )
    return values.astype(np.int64)
