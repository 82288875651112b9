"""Catalogues from files: CSV, ECSV, FITS tables, VOTables and Parquet, all as one kind of table."""

import dataclasses
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from daexplore.data.catalogues.text_table import check_names, read_text_table
from daexplore.data.catalogues.votable_check import check_votable
from daexplore.errors import InputError

__all__ = [
    "FILE_COLUMNS",
    "ID_COLUMNS",
    "TABLE_SUFFIXES",
    "TableFile",
    "find_catalogue",
    "is_table",
    "parquet_frame",
    "read_table",
]

ID_COLUMNS = (
    "filename",
    "file",
    "image",
    "id",
    "name",
    "sample_id",
    "objid",
    "objectid",
    "object_id",
    "source_id",
    "galaxy",
    "galaxy_id",
)
"""Columns, in any case of letters, in which a catalogue may name its images; read as text, so that
007 stays 007.
"""

FILE_COLUMNS = ("filename", "file", "image")
"""Columns in which a catalogue may give the files of images."""

TABLE_SUFFIXES = (".csv", ".tsv", ".ecsv", ".vot", ".votable", ".xml", ".parquet", ".pq")
"""Suffixes of catalogues; FITS files may be catalogues too."""

_FITS = re.compile(r"\.(fits?|fts)(\.(gz|fz|bz2))?$", re.IGNORECASE)
_CATALOGUE = re.compile(r"catalog(ue)?\.[a-z.]+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class TableFile:
    """A catalogue as it was read.

    Attributes:
        frame: text as str, missing and masked values as missing, one value a cell.
        path: the file.
        units: of the columns that have one, as the file writes them.
        dropped: columns left out because a catalogue cannot hold them: a cell of theirs holds more
            than one value, or a complex number.
        notes: what was taken for granted in reading, one sentence each.
    """

    frame: pd.DataFrame
    path: Path
    units: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(map(str, self.frame.columns))


def find_catalogue(folder: Path, declared: str | None = None) -> Path | None:
    """The catalogue that belongs to the images of a folder: the declared one, else catalogue.*,
    else the only table there.

    A FITS file counts as a table where it holds one and no image; looked into are the only FITS
    file of the folder and those with "cat" in their names.

    Args:
        folder: where the images are.
        declared: path of the table, as given or relative to the folder.

    Raises:
        InputError: the declared one is not there, or there are several.
    """
    if declared is not None:
        for path in (Path(declared).expanduser(), folder / declared):
            if path.is_file():
                return path
        raise InputError(
            f"There is no catalogue at {declared}, neither as it stands nor in {folder}. Give the"
            " path of the table."
        )
    files = sorted(
        file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")
    )
    cubes = [file for file in files if _FITS.search(file.name)]
    tables = [file for file in files if file.suffix.lower() in TABLE_SUFFIXES and _is_vo(file)]
    tables += [
        file for file in cubes if (len(cubes) == 1 or "cat" in file.name.lower()) and is_table(file)
    ]
    tables = [file for file in tables if _CATALOGUE.fullmatch(file.name)] or tables
    if len(tables) > 1:
        raise InputError(
            f"{folder} holds {len(tables)} tables:"
            f" {', '.join(sorted(file.name for file in tables))}. Say which one is the catalogue"
            " (`--catalogue NAME`), or call it catalogue."
        )
    return tables[0] if tables else None


def _is_vo(path: Path) -> bool:
    """Whether an .xml file is a VOTable; every other suffix is taken at its word."""
    if path.suffix.lower() != ".xml":
        return True
    with path.open("rb") as stream:
        return b"VOTABLE" in stream.read(2000).upper()


def is_table(path: Path) -> bool:
    """Whether the file is a catalogue by its suffix, or a FITS file with a table and no image."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        return True
    if not _FITS.search(path.name):
        return False
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The reader reports what is odd about the file.
            with fits.open(path) as hdus:
                if any(hdu.is_image and hdu.shape for hdu in hdus):
                    return False
                return any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in hdus)
    except Exception:  # A file that is no FITS at all is no table; its reader says why.
        return False


def read_table(path: Path, text: tuple[str, ...] = (), chosen: str | None = None) -> TableFile:
    """Read a catalogue of any understood format.

    Whole numbers stay whole where cells are missing, and unsigned ones unsigned; a named index of a
    Parquet file is a column.

    Args:
        path: the file; its suffix says the format.
        text: columns that are names and must stay text besides ``ID_COLUMNS`` and group_id; only
            CSV needs them.
        chosen: name or number (from 1) of the table, where a file holds several.

    Raises:
        InputError: it cannot be read, has no rows, two columns of one name, or several tables.
    """
    try:
        table = _read(path, text, chosen)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # astropy, pandas and pyarrow raise whatever comes to them on a broken file.
        raise InputError(
            f"{path} cannot be read as a table: {error}. Is the file complete, and its suffix"
            " right?"
        ) from error
    if table.frame.empty:
        raise InputError(
            f"{path} has no rows: the catalogue is empty. Give one row for each image."
        )
    return table


def _read(path: Path, text: tuple[str, ...], chosen: str | None) -> TableFile:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        frame, notes = read_text_table(path, (*ID_COLUMNS, "group_id", *text))
        return TableFile(frame, path, notes=notes)
    if suffix in (".parquet", ".pq"):
        return _read_parquet(path)
    if suffix in TABLE_SUFFIXES or _FITS.search(path.name):
        return _read_astropy(path, chosen)
    understood = ", ".join(TABLE_SUFFIXES)
    raise InputError(
        f"{path} is no kind of table that is understood: {understood} or a FITS table. Write the"
        " catalogue as one of those."
    )


def _read_parquet(path: Path) -> TableFile:
    frame, dropped = parquet_frame(path)
    return _one_value_a_cell(TableFile(frame, path, dropped=dropped))


def parquet_frame(
    path: Path | str, without: Collection[str] = (), opened: Any = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns of a Parquet file that hold one value a cell, and the names of the others.

    Whole numbers and truth values with missing cells are pandas' nullable types.

    Args:
        path: the file.
        without: columns that are not read.
        opened: the same as a ``pyarrow.parquet.ParquetFile``, where it is open already.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = opened or pq.ParquetFile(path)
    check_names(path, file.schema_arrow.names)
    table = file.read([name for name in file.schema_arrow.names if name not in set(without)])
    # Pandas writes an index without a name as such a column: it only counts the rows.
    unnamed = [name for name in table.column_names if name.startswith("__index_level_")]
    table = table.drop_columns(unnamed)
    held = [i for i, each in enumerate(table.schema.types) if _one_value(each)]
    dropped = [name for i, name in enumerate(table.column_names) if i not in set(held)]
    whole = {
        getattr(pa, name.lower())(): pd.api.types.pandas_dtype(name)
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    } | {pa.bool_(): pd.BooleanDtype()}
    with_missing = {
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count
    }
    table = table.select(held)
    columns = {
        name: column.to_pandas(types_mapper=whole.get if name in with_missing else None)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    # A table of images alone has rows, too.
    return pd.DataFrame(columns, index=range(file.metadata.num_rows)), tuple(dropped)


def _one_value(kind: Any) -> bool:
    import pyarrow.types as types

    return not (types.is_nested(kind) or types.is_null(kind))


def _read_astropy(path: Path, chosen: str | None) -> TableFile:
    from astropy.coordinates import SkyCoord
    from astropy.table import Column

    with warnings.catch_warnings():
        # Units that are no standard ones, small violations of the standards: the values are read
        # all the same.
        warnings.simplefilter("ignore")
        table = _astropy_table(path, chosen)
    units = {
        name: str(table[name].unit)
        for name in table.colnames
        if getattr(table[name], "unit", None) is not None
    }
    dropped = []
    for name in table.colnames:
        column = table[name]
        if isinstance(column, SkyCoord) and column.ndim == 1:
            table["ra"], table["dec"] = column.icrs.ra.deg, column.icrs.dec.deg
        if not isinstance(column, Column) or column.ndim != 1 or column.dtype.kind == "c":
            dropped.append(name)
    table.remove_columns(dropped)
    table.convert_bytestring_to_unicode()
    return _one_value_a_cell(
        TableFile(
            table.to_pandas(),
            path,
            {k: v for k, v in units.items() if k not in dropped},
            tuple(dropped),
        )
    )


def _astropy_table(path: Path, chosen: str | None) -> Any:
    from astropy.io import fits, votable
    from astropy.table import Table

    if path.suffix.lower() == ".ecsv":
        return Table.read(path, format="ascii.ecsv")
    if _FITS.search(path.name):
        with fits.open(path) as hdus:
            tables = {
                number: hdu.name
                for number, hdu in enumerate(hdus)
                if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
                and not isinstance(hdu, fits.CompImageHDU)
            }
            number = _choose(path, list(tables.values()), chosen)
            hdu = hdus[list(tables)[number]]
            check_names(path, hdu.columns.names)
            return Table.read(hdu)
    check_votable(path)
    found = list(votable.parse(path).iter_tables())
    names = [
        each.name or each.ID or f"with {', '.join(field.name for field in each.fields[:3])}"
        for each in found
    ]
    table = found[_choose(path, names, chosen)]
    check_names(path, [field.name for field in table.fields])
    return table.to_table(use_names_over_ids=True)


def _choose(path: Path, names: list[str], chosen: str | None) -> int:
    """The place of the table that is meant."""
    listed = ", ".join(f"{i} ({name})" if name else str(i) for i, name in enumerate(names, 1))
    if chosen is None:
        if len(names) == 1:
            return 0
        raise InputError(
            f"{path} holds {len(names)} tables: {listed}. Say which one with --table NUMBER or"
            " --table NAME."
        )
    if chosen.isdigit() and 1 <= int(chosen) <= len(names):
        return int(chosen) - 1
    if names.count(chosen) == 1:
        return names.index(chosen)
    raise InputError(
        f"{path} has no single table {chosen!r}: it holds {listed}. Give the number or the name of"
        " one of them with --table."
    )


def _one_value_a_cell(table: TableFile) -> TableFile:
    """Without columns of lists, as Parquet and VOTables of variable length give them; bytes become
    text.
    """
    frame = table.frame.rename(columns=str).reset_index(drop=True)
    dropped = []
    for name in frame.columns[[pd.api.types.is_object_dtype(dtype) for dtype in frame.dtypes]]:
        frame[name] = frame[name].map(
            lambda value: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        )
        if (
            frame[name]
            .map(lambda value: hasattr(value, "__len__") and not isinstance(value, str))
            .any()
        ):
            dropped.append(name)
    units = {name: unit for name, unit in table.units.items() if name not in dropped}
    return dataclasses.replace(
        table, frame=frame.drop(columns=dropped), units=units, dropped=(*table.dropped, *dropped)
    )
