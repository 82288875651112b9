"""Positions on the sky from the columns of a catalogue."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.read import TableFile
from daexplore.errors import InputError

__all__ = ["coordinate_columns", "positions"]

_PAIRS = (
    ("ra", "dec"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("_raj2000", "_dej2000"),
    ("ra_icrs", "de_icrs"),
    ("ra_icrs", "dec_icrs"),
    ("alpha_j2000", "delta_j2000"),
    ("alphawin_j2000", "deltawin_j2000"),
    ("_ra", "_dec"),
    ("_ra", "_de"),
    ("ra_deg", "dec_deg"),
    ("radeg", "decdeg"),
    ("radeg", "dedeg"),
    ("right_ascension", "declination"),
)
"""How catalogues call right ascension and declination, in lower case (VizieR, SExtractor, Gaia,
survey archives).
"""

_SEXAGESIMAL = re.compile(r"[0-9]\s*[:hdm°]|[0-9]\s+[0-9]", re.IGNORECASE)
_DEGREES = {
    "deg": 1.0,
    "degree": 1.0,
    "degrees": 1.0,
    "h": 15.0,
    "hr": 15.0,
    "hour": 15.0,
    "hours": 15.0,
    "hourangle": 15.0,
}


def coordinate_columns(table: TableFile) -> tuple[str, str] | None:
    """The columns with right ascension and declination, None where the catalogue has none."""
    there = {column.lower(): column for column in table.columns}
    return next(
        ((there[ra], there[dec]) for ra, dec in _PAIRS if ra in there and dec in there), None
    )


def positions(table: TableFile) -> NDArray[np.float64]:
    """Where each row is: (N, 2) right ascension and declination, ICRS [deg]; NaN where a row has
    no usable position.

    Numbers are degrees, or what the column's unit says (hours, radians); text with colons, blanks
    or units between its digits is sexagesimal, hours and degrees.

    Raises:
        InputError: no such columns, a unit that is no angle, or numbers and sexagesimal text in one
            column.
    """
    columns = coordinate_columns(table)
    if columns is None:
        raise InputError(
            f"{table.path} has no coordinates, which cut-outs from survey tiles need; it has"
            f" {', '.join(table.frame.columns)}. Expected right ascension and declination in"
            " columns such as ra and dec, or RAJ2000 and DEJ2000 [deg]."
        )
    ra, dec = (
        _degrees(table, column, hours) for column, hours in zip(columns, (True, False), strict=True)
    )
    usable = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90) & (ra >= -180) & (ra <= 360)
    return np.where(usable[:, None], np.stack([ra % 360, dec], axis=1), np.nan)


def _degrees(table: TableFile, column: str, hours: bool) -> NDArray[np.float64]:
    values = table.frame[column]
    numbers = pd.to_numeric(values, errors="coerce")
    if not pd.api.types.is_numeric_dtype(values):
        sexagesimal = values.astype(str).str.strip().str.contains(_SEXAGESIMAL) & values.notna()
        if sexagesimal.any() and numbers.notna().any():
            few = sexagesimal if sexagesimal.sum() < len(values) / 2 else numbers.notna()
            row = int(np.argmax(few.to_numpy(bool)))
            raise InputError(
                f"{table.path}: the column {column!r} holds both decimal numbers and sexagesimal"
                f" text, for example {values.iloc[row]!r} in row {row + 1}. Write all of them in"
                " one way."
            )
        if sexagesimal.any():
            return np.array([_sexagesimal(value, hours) for value in values])
    unit = table.units.get(column, "deg").strip().lower()
    if unit in ("rad", "radian", "radians"):
        return np.asarray(np.rad2deg(numbers.to_numpy(np.float64, na_value=np.nan)))
    if unit not in _DEGREES:
        raise InputError(
            f"{table.path}: the column {column!r} is in {table.units[column]!r}; positions must be"
            " in degrees, hours or radians."
        )
    return numbers.to_numpy(np.float64, na_value=np.nan) * _DEGREES[unit]


def _sexagesimal(value: Any, hours: bool) -> float:
    """[deg] of a text such as 12:30:49.4 or -08d12m; a unit within the text goes before what is
    usual.
    """
    from astropy.coordinates import Angle

    try:
        return float(Angle(str(value).strip(), unit="hourangle" if hours else "deg").deg)
    except (
        ValueError
    ):  # Angle's own errors are ValueErrors; also for text that is no angle, such as "nan".
        return float("nan")
