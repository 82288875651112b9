"""Parquet files with a column of images, as the Hugging Face Hub and HATS catalogues store them.

Layouts: ``datasets`` (a struct of bytes and path, or bytes alone), nested lists of numbers, and the
structs of flux, band and scale of the Multimodal Universe (Angeloudi et al. 2024). A folder's files
are read in the order of their names; of a HATS catalogue, the partitions.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from daexplore.data.catalogues.read import parquet_frame
from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.listing import SAME_SCALE, Cutout, Listing
from daexplore.data.readers.packed.shards import Shard, Shards, first_channels, packed_listing
from daexplore.data.readers.picture import picture_of_bytes
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address, open_binary

__all__ = ["READER", "list_parquet"]

_SUFFIXES = (".parquet", ".pq")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*")
_USUAL = ("image", "img", "picture", "png", "jpg", "cutout", "rgb_image", "flux")
_VECTORS = ("embedding", "embeddings", "vector", "latent")
_PIXELS = ("flux", "array", "data")
_PARTITION = re.compile(r"(^|/)Norder=\d+/")
_BESIDE = re.compile(r"(^|/)[^/]*(_margin|margin_cache|_\d+arcs)[^/]*/")


def list_parquet(given: Input) -> Listing:
    """The galaxies of all rows; everything but the images is their catalogue.

    Raises:
        InputError: files of different columns, or no column of images.
    """
    files, column = _files(given), _image_column(given)
    if column is None:
        raise InputError(f"{given.where} has no column of images.")
    frames: list[pd.DataFrame] = []
    dropped: list[str] = []
    for file in files:
        where = given.at(file)
        opened = _opened(Shard.of(where))
        frame, left_out = parquet_frame(where, without=(column,), opened=opened)
        frames.append(frame)
        dropped += [name for name in left_out if name not in dropped]
    frames = [_with_class_names(frame, Shard.of(given.at(files[0]))) for frame in frames]
    load = partial(_Load, column=column, bands=given.read.bands)
    about = {"image_column": column}
    return packed_listing(given, "parquet", files, frames, load, dropped, about)


def _with_class_names(frame: pd.DataFrame, file: Shard) -> pd.DataFrame:
    """Class numbers as the names that ``datasets`` keeps in the file's metadata, if it does."""
    about = (_opened(file).schema_arrow.metadata or {}).get(b"huggingface")
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
    shards: Shards
    column: str
    bands: tuple[str, ...] | None

    def __call__(self, row: int) -> Cutout:
        file, place = self.shards.place(row)
        value = _value(file, self.column, place)
        where = f"{file}, row {place + 1}"
        if isinstance(value, dict) and "bytes" not in value:
            return self._measured(value, where)
        if isinstance(value, dict):
            value = value["bytes"]
        if value is None:
            raise InputError(f"{where}: it has no image. Leave the row out.")
        if isinstance(value, bytes):
            pixels, depth = picture_of_bytes(value, where)
            return Cutout(pixels, ("R", "G", "B") if len(pixels) == 3 else ("grey",), depth=depth)
        return Cutout(self._array(value, where))

    def _measured(self, value: dict[str, Any], where: str) -> Cutout:
        """A struct that says which bands its planes are, and how large a pixel is [arcsec]."""
        found = next((value[key] for key in _PIXELS if value.get(key) is not None), None)
        if found is None:
            raise InputError(f"{where}: it has no image. Leave the row out.")
        pixels = self._array(found, where)
        bands = _of_each(value.get("band"), len(pixels))
        scales = _of_each(value.get("scale"), len(pixels)) or _of_each(value.get("scale"), 1)
        widths = _of_each(value.get("psf_fwhm"), len(pixels))
        known = widths is not None and all(np.isfinite(each) and each > 0 for each in widths)
        return Cutout(
            pixels,
            None if bands is None else tuple(map(str, bands)),
            None if scales is None else _one_scale(scales, where),
            psf_fwhm=tuple(map(float, widths)) if known and widths else None,
        )

    def _array(self, value: Any, where: str) -> Any:
        try:
            pixels = np.asarray(value, np.float32)
            if pixels.ndim == 1 and len(pixels):
                # A vector, such as an embedding: one pixel whose bands are the features.
                return pixels[:, None, None]
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{where}: its image is not a grid of numbers ({error}). Leave the row out."
            ) from error
        bands = None if self.bands is None else len(self.bands)
        return np.ascontiguousarray(first_channels(pixels, where, bands))


def _of_each(value: Any, count: int) -> list[Any] | None:
    """The value of each band, where the struct has one for each."""
    found = value if isinstance(value, list) else [] if value is None else [value]
    return found if len(found) == count and None not in found else None


def _one_scale(scales: list[Any], where: str) -> float:
    if max(scales) - min(scales) > SAME_SCALE * max(scales):
        raise InputError(
            f"{where}: its bands have different pixel scales ({scales} arcsec). Bring them to one."
        )
    return float(scales[0])


def _value(file: Shard, column: str, row: int) -> Any:
    starts = _groups(file)
    group = bisect_right(starts, row) - 1
    values = _column(file, column, group)
    return _plain(values[row - starts[group]])


def _plain(value: Any) -> Any:
    """The Python value; nested lists of equal lengths as arrays, which is ten times as fast."""
    if isinstance(value, pa.StructScalar):
        return {name: _plain(value[name]) for name in value} if value.is_valid else None
    lengths: list[int] = []
    if not isinstance(value, pa.ListScalar) or not value.is_valid:
        return value.as_py()
    array = value.values
    while isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        fixed = isinstance(array, pa.FixedSizeListArray)
        counts = {array.type.list_size} if fixed else set(array.value_lengths().to_pylist())
        if len(counts) != 1 or None in counts or array.null_count:
            return value.as_py()
        lengths.append(counts.pop())
        array = array.flatten()
    numbers = pa.types.is_floating(array.type) or pa.types.is_integer(array.type)
    if not numbers or not lengths:
        return value.as_py()
    flat = array.to_numpy(zero_copy_only=False)
    return flat.reshape(-1, *lengths)


@lru_cache(maxsize=64)
def _opened(file: Shard) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        open_binary(file.where) if is_address(file.where) else file.where, memory_map=True
    )


@lru_cache(maxsize=1024)
def _groups(file: Shard) -> tuple[int, ...]:
    """The first row of each row group."""
    about = _opened(file).metadata
    sizes = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    return tuple(accumulate(sizes[:-1], initial=0))


@lru_cache(maxsize=2)
def _column(file: Shard, column: str, group: int) -> Any:
    """One row group's images; galaxies are read in order, so that each is decoded once."""
    return _opened(file).read_row_group(group, columns=[column]).column(0)


def _files(given: Input) -> list[str]:
    """The Parquet files that hold rows: not those of metadata, of pictures of a HATS catalogue, nor
    of its margins, which hold the galaxies of other partitions again.
    """
    found = [
        file
        for file in given.files
        if file.lower().endswith(_SUFFIXES) and not file.rpartition("/")[2].startswith("_")
    ]
    partitions = [file for file in found if _PARTITION.search(file)]
    return [file for file in partitions if not _BESIDE.search(file)] or found


def _image_column(given: Input) -> str | None:
    """The column of images of the first file, by its type; of several, by its name."""
    files = _files(given)
    if not files:
        return None
    path = Shard.of(given.at(files[0]))
    try:
        schema = _opened(path).schema_arrow
    except (OSError, pa.ArrowException):
        return None
    columns = dict(zip(schema.names, schema.types, strict=True))
    wanted = given.read.images
    if wanted is not None:
        if wanted not in columns or not (_images(columns[wanted]) or _depth(columns[wanted]) == 1):
            raise InputError(
                f"{given.where} has no column {wanted!r} of images or vectors; it has"
                f" {', '.join(columns)}. Name another one with --images."
            )
        return str(wanted)
    found = [name for name, kind in columns.items() if _images(kind)]
    if not found:
        vectors = [name for name, kind in columns.items() if _depth(kind) == 1]
        named = [name for name in vectors if name.lower().startswith(_VECTORS)]
        return named[0] if len(named) == 1 else None
    found = [name for name in found if _is_picture(path, name, schema.field(name).type)]
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


def _is_picture(file: Shard, column: str, kind: Any) -> bool:
    from pyarrow import types

    if not (types.is_binary(kind) or types.is_large_binary(kind)):
        return True
    first = next((value.as_py() for value in _column(file, column, 0) if value.is_valid), b"")
    return first.startswith(_MAGIC)


def _recognises(given: Input) -> bool:
    return bool(_files(given)) and _image_column(given) is not None


READER = Reader(
    "parquet",
    "Parquet files with a column of images (bytes or nested lists), as of Hugging Face or HATS",
    _recognises,
    list_parquet,
    elsewhere=True,
)
