"""Noise of the sky, measured along the borders of images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["border_noise"]

_BORDER = 0.1


def border_noise(images: NDArray[Any]) -> NDArray[np.float64]:
    """(n, C) noise of the sky: 1.4826 times the median absolute deviation of each image's border,
    a tenth of its side broad.
    """
    height, width = images.shape[2:]
    inner = np.ones((height, width), bool)
    rows, columns = max(1, round(_BORDER * height)), max(1, round(_BORDER * width))
    inner[rows:-rows, columns:-columns] = False
    border = np.asarray(images, np.float64)[:, :, inner]
    deviations = np.abs(border - np.median(border, axis=2, keepdims=True))
    return np.asarray(1.4826 * np.median(deviations, axis=2), np.float64)
