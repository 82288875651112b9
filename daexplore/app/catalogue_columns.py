"""Catalogue columns of the displayed galaxies, and filters on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = [
    "COLUMN",
    "MOST_CATEGORIES",
    "ColumnFilter",
    "column_values",
    "columns_of",
    "is_numeric",
    "parse_filter",
]

COLUMN = "column:"
"""How the name of a hue that is a catalogue column begins."""

MOST_CATEGORIES = 8
"""Of a column whose values have their own hue and name; one with more values that are no numbers
names galaxies, it does not group them.
"""

_OWN = ("group_id", "domain", "split", "label", "seed")


@dataclass(frozen=True)
class ColumnFilter:
    """One condition on a catalogue column.

    Attributes:
        column: its name.
        low: least value, for numbers.
        high: largest value, as above.
        values: the categories kept, where the column has no numbers.
    """

    column: str
    low: float = float("-inf")
    high: float = float("inf")
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.column}:{'|'.join(self.values)}"
            if self.values
            else f"{self.column}:{self.low:g}..{self.high:g}"
        )

    def mask(self, values: "pd.Series[Any]") -> NDArray[np.bool_]:
        """(n,) which values fulfil it; a missing one does not."""
        if self.values:
            return np.asarray(values.astype(str).isin(self.values) & values.notna(), bool)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)
        return np.asarray((numbers >= self.low) & (numbers <= self.high), bool)


def parse_filter(text: str) -> ColumnFilter:
    """A filter as ``str`` writes it, and as an address holds it.

    Raises:
        InputError: anything else.

    >>> parse_filter("mass_ratio:0.25..0.5")
    ColumnFilter(column='mass_ratio', low=0.25, high=0.5, values=())
    >>> parse_filter("star:True|False").values
    ('True', 'False')
    """
    column, colon, rest = text.partition(":")
    low, dots, high = rest.partition("..")
    try:
        limits = (float(low), float(high)) if dots else None
    except ValueError:
        limits = (float("nan"), float("nan"))
    if not column or not colon or not rest or (limits is not None and not limits[0] <= limits[1]):
        raise InputError(f"A filter is column:low..high or column:value|value; got {text!r}.")
    return (
        ColumnFilter(column, *limits)
        if limits
        else ColumnFilter(column, values=tuple(rest.split("|")))
    )


def columns_of(runs: Sequence[Run]) -> list[str]:
    """The catalogue columns of the first run that say something of its galaxies, in their order."""
    if not runs:
        return []
    if runs[0] not in _telling:
        _telling[runs[0]] = _columns_of(runs[0])
    return _telling[runs[0]]


def is_numeric(values: "pd.Series[Any]") -> bool:
    """Whether a column is a scale rather than groups."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def column_values(run: Run, sample_ids: NDArray[Any], column: str) -> "pd.Series[Any]":
    """(n,) a catalogue column for these galaxies, missing where the run does not know it.

    Raises:
        InputError: the run's galaxies have no such column.
    """
    frame = run.samples
    if column not in frame.columns:
        raise InputError(
            f"The galaxies of {run.label} have no column {column!r}; there are"
            f" {', '.join(columns_of([run])) or 'none'}."
        )
    return frame[column].reindex(sample_ids)


# A run reads its samples once; whether a column of a million values says something takes longer
# than a tap may.
_telling: WeakKeyDictionary[Run, list[str]] = WeakKeyDictionary()


def _columns_of(run: Run) -> list[str]:
    return [
        str(name) for name in run.samples.columns if name not in _OWN and _tells(run.samples[name])
    ]


def _tells(values: "pd.Series[Any]") -> bool:
    count = values.nunique()
    return count > 1 and (is_numeric(values) or count <= MOST_CATEGORIES)
