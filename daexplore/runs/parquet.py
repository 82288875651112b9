"""Arrays to parquet tables and back: one row a galaxy, vectors as lists of float32."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.utils.files import atomic_write

__all__ = ["check_parquet", "column", "matrix", "read_only", "read_table", "vectors", "write_table"]

_MAGIC = b"PAR1"


def vectors(rows: NDArray[np.floating[Any]]) -> pa.FixedSizeListArray:
    """(n, d) as a column of n lists."""
    flat = pa.array(np.ascontiguousarray(rows, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def write_table(path: Path, columns: dict[str, Any]) -> None:
    """Write a table in one step."""
    with atomic_write(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def read_table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """The table in a file, with at least the given columns.

    Raises:
        InputError: the file is missing, truncated, or lacks a column.
    """
    check_parquet(path)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path} is not a readable parquet file ({error}). Restore it from a copy, or remove"
            " the run's folder."
        ) from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: expected a column {missing[0]!r}, found {', '.join(table.column_names)}."
        )
    return table


def check_parquet(path: Path) -> None:
    """Look at both ends of a file, which is fast and finds it missing or truncated.

    Raises:
        InputError: it is one of these.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(-min(4, path.stat().st_size), 2)
            tail = file.read(4)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing. Restore it from a copy, or remove the run's folder."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if head != _MAGIC or tail != _MAGIC:
        raise InputError(
            f"{path} is truncated or is not a parquet file. Restore it from a copy, or remove the"
            " run's folder."
        )


def column(table: pa.Table, name: str) -> NDArray[Any]:
    """A column of plain values as a read-only array; text as objects."""
    return read_only(table[name].to_numpy())


def read_only(values: NDArray[Any]) -> NDArray[Any]:
    """The same array, made read-only: what is cached is shared."""
    values.flags.writeable = False
    return values


def matrix(table: pa.Table, name: str, path: Path) -> NDArray[np.float32]:
    """A column of lists of equal length as a read-only (n, d) array.

    Raises:
        InputError: the lists differ in length.
    """
    lists = table[name].combine_chunks()
    flat: NDArray[np.float32] = np.asarray(
        lists.flatten().to_numpy(zero_copy_only=False), np.float32
    )
    n = len(lists)
    if n and (
        len(flat) % n
        or not (lists.value_lengths().to_numpy(zero_copy_only=False) == len(flat) // n).all()
    ):
        raise InputError(f"{path}: the lists in column {name!r} differ in length.")
    return read_only(flat.reshape(n, -1) if n else flat.reshape(0, 0))
