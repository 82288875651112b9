"""Policy for pixels without a measurement, the same for every reader."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["fill_bad_pixels", "native"]

_SIGMA = 1.0
_SIZE = 5
_ROUNDS = 3


def native(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """The same values as float32 of this machine; what is beyond its range (3.4e38) becomes
    infinite, and so counts as unmeasured.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(pixels, np.float32)


def fill_bad_pixels(
    pixels: NDArray[Any], max_bad: float, where: str
) -> tuple[NDArray[np.float32], float]:
    """Fill pixels that are NaN or infinite, if they are few.

    A bad pixel becomes the mean of the good ones around it (5 x 5 pixels of the same band),
    weighted by a Gaussian of 1 pixel standard deviation, by
    ``astropy.convolution.interpolate_replace_nans``. Wider holes are filled from their rim inwards,
    three times, and what is then left takes the band's median. Filled values are smoother than true
    ones: hence the limit on their number, and the share that is returned for the catalogue.

    Args:
        pixels: (C, H, W); not changed.
        max_bad: share of bad pixels, over all bands together and in the worst single band, up to
            which the image is repaired.
        where: names the image in errors.

    Returns:
        (C, H, W) float32, all finite, and the share of the pixels that were bad; ``pixels`` itself
        where it is float32 and nothing was.

    Raises:
        InputError: more bad pixels than that, or no good one in a band.
    """
    pixels = native(pixels)
    good = np.isfinite(pixels)
    if good.all():
        return pixels, 0.0
    bad = ~good
    shares = bad.mean(axis=(1, 2))
    if bad.all():
        raise InputError(
            f"{where}: no pixel holds a measurement, all {bad.size} are NaN, infinite or masked."
            " Leave this image out."
        )
    if shares.max() > max_bad or shares.max() == 1:
        band = f" of its channel {int(shares.argmax())}" if len(shares) > 1 else ""
        limit = (
            f"at most {max_bad:.3g} can be interpolated"
            if shares.max() < 1
            else "a channel without any measurement cannot be interpolated"
        )
        raise InputError(
            f"{where}: a share of {shares.max():.3g} of the pixels{band} is NaN, infinite or"
            f" masked, but {limit}. Leave this image out, or allow more with --max-bad-pixels."
        )
    mended = np.where(bad, np.float32(np.nan), pixels)
    for channel in np.flatnonzero(shares):
        mended[channel] = _filled(mended[channel])
    return mended, float(bad.mean())


def _filled(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) without NaN: from the rim of the holes inwards."""
    from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans

    kernel = Gaussian2DKernel(_SIGMA, x_size=_SIZE, y_size=_SIZE)
    filled = image.astype(np.float64)
    with warnings.catch_warnings():
        # That pixels are left is what the next round is for.
        warnings.simplefilter("ignore")
        for _ in range(_ROUNDS):
            if np.isfinite(filled).all():
                break
            # Nothing is known beyond the edge either.
            filled = interpolate_replace_nans(filled, kernel, boundary="fill", fill_value=np.nan)
    filled[np.isnan(filled)] = np.nanmedian(image)
    return native(filled)
