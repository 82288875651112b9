"""Class labels of a catalogue: their column, and the class of each row."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = [
    "LABEL_COLUMNS",
    "MERGERS",
    "NO_LABELS",
    "class_codes",
    "label_column",
    "matched_classes",
    "merger_labels",
    "plain_class",
]

NO_LABELS = "none"
"""Declared as the label column, it says that a set has no labels."""

MERGERS = ("non-merger", "merger")
"""What the labels 0 and 1 of the published arrays mean."""

LABEL_COLUMNS = ("label", "class", "morphology", "merger")
"""Columns in which the class is looked for, in this order, where none is declared."""

_MOST_CLASSES = 1000


def label_column(table: pd.DataFrame, declared: str | None, where: object) -> str | None:
    """The declared column, else the first there is of ``LABEL_COLUMNS``; None in a catalogue
    without labels, as a survey's often is, and where ``NO_LABELS`` is declared.

    Raises:
        InputError: the declared column is not there.
    """
    if declared == NO_LABELS and NO_LABELS not in table.columns:
        return None
    if declared is not None and declared not in table.columns:
        raise InputError(
            f"{where} has no column {declared!r} for the labels; it has"
            f" {', '.join(map(str, table.columns))}. Name one of those, leave"
            f" the choice out, or say that there are no labels: --label {NO_LABELS}."
        )
    return declared or next((column for column in LABEL_COLUMNS if column in table.columns), None)


def class_codes(
    column: pd.Series, name: str, where: object, threshold: tuple[float, ...] | None = None
) -> tuple[pd.Series, tuple[str, ...]]:
    """Class index of each row (missing stays missing), and the classes' names.

    With a threshold the column holds fractions: "non-<column>" below it, "<column>" from it on; of
    two thresholds, rows between them are missing.

    Text and whole numbers are classes, sorted; a column of 0 and 1, as numbers, as text or as truth
    values, gives "non-<column>" and "<column>". Only empty text is missing: None, NA and null are
    classes where a column says so.

    Raises:
        InputError: fractions without a threshold, other numbers with one, or so many values that
            they are no classes.
    """
    if threshold is not None:
        return _by_threshold(column, name, where, threshold)
    column = _zero_or_one(column)
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        whole = (known % 1 == 0) & (known.abs() < 2**53)
        if not whole.all():
            raise InputError(
                f"{where}: the column {name!r} holds fractions, first {known[~whole].iloc[0]};"
                " classes must be text or whole numbers. If they are shares of votes, say from"
                " which on an image is of the class: --label-threshold 0.5."
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


def _by_threshold(
    column: pd.Series, name: str, where: object, threshold: tuple[float, ...]
) -> tuple[pd.Series, tuple[str, ...]]:
    low, high = threshold[0], threshold[-1]
    if len(threshold) > 2 or not 0 < low <= high <= 1:
        raise InputError(
            f"The threshold of labels must be one number above 0 and up to 1, or two in ascending"
            f" order; got {', '.join(map(str, threshold))}."
        )
    share = pd.to_numeric(column, errors="coerce").astype("Float64")
    bad = (column.notna() & share.isna()) | (share < 0) | (share > 1)
    if bad.fillna(False).any():
        first = column[bad.fillna(False).to_numpy(bool)].iloc[0]
        raise InputError(
            f"{where}: a threshold needs fractions from 0 to 1 in the column {name!r}, got"
            f" {first!r}. Divide counts by their sum first."
        )
    codes = pd.Series(pd.NA, index=column.index, dtype="Int64")
    codes[(share >= high).fillna(False).to_numpy(bool)] = 1
    codes[(share < low).fillna(False).to_numpy(bool)] = 0
    return codes, (f"non-{name}", name)


def _zero_or_one(column: pd.Series) -> pd.Series:
    """Truth values, and text of 0 and 1, true and false, yes and no, as numbers; else as it is."""
    known = column.dropna()
    if pd.api.types.is_bool_dtype(known):
        return known.astype("int64").reindex(column.index).astype("Int64")
    if pd.api.types.is_numeric_dtype(known):
        return column
    text = known.astype(str).str.strip().str.lower()
    text = text[text != ""]
    for words in (("0", "1"), ("false", "true"), ("no", "yes")):
        if len(text) and text.isin(words).all():
            return (text == words[1]).astype("int64").reindex(column.index).astype("Int64")
    return column


def matched_classes(names: Sequence[str], among: Sequence[str]) -> dict[str, str]:
    """Which class of another set each class is: the same name, else the same but for the case of
    letters, blanks, ``_`` and ``-``; of two classes, 0 and 1 are also "non-X" and "X".

    Args:
        names: of the classes to be matched.
        among: of the other set.

    Returns:
        Name -> name in ``among``, for those that match one alone.
    """
    found = {name: name for name in names if name in among}
    for spell in (plain_class, partial(_numbered, names, among)):
        there: dict[str, list[str]] = {}
        for name in among:
            there.setdefault(spell(name), []).append(name)
        spelled = Counter(map(spell, names))
        for name in names:
            same = there.get(spell(name), [])
            if name not in found and len(same) == 1 and spelled[spell(name)] == 1:
                found |= {name: same[0]} if same[0] not in found.values() else {}
    return found


def plain_class(name: str) -> str:
    """A class name without case, blanks, ``_`` and ``-``."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _numbered(names: Sequence[str], among: Sequence[str], name: str) -> str:
    """The same with "non-X" and "X" as 0 and 1, and true and false too."""
    plain = plain_class(name)
    for group in (names, among):
        both = sorted(map(plain_class, group), key=len)
        if name in group and len(both) == 2 and both[1] == f"non{both[0]}":
            return "1" if plain == both[0] else "0"
    return {"false": "0", "true": "1", "no": "0", "yes": "1"}.get(plain, plain)


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
