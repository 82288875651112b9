"""Pixels in nanojansky."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Units"]


@dataclass(frozen=True)
class Units:
    """Multiplies each band by what one unit of it represents.

    Attributes:
        flux_scale: [nJy] of one unit, in each band.
    """

    flux_scale: tuple[float, ...]

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) in native units to [nJy]."""
        scaled: NDArray[np.float32] = (
            images.astype(np.float32, copy=False)
            * np.array(self.flux_scale, np.float32)[:, None, None]
        )
        return scaled
