"""Parquet files with a column of images, as the Hugging Face Hub and HATS catalogues store them.

Layouts: ``datasets`` (a struct of bytes and path, or bytes alone), and nested lists of numbers, as
in the Multimodal Universe. A folder's files are read in the order of their names.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.catalogues.match import keyed_by_sample, names_of
from daexplore.data.catalogues.read import ID_COLUMNS, TableFile, parquet_frame
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.data.readers.picture import picture_of_bytes
from daexplore.errors import InputError

__all__ = ["READER", "list_parquet"]

_SUFFIXES = (".parquet", ".pq")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*")
_USUAL = ("image", "img", "picture", "png", "jpg", "cutout", "rgb_image", "flux")


def list_parquet(given: Input) -> Listing:
    """The galaxies of all rows; everything but the images is their catalogue.

    Raises:
        InputError: files of different columns, or no column of images.
    """
    files, column = _files(given), _image_column(given)
    if column is None:
        raise InputError(f"{given.path} has no column of images.")
    frames: list[pd.DataFrame] = []
    dropped: list[str] = []
    for file in files:
        frame, left_out = parquet_frame(given.folder / file, without=(column,))
        if frames and list(frame) != list(frames[0]):
            raise InputError(
                f"{given.folder / file}: its columns ({', '.join(map(str, frame))}) are not those"
                f" of {files[0]} ({', '.join(map(str, frames[0]))}). Give files of one table."
            )
        frames.append(frame)
        dropped += [name for name in left_out if name not in dropped]
    frame = _with_class_names(pd.concat(frames, ignore_index=True), given.folder / files[0])
    table = TableFile(frame, given.path, dropped=tuple(dropped))
    name = given.read.name or given.path.resolve().name.partition(".")[0]
    keys, ids = _names(table, given)
    attached = keyed_by_sample([f"{name}/{key}" for key in keys], table, given.read)
    provenance = {"reader": "parquet", "path": str(given.path.resolve()), "image_column": column}
    rows = tuple(accumulate((len(frame) for frame in frames), initial=0))
    paths = tuple(str(given.folder / file) for file in files)
    return Listing(
        attached.catalogue,
        _Load(paths, rows, column, given.read.bands),
        attached.classes,
        name,
        provenance | attached.provenance | ({"matched_by": ids} if ids else {}),
        files=tuple(files),
    )


def _with_class_names(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Class numbers as the names that ``datasets`` keeps in the file's metadata, if it does."""
    about = (_opened(str(file)).schema_arrow.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(about)["info"]["features"] if about else {}
    except (ValueError, KeyError, TypeError):
        return frame
    for column, told in features.items() if isinstance(features, dict) else ():
        names = told.get("names") if isinstance(told, dict) else None
        if column in frame and isinstance(names, list) and told.get("_type") == "ClassLabel":
            called = {number: str(name) for number, name in enumerate(names)}
            codes = frame[str(column)].tolist()
            frame[str(column)] = [called.get(code) for code in codes]
    return frame


@dataclass(frozen=True)
class _Load:
    files: tuple[str, ...]
    rows: tuple[int, ...]
    column: str
    bands: tuple[str, ...] | None

    def __call__(self, row: int) -> Cutout:
        number = bisect_right(self.rows, row) - 1
        value = _value(self.files[number], self.column, row - self.rows[number])
        where = f"{self.files[number]}, row {row - self.rows[number] + 1}"
        if isinstance(value, dict) and "bytes" not in value:
            value = next((value[key] for key in ("flux", "array", "data") if key in value), None)
        if isinstance(value, dict):
            value = value["bytes"]
        if value is None:
            raise InputError(f"{where}: it has no image. Leave the row out.")
        if isinstance(value, bytes):
            pixels, depth = picture_of_bytes(value, where)
            return Cutout(pixels, ("R", "G", "B") if len(pixels) == 3 else ("grey",), depth=depth)
        return Cutout(_channel_first(np.asarray(value, np.float32), where))


def _channel_first(pixels: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    """(C, H, W) of an image as nested lists: of (H, W), (C, H, W) or (H, W, C)."""
    if pixels.ndim == 2:
        return pixels[None]
    if pixels.ndim != 3:
        raise InputError(f"{where}: its image has {pixels.ndim} axes, expected 2 or 3.")
    last = pixels.shape[2] <= 4 < min(pixels.shape[:2]) and pixels.shape[0] == pixels.shape[1]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if last else pixels


def _value(file: str, column: str, row: int) -> Any:
    starts = _groups(file)
    group = bisect_right(starts, row) - 1
    return _column(file, column, group)[row - starts[group]].as_py()


@lru_cache(maxsize=64)
def _opened(file: str) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file, memory_map=True)


@lru_cache(maxsize=1024)
def _groups(file: str) -> tuple[int, ...]:
    """The first row of each row group."""
    about = _opened(file).metadata
    sizes = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    return tuple(accumulate(sizes[:-1], initial=0))


@lru_cache(maxsize=2)
def _column(file: str, column: str, group: int) -> Any:
    """One row group's images; galaxies are read in order, so that each is decoded once."""
    return _opened(file).read_row_group(group, columns=[column]).column(0)


def _files(given: Input) -> list[str]:
    """The Parquet files that hold rows, not those of metadata."""
    return [
        file
        for file in given.files
        if file.lower().endswith(_SUFFIXES) and not file.rpartition("/")[2].startswith("_")
    ]


def _image_column(given: Input) -> str | None:
    """The column of images of the first file, by its type; of several, by its name."""
    import pyarrow as pa

    files = _files(given)
    if not files:
        return None
    path = given.folder / files[0]
    try:
        schema = _opened(str(path)).schema_arrow
    except (OSError, pa.ArrowException):
        return None
    found = [name for name, kind in zip(schema.names, schema.types, strict=True) if _images(kind)]
    found = [name for name in found if _is_picture(str(path), name, schema.field(name).type)]
    usual = [name for wanted in _USUAL for name in found if name.lower() == wanted]
    return usual[0] if usual else found[0] if len(found) == 1 else None


def _images(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        names = {kind.field(i).name for i in range(kind.num_fields)}
        return bool(names & {"bytes", "flux", "array", "data"})
    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    return _depth(kind) >= 2


def _depth(kind: Any) -> int:
    from pyarrow import types

    depth = 0
    while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth if types.is_floating(kind) or types.is_integer(kind) else 0


def _is_picture(file: str, column: str, kind: Any) -> bool:
    from pyarrow import types

    if not (types.is_binary(kind) or types.is_large_binary(kind)):
        return True
    first = next((value.as_py() for value in _column(file, column, 0) if value.is_valid), b"")
    return first.startswith(_MAGIC)


def _names(table: TableFile, given: Input) -> tuple[Sequence[str], str | None]:
    """What the galaxies are called: by the first column of names that are all there and different,
    else by their row.
    """
    lower = {column.lower(): column for column in table.columns}
    wanted = [given.read.id] if given.read.id else [lower[key] for key in _IDS if key in lower]
    for column in wanted:
        names = names_of(table.frame[column], column, table.path)
        if all(names) and len(set(names)) == len(names):
            return names, column
    return [f"{row:06d}" for row in range(len(table.frame))], None


_IDS = (*ID_COLUMNS, "id_str", "dr8_id", "iauname")


def _recognises(given: Input) -> bool:
    return bool(_files(given)) and _image_column(given) is not None


READER = Reader(
    "parquet",
    "Parquet files with a column of images (bytes or nested lists), as of Hugging Face or HATS",
    _recognises,
    list_parquet,
)
