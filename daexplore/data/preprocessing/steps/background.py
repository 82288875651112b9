"""The sky of each image taken away, as its border shows it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Background", "clipped_median"]


@dataclass(frozen=True)
class Background:
    """Subtracts, from each image and band, the sigma-clipped median of the pixels along its border.

    Nothing is learned from other images. A galaxy that fills its image is part of its own border:
    choose cut-outs wide enough.

    Attributes:
        width: of the border [pixel].
        sigma: pixels farther than so many standard deviations from the median are left out, and
            both are worked out again,
        rounds: at most so many times.
    """

    width: int
    sigma: float = 3.0
    rounds: int = 5

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) without their sky; images narrower than two borders are all border."""
        images = images.astype(np.float32, copy=False)
        border = np.ones(images.shape[2:], bool)
        border[self.width : -self.width, self.width : -self.width] = False
        # Unlike indexing with a mask this keeps each image's pixels side by side.
        pixels = np.take(
            images.reshape(*images.shape[:2], border.size), np.flatnonzero(border), axis=2
        )
        sky = clipped_median(pixels, self.sigma, self.rounds)
        subtracted: NDArray[np.float32] = images - sky.astype(np.float32)[:, :, None, None]
        return subtracted


def clipped_median(values: NDArray[Any], sigma: float, rounds: int) -> NDArray[np.float64]:
    """Median over the last axis of what remains after clipping.

    What remains of sorted values is a stretch of them, of which running sums give mean and
    deviation: several times faster than masks, which would cost a third of a training step.

    Args:
        values: (..., m); NaN where m holds one.
        sigma: see ``Background``.
        rounds: see ``Background``.
    """
    ordered = np.sort(values.reshape(-1, values.shape[-1]), axis=1).astype(np.float64)
    row, low, high = (
        np.arange(len(ordered)),
        np.zeros(len(ordered), np.int64),
        np.full(len(ordered), ordered.shape[1]),
    )
    centred = ordered - ordered[:, ordered.shape[1] // 2, None]
    sums, squares = _running(centred), _running(centred**2)
    median = _middle(ordered, low, high)
    for _ in range(rounds):
        count = np.maximum(high - low, 1)
        mean, mean_square = (
            (total[row, high] - total[row, low]) / count for total in (sums, squares)
        )
        reach = sigma * np.sqrt(np.maximum(mean_square - mean**2, 0))
        before = low, high
        low = np.maximum(low, _below(ordered, median - reach))
        high = np.minimum(high, _below(ordered, np.nextafter(median + reach, np.inf)))
        median = _middle(ordered, low, high)
        if np.array_equal(before, (low, high)):
            break
    return median.reshape(values.shape[:-1])


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m + 1) sums from the middle outwards, negative before it: a difference of two is a
    stretch's sum, free of outliers beyond it.
    """
    middle = values.shape[1] // 2
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values[:, middle:], axis=1, out=sums[:, middle + 1 :])
    np.cumsum(-values[:, :middle][:, ::-1], axis=1, out=sums[:, :middle][:, ::-1])
    return sums


def _below(ordered: NDArray[np.float64], threshold: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) how many values of each row are less than its threshold, by bisection in all rows at
    once.
    """
    row, width = np.arange(len(ordered)), ordered.shape[1]
    low, high = np.zeros(len(ordered), np.int64), np.full(len(ordered), width)
    for _ in range(width.bit_length()):
        middle = (low + high) // 2
        less = (low < high) & (ordered[row, np.minimum(middle, width - 1)] < threshold)
        low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
    return low


def _middle(
    ordered: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    row, last = np.arange(len(ordered)), high - low - 1
    middle: NDArray[np.float64] = (
        ordered[row, low + last // 2] + ordered[row, low + (last + 1) // 2]
    ) / 2
    return middle
