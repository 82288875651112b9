"""Every band blurred to one width of the point spread function."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PsfMatch", "blur_matrix", "kernel_sigma"]

_FWHM2_TO_VARIANCE = 1 / (8 * math.log(2))
"""sigma^2 = FWHM^2 / (8 ln 2) of a Gaussian."""

_SAME = 1e-6


@dataclass(frozen=True)
class PsfMatch:
    """Convolves each band with a Gaussian, taking the point spread functions for Gaussians too:
    their variances then add up.

    The kernel is a sampled Gaussian whose variance over the pixels is sigma^2 also where sigma is a
    fraction of a pixel. Beyond an image's edge is its mirror image, so that no flux is lost.
    Blurred noise is correlated from pixel to pixel, and smaller than it was.

    Attributes:
        sigma: of the kernel in each band [pixel]; 0 leaves a band as it is.
    """

    sigma: tuple[float, ...]

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(n, C, H, W), blurred; each band keeps its flux."""
        rows, columns = (
            np.stack([blur_matrix(sigma, n) for sigma in self.sigma]) for n in images.shape[2:]
        )
        # The matrix is symmetric: no transpose.
        blurred: NDArray[np.float32] = rows @ images.astype(np.float32, copy=False) @ columns
        return blurred


def kernel_sigma(own: float, wanted: float, pixel_scale: float) -> float:
    """Width of the Gaussian that makes one PSF out of another.

    Args:
        own: full width at half maximum of the images' PSF [arcsec].
        wanted: the broader one's [arcsec].
        pixel_scale: [arcsec / pixel].

    Returns:
        sigma [pixel]; 0 where both are equal to a millionth, NaN where ``own`` is the broader one.
    """
    if abs(own - wanted) <= _SAME * wanted:
        return 0.0
    return (
        math.sqrt((wanted**2 - own**2) * _FWHM2_TO_VARIANCE) / pixel_scale
        if own < wanted
        else math.nan
    )


@lru_cache(maxsize=64)
def blur_matrix(sigma: float, n: int) -> NDArray[np.float32]:
    """(n, n) what each of n pixels in a row gives to each; symmetric, every row adds up to 1."""
    kernel = _kernel(sigma)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    seen = (np.arange(n)[:, None] + offsets) % (2 * n)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (np.arange(n)[:, None], np.minimum(seen, 2 * n - 1 - seen)), kernel)
    shared = matrix.astype(np.float32)
    shared.flags.writeable = False
    return shared


def _kernel(sigma: float) -> NDArray[np.float64]:
    """Odd in length, positive, adding up to 1. Samples of a narrow Gaussian have less variance than
    itself: a broader one is looked for.
    """
    if sigma == 0:
        return np.ones(1)
    reach = math.ceil(6 * sigma + 6)
    squares = np.arange(-reach, reach + 1, dtype=np.float64) ** 2
    low, high = 0.0, sigma + 1
    for _ in range(60):
        middle = (low + high) / 2
        kernel = np.exp(-squares / (2 * middle**2))
        kernel /= kernel.sum()
        low, high = (middle, high) if kernel @ squares < sigma**2 else (low, middle)
    return kernel
