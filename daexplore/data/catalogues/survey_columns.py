"""Columns that a predicted catalogue copies from the survey: ids and sky positions."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.coordinates import coordinate_columns, positions
from daexplore.data.catalogues.read import ID_COLUMNS, TableFile
from daexplore.data.catalogues.write import Column, Piece
from daexplore.data.galaxy_set import GalaxySet

__all__ = ["survey_columns", "survey_piece", "text_type"]


def survey_columns(galaxies: GalaxySet) -> list[Column]:
    """sample_id; the survey's own id, under its own name, where its catalogue has one; ra and dec
    where positions are known.
    """
    catalogue = galaxies.catalogue
    columns = [
        Column(
            "sample_id",
            text_type(catalogue["sample_id"]),
            "Key of the image in daexplore",
            ucd="meta.id;meta.main",
        )
    ]
    own = _own_id(catalogue)
    if own is not None:
        # Beyond 2^63 no catalogue that is written here has a type: then every digit stays as text.
        whole = (
            pd.api.types.is_integer_dtype(catalogue[own])
            and not catalogue[own].isna().any()
            and int(catalogue[own].max()) < 2**63
        )
        columns.append(
            Column(
                own,
                "i8" if whole else text_type(catalogue[own]),
                "Id in the survey's catalogue",
                ucd="meta.id",
            )
        )
    if coordinate_columns(_table(galaxies, slice(0, 1))) is not None:
        for name, what, ucd in (
            ("ra", "Right ascension", "pos.eq.ra"),
            ("dec", "Declination", "pos.eq.dec"),
        ):
            columns.append(
                Column(
                    name,
                    "f8",
                    f"{what} (ICRS), from the survey's catalogue",
                    "deg",
                    f"{ucd};meta.main",
                )
            )
    return columns


def survey_piece(galaxies: GalaxySet, columns: list[Column], rows: range) -> Piece:
    """The values of ``survey_columns`` in the given rows."""
    piece = slice(rows.start, rows.stop)
    catalogue = galaxies.catalogue.iloc[piece]
    names = {column.name for column in columns}
    values = {
        column.name: _text(catalogue[column.name])
        for column in columns
        if column.dtype.startswith("U")
    }
    values |= {
        column.name: catalogue[column.name].to_numpy(np.int64)
        for column in columns
        if column.dtype == "i8"
    }
    if "ra" in names:
        values["ra"], values["dec"] = positions(_table(galaxies, piece)).T
    return values


def text_type(values: pd.Series) -> str:
    """numpy's type of a column of text."""
    return f"U{max(1, int(values.astype('string').str.len().max(skipna=True) or 1))}"


def _own_id(catalogue: pd.DataFrame) -> str | None:
    """The first column that is called as ids are; a name that could be no column of ours."""
    there = {str(column).lower(): str(column) for column in catalogue.columns}
    return next((there[name] for name in ID_COLUMNS if name in there and name != "sample_id"), None)


def _table(galaxies: GalaxySet, rows: slice) -> TableFile:
    provenance = galaxies.provenance
    path = Path(str(provenance.get("catalogue") or provenance.get("path") or galaxies.name))
    return TableFile(galaxies.catalogue.iloc[rows], path, dict(provenance.get("units") or {}))


def _text(values: pd.Series) -> NDArray[np.str_]:
    return values.astype("string").fillna("").to_numpy(str)
