"""Images of several sets, indexed like one array."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["JoinedImages"]


class ImageRows(Protocol):
    """(N, C, H, W) images rows can be taken from."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class JoinedImages:
    """Looks like an (N, C, H, W) array when rows are taken out of it; nothing is copied before.

    Attributes:
        parts: arrays with images of one shape; the rows of the second follow those of the first.
        orders: for each part, which of its channels are the channels of this array.
    """

    parts: tuple[ImageRows, ...]
    orders: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        _, _, height, width = self.parts[0].shape
        return (sum(map(len, self.parts)), len(self.orders[0]), height, width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds the pixels of all parts."""
        return np.result_type(*(part.dtype for part in self.parts))

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
        """Rows by number, slice, array of numbers or mask, as numpy gives them; a new array.

        Raises:
            IndexError: a row that is not there, or an index of more than the rows.
        """
        if isinstance(key, tuple) or key is None or key is Ellipsis:
            raise IndexError(f"Only rows can be taken from joined images, not {key!r}.")
        if isinstance(key, Sequence) and not len(key):
            key = np.zeros(0, np.int64)
        rows = np.arange(len(self))[key]
        flat = np.atleast_1d(rows).ravel()
        images = np.empty((len(flat), *self.shape[1:]), self.dtype)
        start = 0
        for part, order in zip(self.parts, self.orders, strict=True):
            mine = (flat >= start) & (flat < start + len(part))
            if mine.any():
                images[mine] = part[flat[mine] - start][:, list(order)]
            start += len(part)
        return images.reshape(*np.shape(rows), *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it in memory."""
        if copy is False:
            raise ValueError("Joined images cannot become an array without being copied.")
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)
