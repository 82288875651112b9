"""Writing of tables of any length to FITS, ECSV, VOTable or Parquet in pieces.

Astropy writes the table without its rows, and each piece of rows by itself; what is done here is to
put them together, so that no more than one piece is in memory.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["Column", "Meta", "Piece", "catalogue_kind", "check_text", "write_catalogue"]

Meta = Mapping[str, str | int | float | bool]
Piece = Mapping[str, NDArray[Any]]

_KINDS = {
    ".fits": "fits",
    ".fit": "fits",
    ".ecsv": "ecsv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_BLOCK = 2880


@dataclass(frozen=True)
class Column:
    """What a table says of a column.

    Attributes:
        name: letters, digits and underscores.
        dtype: of numpy: "f8", "i8", or "U" and the number of letters of the longest text.
        description: one line.
        unit: as the FITS standard writes it; None for text and for numbers without one.
        ucd: IVOA's word for what it is (https://www.ivoa.net/documents/UCD1+/).
    """

    name: str
    dtype: str
    description: str
    unit: str | None = None
    ucd: str | None = None


def catalogue_kind(path: Path) -> str:
    """Which kind of table the suffix represents: "fits", "ecsv", "votable" or "parquet".

    Raises:
        InputError: none of them.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"{path}: the suffix {path.suffix!r} stands for no kind of catalogue. Expected one of"
            f" {', '.join(_KINDS)}."
        )
    return kind


def check_text(kind: str, columns: Sequence[Column], piece: Piece) -> None:
    """Make sure, before any work is done, that a table of this kind can hold these texts.

    Raises:
        InputError: it cannot.
    """
    for column in columns:
        if kind == "fits" and column.dtype.startswith("U") and column.name in piece:
            _ascii(piece[column.name], column)


def write_catalogue(
    path: Path, kind: str, columns: Sequence[Column], meta: Meta, rows: int, pieces: Iterable[Piece]
) -> None:
    """Write a table; the same bytes for the same pieces.

    Args:
        path: the file.
        kind: see ``catalogue_kind``.
        columns: in their order.
        meta: about the whole table; keys of at most 8 capital letters and digits, as FITS wants
            them.
        rows: of all pieces together.
        pieces: arrays of equal length by the columns' names, one piece of rows after the other.

    Raises:
        InputError: text that this kind of table cannot hold.
        OSError: the file cannot be written.
    """
    with path.open("wb") as file:
        _WRITERS[kind](file, columns, meta, rows, pieces)


def _table(columns: Sequence[Column], meta: Meta, piece: Piece | None = None) -> Any:
    """The piece as astropy's table; None gives one without rows."""
    from astropy.table import Table

    table = Table(meta=dict(meta))
    for column in columns:
        values = (
            np.empty(0, column.dtype)
            if piece is None
            else np.asarray(piece[column.name]).astype(column.dtype)
        )
        table[column.name] = values
        table[column.name].info.description = column.description
        if column.unit is not None:
            table[column.name].unit = column.unit
    return table


def _fits(
    file: IO[bytes], columns: Sequence[Column], meta: Meta, rows: int, pieces: Iterable[Piece]
) -> None:
    from astropy.io import fits

    # Keywords hold ASCII only; other letters of names stay readable as escapes.
    ascii_only = {
        key: _escaped(value) if isinstance(value, str) else value for key, value in meta.items()
    }
    head = io.BytesIO()
    _table(columns, ascii_only).write(head, format="fits")
    with fits.open(io.BytesIO(head.getvalue())) as hdus:
        primary, header = hdus[0].header, hdus[1].header
    header["NAXIS2"] = rows
    header.insert("TTYPE1", ("EXTNAME", "PREDICTIONS"))
    for number, column in enumerate(columns, 1):
        # Astropy keeps descriptions in comments of its own; TOPCAT and STILTS read these.
        header.set(f"TCOMM{number}", column.description, after=f"TFORM{number}")
        if column.ucd is not None:
            header.set(f"TUCD{number}", column.ucd, after=f"TFORM{number}")
    file.write(primary.tostring().encode("ascii"))
    file.write(header.tostring().encode("ascii"))
    dtype = np.dtype([(column.name, _fits_dtype(column)) for column in columns])
    for piece in pieces:
        packed = np.empty(len(piece[columns[0].name]), dtype)
        for column in columns:
            packed[column.name] = (
                _ascii(piece[column.name], column)
                if column.dtype.startswith("U")
                else piece[column.name]
            )
        file.write(packed.tobytes())
    file.write(b"\0" * (-rows * dtype.itemsize % _BLOCK))


def _fits_dtype(column: Column) -> str:
    return (
        f"S{max(1, int(column.dtype[1:]))}" if column.dtype.startswith("U") else f">{column.dtype}"
    )


def _ascii(values: NDArray[Any], column: Column) -> NDArray[np.bytes_]:
    text = np.asarray(values).astype(column.dtype)
    try:
        return np.char.encode(text, "ascii")
    except UnicodeEncodeError as error:
        raise InputError(
            f"The column {column.name} holds {str(error.object)!r}, and FITS tables hold ASCII"
            " letters only. Write an .ecsv, .vot or .parquet catalogue instead."
        ) from error


def _escaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _ecsv(
    file: IO[bytes], columns: Sequence[Column], meta: Meta, rows: int, pieces: Iterable[Piece]
) -> None:
    head = _written(_table(columns, meta), "ascii.ecsv")
    file.write(head.encode())
    for piece in pieces:
        text = _written(_table(columns, meta, piece), "ascii.ecsv")
        file.write(text[len(head) :].encode())


def _written(table: Any, format: str) -> str:
    stream = io.StringIO()
    table.write(stream, format=format)
    return stream.getvalue()


def _votable(
    file: IO[bytes], columns: Sequence[Column], meta: Meta, rows: int, pieces: Iterable[Piece]
) -> None:
    begin, end = b"<TABLEDATA>", b"</TABLEDATA>"
    # Astropy leaves out the data of a table without rows, so the frame is that of one row.
    one = {column.name: np.zeros(1, column.dtype) for column in columns}
    head, _, rest = _votable_text(columns, meta, one).partition(begin)
    file.write(head + begin + b"\n")
    for piece in pieces:
        # Astropy needs fifty times as long for the rows.
        cells = [_cells(piece[column.name], column) for column in columns]
        file.write(
            "".join(
                f"<TR><TD>{'</TD><TD>'.join(row)}</TD></TR>\n" for row in zip(*cells, strict=True)
            ).encode()
        )
    file.write(end + rest.partition(end)[2])


def _cells(values: NDArray[Any], column: Column) -> list[str]:
    if column.dtype.startswith("U"):
        return [escape(str(value)) for value in values]
    return [
        "NaN" if value != value else repr(value)
        for value in np.asarray(values).astype(column.dtype).tolist()
    ]


def _votable_text(columns: Sequence[Column], meta: Meta, piece: Piece | None) -> bytes:
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Param

    votable = from_table(_table(columns, {}, piece))
    table = votable.get_first_table()
    for field, column in zip(table.fields, columns, strict=True):
        field.ucd = column.ucd
    for key, value in meta.items():
        text = isinstance(value, str)
        kind = (
            "boolean"
            if isinstance(value, bool)
            else "long"
            if isinstance(value, int)
            else "unicodeChar"
            if text
            else "double"
        )
        table.params.append(
            Param(
                votable,
                name=key,
                datatype=kind,
                value=value,
                **({"arraysize": "*"} if text else {}),
            )
        )
    stream = io.BytesIO()
    votable.to_xml(stream)
    return stream.getvalue()


def _parquet(
    file: IO[bytes], columns: Sequence[Column], meta: Meta, rows: int, pieces: Iterable[Piece]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from astropy.table.meta import get_yaml_from_table

    # Astropy reads units and descriptions from the one, TOPCAT from the other
    # (https://www.ivoa.net/documents/Notes/VOParquet/).
    about = {
        "table_meta_yaml": "\n".join(get_yaml_from_table(_table(columns, meta))),
        "IVOA.VOTable-Parquet.version": "1.0",
        "IVOA.VOTable-Parquet.content": _without_data(_votable_text(columns, meta, None).decode()),
    }
    about |= {
        f"table::len::{column.name}": str(max(1, int(column.dtype[1:])))
        for column in columns
        if column.dtype.startswith("U")
    }
    types = {"f8": pa.float64(), "i8": pa.int64()}
    schema = pa.schema(
        [(column.name, types.get(column.dtype, pa.string())) for column in columns], about
    )
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(
                pa.table(
                    [
                        _arrow(piece[column.name], schema.field(column.name).type)
                        for column in columns
                    ],
                    schema,
                )
            )


def _arrow(values: NDArray[Any], kind: Any) -> Any:
    import pyarrow as pa

    return pa.array(np.asarray(values).astype(object) if kind == pa.string() else values, kind)


def _without_data(votable: str) -> str:
    head, _, rest = votable.partition("<DATA>")
    return head.rstrip() + rest.partition("</DATA>")[2] if rest else votable


_Writer = Callable[[IO[bytes], Sequence[Column], Meta, int, Iterable[Piece]], None]
_WRITERS: dict[str, _Writer] = {
    "fits": _fits,
    "ecsv": _ecsv,
    "votable": _votable,
    "parquet": _parquet,
}
