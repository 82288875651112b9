"""Files of named arrays: HDF5, as Galaxy10 and the Multimodal Universe publish it, and .npz.

One array holds the images of all galaxies; those of one value for each galaxy are their catalogue.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd

from daexplore.data.readers.base import Input, Reader
from daexplore.data.readers.listing import Cutout, Listing
from daexplore.data.readers.packed.shards import Shard, Shards, first_channels, packed_listing
from daexplore.errors import InputError
from daexplore.utils.addresses import is_address, open_binary, unreachable

__all__ = ["HDF5", "NPZ", "list_arrays_of"]

_USUAL = ("images", "image", "image_array", "x", "x_train", "data", "cutouts", "arr_0")
_SUFFIXES = {"hdf5": (".h5", ".hdf5", ".hdf", ".he5"), "npz": (".npz",)}
_ROWS = 64
"""Images of an HDF5 file that are read at once: a chunk is decompressed as a whole."""

Arrays = dict[str, Any]


def list_arrays_of(kind: str, given: Input) -> Listing:
    """The galaxies of all files of a kind, one after the other.

    Raises:
        InputError: no array of images or several, files that differ, or one that cannot be read.
    """
    files = _files(kind, given)
    key = _image_key(_opened(kind, Shard.of(given.at(files[0]))), given)
    frames: list[pd.DataFrame] = []
    dropped: list[str] = []
    for file in files:
        shard = Shard.of(given.at(file))
        frame, left_out = _catalogue(_opened(kind, shard), key, shard.where)
        frames.append(frame)
        dropped += [name for name in left_out if name not in dropped]
    load = partial(_Load, kind=kind, key=key, bands=given.read.bands)
    return packed_listing(given, kind, files, frames, load, dropped, {"image_array": key})


@dataclass(frozen=True)
class _Load:
    shards: Shards
    kind: str
    key: str
    bands: tuple[str, ...] | None

    def __call__(self, row: int) -> Cutout:
        file, place = self.shards.place(row)
        block = _block(self.kind, file, self.key, place // _ROWS)
        where = f"{file}, image {place} of {self.key!r}"
        bands = None if self.bands is None else len(self.bands)
        image = np.asarray(block[place % _ROWS])
        pixels = first_channels(image, where, bands)
        with np.errstate(over="ignore"):
            return Cutout(
                np.ascontiguousarray(pixels, np.float32), depth=8 if image.dtype == "u1" else None
            )


@lru_cache(maxsize=4)
def _block(kind: str, file: Shard, key: str, number: int) -> Any:
    array = _opened(kind, file)[key]
    try:
        return array[number * _ROWS : (number + 1) * _ROWS]
    except OSError as error:
        # HDF5 has an error of its own for whatever its file says.
        if is_address(file.where):
            raise unreachable(file.where, error) from error
        raise


@lru_cache(maxsize=16)
def _opened(kind: str, shard: Shard) -> Arrays:
    """The arrays of a file by name; those of HDF5 are not read yet."""
    where = shard.where
    try:
        return dict(_hdf5(where) if kind == "hdf5" else _npz(where))
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{where} cannot be read ({error}). Write it again.") from error


def _hdf5(where: str) -> Iterator[tuple[str, Any]]:
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            f"{where} needs h5py, which is not installed: pip install 'daexplore[hdf5]'."
        ) from error
    found: Arrays = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    # ``visititems`` follows no link to another file.
    h5py.File(open_binary(where) if is_address(where) else where, "r").visititems(note)
    external = [name for name, item in found.items() if item.external or item.is_virtual]
    for name in external:
        del found[name]
    yield from found.items()


def _npz(where: str) -> Iterator[tuple[str, Any]]:
    with open_binary(where) as stream, np.load(stream, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is one array, no archive")
        for name in archive.files:
            try:
                yield name, archive[name]
            except ValueError as error:
                if "pickle" not in str(error):
                    raise
                # Python objects are never unpickled: such an array counts as one that is no table.
                yield name, None


def _files(kind: str, given: Input) -> list[str]:
    return [file for file in given.files if file.lower().endswith(_SUFFIXES[kind])]


def _image_key(arrays: Arrays, given: Input) -> str:
    """The array of images: the declared one, the only one of 3 or 4 axes, or of several the one of
    a usual name.
    """
    shapes = {name: each.shape for name, each in arrays.items() if each is not None}
    wanted = given.read.images
    if wanted is not None:
        if wanted in shapes and len(shapes[wanted]) in (3, 4):
            return wanted
        raise InputError(
            f"{given.where} has no array {wanted!r} of images; it has {_listed(shapes)}. Name one"
            " of 3 or 4 axes with --images."
        )
    found = [
        name
        for name, shape in shapes.items()
        if len(shape) in (3, 4) and min(shape[1:]) > 0 and arrays[name].dtype.kind in "fiu"
    ]
    usual = [name for wanted in _USUAL for name in found if name.lower() == wanted]
    if len(found) == 1 or usual:
        return usual[0] if usual else found[0]
    what = f"{len(found)} arrays may be the images" if found else "no array holds images"
    raise InputError(
        f"{given.where}: {what}; it has {_listed(shapes)}. Name the one of images with --images."
    )


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items()) or "none"


def _catalogue(arrays: Arrays, key: str, where: str) -> tuple[pd.DataFrame, list[str]]:
    """The arrays of one value for each image, and the names of the others."""
    if key not in arrays:
        raise InputError(f"{where} has no array {key!r}, which the files before it have.")
    count = arrays[key].shape[0]
    columns: Arrays = {}
    dropped = []
    for name, array in arrays.items():
        if name == key:
            continue
        shape = None if array is None else array.shape
        if shape in ((count,), (count, 1)) and _one_value(array.dtype):
            values = np.asarray(array[:]).reshape(count)
            columns[name] = (
                _text(values, f"{where}, array {name!r}")
                if values.dtype.kind in "SUO"
                else _native(values)
            )
        else:
            dropped.append(name)
    return pd.DataFrame(columns, index=range(count)), dropped


def _one_value(dtype: Any) -> bool:
    # h5py writes texts of any length as objects that say so; other objects are lists or references.
    text = dtype.kind == "O" and (dtype.metadata or {}).get("vlen") in (str, bytes)
    return dtype.kind in "fiubSU" or text


def _native(values: Any) -> Any:
    return values.astype(values.dtype.newbyteorder("="))


def _text(values: Any, where: str) -> list[str]:
    try:
        return [
            value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()
        ]
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not text in UTF-8 ({error}). Write it again.") from error


def _recognises(kind: str) -> Callable[[Input], bool]:
    def recognised(given: Input) -> bool:
        return bool(_files(kind, given))

    return recognised


HDF5 = Reader(
    "hdf5",
    "HDF5 files: an array of images (--images KEY where there are several), and arrays of one value"
    " for each image",
    _recognises("hdf5"),
    partial(list_arrays_of, "hdf5"),
    elsewhere=True,
)
NPZ = Reader(
    "npz",
    "a .npz file of such arrays",
    _recognises("npz"),
    partial(list_arrays_of, "npz"),
    elsewhere=True,
)
