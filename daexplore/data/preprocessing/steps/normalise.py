"""Each band to mean 0 and standard deviation 1."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.preprocessing.steps.stretch import positive

__all__ = ["Normalise"]


@dataclass(frozen=True)
class Normalise:
    """``(x - mean) / std``.

    Attributes:
        mean: of the stretched training pixels, in each band.
        std: as above.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @staticmethod
    def fit(chunks: Iterable[NDArray[np.float32]]) -> "Normalise":
        """Statistics of images that come in chunks (n, C, H, W), at least one.

        Chunks are merged without the cancellation of E[x^2] - E[x]^2 (Chan, Golub & LeVeque 1983,
        Am. Stat. 37, 242).
        """
        count, mean, squares = 0, np.zeros(1), np.zeros(1)
        for chunk in chunks:
            values = chunk.astype(np.float64)
            n = values.size // values.shape[1]
            chunk_mean = values.mean(axis=(0, 2, 3))
            squares = squares + (
                ((values - chunk_mean[:, None, None]) ** 2).sum(axis=(0, 2, 3))
                + (chunk_mean - mean) ** 2 * count * n / (count + n)
            )
            mean = mean + (chunk_mean - mean) * n / (count + n)
            count += n
        return Normalise(tuple(mean.tolist()), tuple(positive(np.sqrt(squares / count)).tolist()))

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W), new."""
        mean, std = (
            np.array(values, np.float32)[:, None, None] for values in (self.mean, self.std)
        )
        normalised: NDArray[np.float32] = images.astype(np.float32, copy=False) - mean
        normalised /= std
        return normalised
