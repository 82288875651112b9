"""Catalogues from files: CSV, ECSV, FITS tables, VOTables and Parquet, all as one kind of table."""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from daexplore.errors import InputError

__all__ = ["ID_COLUMNS", "TABLE_SUFFIXES", "TableFile", "find_catalogue", "is_table", "read_table"]

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
        dropped: columns left out because a cell of theirs holds more than one value.
    """

    frame: pd.DataFrame
    path: Path
    units: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

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


def read_table(path: Path, text: tuple[str, ...] = ()) -> TableFile:
    """Read a catalogue of any understood format.

    Args:
        path: the file; its suffix says the format.
        text: columns that are names and must stay text besides ``ID_COLUMNS`` and group_id; only
            CSV needs them.

    Raises:
        InputError: it cannot be read, or has no rows.
    """
    try:
        table = _read(path, text)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # astropy, pandas and pyarrow raise whatever comes to them on a broken file.
        comma = path.suffix.lower() == ".csv"
        hint = (
            "Expected comma-separated columns with a header line."
            if comma
            else "Is the file complete, and its suffix right?"
        )
        raise InputError(f"{path} cannot be read as a table: {error}. {hint}") from error
    if table.frame.empty:
        raise InputError(
            f"{path} has no rows: the catalogue is empty. Give one row for each image."
        )
    return table


def _read(path: Path, text: tuple[str, ...]) -> TableFile:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _read_text(path, "\t" if suffix == ".tsv" else ",", text)
    if suffix in (".parquet", ".pq"):
        return _one_value_a_cell(TableFile(pd.read_parquet(path), path))
    if suffix in TABLE_SUFFIXES or _FITS.search(path.name):
        return _read_astropy(path)
    understood = ", ".join(TABLE_SUFFIXES)
    raise InputError(
        f"{path} is no kind of table that is understood: {understood} or a FITS table. Write the"
        " catalogue as one of those."
    )


def _read_text(path: Path, separator: str, text: tuple[str, ...]) -> TableFile:
    options: dict[str, Any] = {"sep": separator, "skipinitialspace": True, "comment": None}
    header = pd.read_csv(path, nrows=0, **options).columns
    names = [
        column for column in header if column.lower() in (*ID_COLUMNS, "group_id") or column in text
    ]
    return TableFile(
        pd.read_csv(path, dtype=dict.fromkeys(names, str), low_memory=False, **options), path
    )


def _read_astropy(path: Path) -> TableFile:
    from astropy.coordinates import SkyCoord
    from astropy.table import Column, Table

    formats = {".ecsv": "ascii.ecsv", ".vot": "votable", ".votable": "votable", ".xml": "votable"}
    with warnings.catch_warnings():
        # Units that are no standard ones, several tables in a file, small violations of the
        # standards: the values are read all the same.
        warnings.simplefilter("ignore")
        table = Table.read(path, format=formats.get(path.suffix.lower(), "fits"))
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
        if not isinstance(column, Column) or column.ndim != 1:
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
    return TableFile(frame.drop(columns=dropped), table.path, units, (*table.dropped, *dropped))
