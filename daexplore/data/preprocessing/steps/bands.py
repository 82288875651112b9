"""Channels chosen and put in order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SelectBands"]


@dataclass(frozen=True)
class SelectBands:
    """Takes channels by their number.

    Attributes:
        order: number, among the input channels, of each output channel.
    """

    order: tuple[int, ...]

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W) to (n, len(order), H, W)."""
        return np.stack([images[:, channel] for channel in self.order], axis=1).astype(
            np.float32, copy=False
        )
