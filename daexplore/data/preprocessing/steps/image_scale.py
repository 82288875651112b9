"""Each image by itself to background 0 and peak 1."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.preprocessing.steps.background import Background

__all__ = ["ImageScale"]


@dataclass(frozen=True)
class ImageScale:
    """Subtracts each band's background and divides all bands of an image by one number: the
    image's own percentile.

    Nothing is learned from other images, so the unit and the zero point of the pixels, and the
    brightness of the galaxy, do not matter; its colours remain. The background is the
    sigma-clipped median along the border, a tenth of the side broad.

    Attributes:
        percentile: of the pixels of all bands above the background.
    """

    percentile: float = 99.5

    @staticmethod
    def background(size: tuple[int, ...]) -> Background:
        """The step that subtracts the background of images of a size [pixel]."""
        return Background(max(1, round(0.1 * min(size))))

    def rank(self, pixels: int) -> int:
        """Which of so many sorted pixels is the peak: the nearest rank."""
        return min(pixels - 1, int(pixels * self.percentile / 100))

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W), new. An image that is constant in every band becomes 0."""
        scaled = self.background(images.shape[2:]).apply(images)
        flat = scaled.reshape(len(scaled), int(np.prod(scaled.shape[1:])))
        rank = self.rank(flat.shape[1])
        peak = np.partition(flat, rank, axis=1)[:, rank] if len(flat) else np.ones(0, np.float32)
        # Few bright pixels on a background without noise can leave the percentile at 0.
        peak = np.where(peak > 0, peak, np.abs(flat).max(axis=1, initial=0))
        scaled /= np.where(peak > 0, peak, 1).astype(np.float32)[:, None, None, None]
        return scaled
