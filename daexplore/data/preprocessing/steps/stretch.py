"""Stretch of flux: asinh, or between two percentiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Asinh", "Percentile", "positive"]

_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Asinh:
    """``asinh(x / (softening * noise_scale))``, linear near zero and logarithmic far from it
    (Lupton et al. 2004, PASP 116, 133).

    Attributes:
        softening: in units of the noise scale.
        noise_scale: in each band, in units of the pixels.
    """

    softening: float
    noise_scale: tuple[float, ...]

    @staticmethod
    def fit(pixels: NDArray[np.float32], softening: float) -> "Asinh":
        """The noise scale is the robust standard deviation, 1.4826 times the median absolute
        deviation, of training pixels (C, m).
        """
        deviation = np.abs(pixels - np.median(pixels, axis=1, keepdims=True))
        mad = _MAD_TO_SIGMA * np.median(deviation, axis=1).astype(np.float64)
        std = pixels.std(axis=1, dtype=np.float64)
        # More than half of the pixels can be equal: 8-bit images with a black background, or
        # simulations without noise.
        return Asinh(softening, tuple(positive(np.where(mad > 0, mad, std)).tolist()))

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W), stretched."""
        unit = np.array([self.softening * scale for scale in self.noise_scale], np.float32)[
            :, None, None
        ]
        stretched: NDArray[np.float32] = np.arcsinh(images.astype(np.float32, copy=False) / unit)
        return stretched


@dataclass(frozen=True)
class Percentile:
    """Clips each band between two values and brings these to 0 and 1.

    Attributes:
        low: what becomes 0, in each band, in units of the pixels.
        high: what becomes 1.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @staticmethod
    def fit(pixels: NDArray[np.float32], percentiles: tuple[float, float]) -> "Percentile":
        """Both values are percentiles of training pixels (C, m)."""
        low, high = np.percentile(pixels, percentiles, axis=1).astype(np.float64)
        return Percentile(tuple(low.tolist()), tuple(high.tolist()))

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) from 0 to 1; a band whose two values are equal becomes 0."""
        low, high = (
            np.array(values, np.float32)[:, None, None] for values in (self.low, self.high)
        )
        scaled: NDArray[np.float32] = (
            np.clip(images, low, high).astype(np.float32, copy=False) - low
        )
        scaled /= positive(high - low)
        return scaled


def positive(scale: NDArray[Any]) -> NDArray[Any]:
    """A constant band has no scale; dividing it by 1 leaves it constant instead of NaN."""
    return np.where(scale > 0, scale, np.ones((), scale.dtype))
