"""Images of one set in several .npy files, indexed like one array."""

import itertools
import math
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from daexplore.data.joined_images import JoinedImages
from daexplore.errors import InputError

__all__ = ["ChunkedImages", "Images"]


@dataclass(frozen=True, eq=False)
class ChunkedImages:
    """Looks like an (N, C, H, W) array when rows are taken out of it.

    Rows are read from the files into new arrays. Nothing is mapped or held: the operating system
    keeps what is read often in otherwise unused memory, as it does for memory-mapped files,
    but a set takes no address space, and may be larger than a limit on that.

    Attributes:
        files: the .npy files in the order of their rows, each (n, C, H, W) in C order.
        shape: (N, C, H, W).
        dtype: of all files.
        starts: row number of each file's first row.
        offsets: where in each file its first row begins [byte].
    """

    files: tuple[Path, ...]
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    starts: NDArray[np.int64]
    offsets: tuple[int, ...]

    @staticmethod
    def open(files: Sequence[str | Path]) -> "ChunkedImages":
        """Read the files' headers.

        Raises:
            InputError: a file that is missing, cut short or no .npy file, or one whose images are
                of another kind than the first one's.
        """
        paths = tuple(Path(file) for file in files)
        if not paths:
            raise InputError("A chunked image array needs at least one file.")
        headers = [_header(path) for path in paths]
        (_, *size), dtype, _ = headers[0]
        for path, (shape, other, _) in zip(paths, headers, strict=True):
            if len(shape) != 4 or list(shape[1:]) != size or other != dtype:
                raise InputError(
                    f"{path}: holds {other} images of shape {shape[1:]}, {paths[0].name} holds"
                    f" {dtype} of {tuple(size)}."
                )
        ends = np.cumsum([shape[0] for shape, _, _ in headers], dtype=np.int64)
        starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        return ChunkedImages(
            paths,
            (int(ends[-1]), size[0], size[1], size[2]),
            dtype,
            starts,
            tuple(offset for *_, offset in headers),
        )

    @property
    def ndim(self) -> int:
        """Always 4."""
        return 4

    @property
    def size(self) -> int:
        """Number of pixels in all."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """What all of it takes in memory [byte]."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Rows by number, slice, array of numbers or mask, as numpy gives them; always a new array.

        Raises:
            IndexError: a row that is not there, a mask of another length, or an index of more than
                the rows.
            InputError: a file that has vanished or changed since it was opened.
        """
        if isinstance(key, slice):
            return self._gather(np.arange(len(self))[key])
        if isinstance(key, tuple) or key is None or key is Ellipsis:
            raise IndexError(
                f"Only rows can be taken from chunked images, not {key!r}: take the rows first,"
                " then index the result."
            )
        if isinstance(key, Sequence | np.ndarray) and np.ndim(key):
            rows = np.asarray(key)
            return self._gather(self._rows(rows).ravel()).reshape(
                *(rows.shape if rows.dtype != bool else (-1,)), *self.shape[1:]
            )
        try:
            row = operator.index(key)
        except TypeError as error:
            raise IndexError(
                f"Rows are chosen by whole numbers, slices or masks, not by {key!r}."
            ) from error
        image: NDArray[Any] = self._gather(self._rows(np.array([row])))[0]
        return image

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it in memory."""
        if copy is False:
            raise ValueError(
                "Chunked images cannot become an array without being read into memory."
            )
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)

    def _rows(self, key: NDArray[Any]) -> NDArray[np.int64]:
        """Row numbers from 0 on."""
        if key.dtype == bool:
            if key.shape != self.shape[:1]:
                raise IndexError(f"A mask of shape {key.shape} does not fit {len(self)} rows.")
            return np.flatnonzero(key)
        if key.size and key.dtype.kind not in "iu":
            raise IndexError(f"Rows are chosen by whole numbers or a mask, not by {key.dtype}.")
        rows = key.astype(np.int64)
        outside = rows[(rows < -len(self)) | (rows >= len(self))]
        if outside.size:
            raise IndexError(f"Row {outside.ravel()[0]} is out of bounds for {len(self)} rows.")
        return np.where(rows < 0, rows + len(self), rows)

    def _gather(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Each file is opened once, and rows that are together in it and in the result are read
        in one piece.
        """
        images = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if images.size == 0:
            return images
        order = np.argsort(rows, kind="stable")
        inside = rows[order]
        chunks = np.searchsorted(self.starts, inside, side="right") - 1
        apart = (np.diff(inside) != 1) | (np.diff(order) != 1) | (np.diff(chunks) != 0)
        ends = [*(np.flatnonzero(apart) + 1).tolist(), len(rows)]
        for chunk, runs in itertools.groupby(
            itertools.pairwise([0, *ends]), key=lambda run: int(chunks[run[0]])
        ):
            try:
                with open(self.files[chunk], "rb", buffering=0) as file:
                    for first, last in runs:
                        place = self.offsets[chunk] + (int(inside[first] - self.starts[chunk])) * (
                            images[0].nbytes
                        )
                        _read_at(file, place, images[order[first] : order[first] + last - first])
            except OSError as error:
                raise InputError(
                    f"{self.files[chunk]} cannot be read any more: {error}. Open the galaxy set"
                    " again, or make it again."
                ) from error
        return images


Images: TypeAlias = NDArray[Any] | ChunkedImages | JoinedImages
"""Whatever (N, C, H, W) images rows can be taken from."""


def _read_at(file: FileIO, place: int, into: NDArray[Any]) -> None:
    file.seek(place)
    left = into.data.cast("B")
    while left:
        count = file.readinto(left)
        if not count:
            raise OSError("it is shorter than when it was opened")
        left = left[count:]


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and where the first row begins."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(file)
            offset, there = file.tell(), os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a .npy file: {error}. Ingest the galaxies again."
        ) from error
    expected = offset + math.prod(shape) * dtype.itemsize
    if fortran or dtype.hasobject or there != expected:
        raise InputError(
            f"{path} is damaged: {there} bytes instead of {expected} for {dtype} of shape {shape}."
            " Ingest the galaxies again."
        )
    return shape, dtype, offset
