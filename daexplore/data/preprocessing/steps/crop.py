"""The central part of an image, or the image in the middle of zeros."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Crop"]


@dataclass(frozen=True)
class Crop:
    """Crops or zero-pads images about their centre; of an odd difference the extra pixel falls off
    the far end.

    Attributes:
        size: height and width of what comes out [pixel].
    """

    size: tuple[int, int]

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) to (n, C, *size)."""
        inner = self.inside(images)
        height, width = inner.shape[2:]
        if (height, width) == tuple(self.size):
            return inner
        top, left = (self.size[0] - height) // 2, (self.size[1] - width) // 2
        return np.pad(
            inner,
            (
                (0, 0),
                (0, 0),
                (top, self.size[0] - height - top),
                (left, self.size[1] - width - left),
            ),
        )

    def inside(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, at most size): real pixels only, for made-up zeros say nothing about the
        images.
        """
        height, width = images.shape[2:]
        top, left = max(0, (height - self.size[0]) // 2), max(0, (width - self.size[1]) // 2)
        return np.ascontiguousarray(
            images[:, :, top : top + self.size[0], left : left + self.size[1]], np.float32
        )
