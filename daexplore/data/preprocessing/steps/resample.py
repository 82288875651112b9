"""Images brought to another pixel scale, their flux conserved."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["Resample", "overlap_matrix", "resampled_length"]


@dataclass(frozen=True)
class Resample:
    """Shares the flux of each pixel among the new pixels by the area in which they overlap
    ("drizzling" with full-size drops; Fruchter & Hook 2002, PASP 114, 144).

    Pixels are taken for fluxes, such as counts or nJy a pixel: a coarser pixel holds more. Of
    surface brightness (flux an arcsec^2) that makes sums; dividing them by the square of the ratio
    gives it back, which normalisation does anyway. New pixels are about the same centre, and only
    those that the image covers entirely are made: what remains along the edges, less than one new
    pixel in all, is cut off.

    Attributes:
        ratio: side of a new pixel in old ones.
    """

    ratio: float

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) to (n, C, about H / ratio, about W / ratio).

        Raises:
            InputError: the image is smaller than one new pixel.
        """
        rows, columns = (overlap_matrix(n, self.ratio) for n in images.shape[2:])
        resampled: NDArray[np.float32] = rows @ images.astype(np.float32, copy=False) @ columns.T
        return resampled


def resampled_length(n: int, ratio: float) -> int:
    """How many new pixels n old ones cover entirely.

    Raises:
        InputError: not even one.
    """
    length = int(n / ratio + 1e-6)
    if length < 1:
        raise InputError(
            f"Images {n} pixels wide are smaller than one pixel of the common scale, {ratio:.4g} of"
            " theirs. Choose a finer one."
        )
    return length


@lru_cache(maxsize=64)
def overlap_matrix(n: int, ratio: float, length: int | None = None) -> NDArray[np.float32]:
    """(new, n) the share of each old pixel in a row that is within each new one.

    Args:
        n: old pixels.
        ratio: side of a new pixel in old ones.
        length: new pixels, about the centre of the old; None takes all that are covered entirely.
    """
    length = resampled_length(n, ratio) if length is None else length
    edges = n / 2 + (np.arange(length + 1) - length / 2) * ratio
    old = np.arange(n)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    shared: NDArray[np.float32] = np.maximum(overlap, 0).astype(np.float32)
    shared.flags.writeable = False
    return shared
