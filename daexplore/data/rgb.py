"""Galaxy images for the eye: colour composites, contact sheets, PNG."""

import io
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["LOWER_LEFT", "band_order", "png", "to_rgb", "upright"]

LOWER_LEFT = "lower left"
"""Where the first pixel of a FITS image is (FITS standard 4.0, section 5.1); of a picture, the
upper left.
"""


# Pivot wavelengths [micron] of the filters whose order we know; others keep the order they are
# given in.
_WAVELENGTHS = {"F814W": 0.806, "F160W": 1.537, "F356W": 3.563}
_WAVELENGTHS |= {"u": 0.355, "g": 0.477, "r": 0.623, "i": 0.762, "z": 0.913, "y": 1.0, "Y": 1.0}
_PICTURE = ("R", "G", "B")
_Value = TypeVar("_Value", bound=np.generic)


def band_order(bands: Sequence[str]) -> tuple[int, ...]:
    """Channels for red, green and blue, longest wavelength first.

    Known filters are sorted by wavelength; with an unknown name among them the channels are taken
    to run from blue to red. Of more than three channels the last, the middle and the first of that
    order are shown.
    """
    order = list(range(len(bands)))
    if tuple(bands) == _PICTURE:
        return (0, 1, 2)
    if all(band in _WAVELENGTHS for band in bands):
        order.sort(key=lambda channel: _WAVELENGTHS[bands[channel]])
    if len(order) > 3:
        order = [order[0], order[len(order) // 2], order[-1]]
    return tuple(reversed(order))


def to_rgb(
    images: NDArray[np.floating],
    bands: Sequence[str] | None = None,
    *,
    order: Sequence[int] | None = None,
    softening: float = 0.03,
    noise: float = 1.5,
    origin: str | None = None,
) -> NDArray[np.uint8]:
    """Images as colours: each band in units of its own brightness, then one asinh stretch of their
    mean, which keeps the colours.

    The stretch is that of Lupton et al. (2004, PASP 116, 133). Every image gets its own scale:
    white is where the intensity reaches the 99.9th percentile, and faint light starts to show
    ``noise`` standard deviations of the sky above black, or at ``softening`` of the white level in
    images without noise.

    Pictures, that is bands R, G and B from 0 to 255, were stretched by their maker and are
    shown as they are.

    Args:
        images: (N, C, H, W) or (C, H, W); NaN pixels are drawn black.
        bands: names of the C channels, used to find red, green and blue; None takes the channels to
            run from blue to red.
        order: the channels for red, green and blue (one gives grey, two give red, their mean,
            blue), instead of ``bands``.
        softening: fraction of the white level where the stretch turns from linear to logarithmic.
        noise: the same in standard deviations of the sky, where that is higher.
        origin: where the first pixel is, as ``upright`` takes it.

    Returns:
        (N, H, W, 3) uint8, also for a single image.

    Raises:
        InputError: an array of another shape, or channels that are not there.
    """
    images = np.asarray(images, np.float32)
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4:
        raise InputError(
            f"Cannot draw an array of shape {images.shape}: expected (N, channels, height, width)"
            " or (channels, height, width)."
        )
    channels = images.shape[1]
    if order is None:
        names = [str(i) for i in range(channels)] if bands is None else list(bands)
        if len(names) != channels:
            raise InputError(
                f"Cannot draw {channels} channels with {len(names)} band names"
                f" ({', '.join(names)}): give one name for each channel."
            )
        order = band_order(names)
    if not 1 <= len(order) <= 3 or not all(0 <= channel < channels for channel in order):
        raise InputError(
            f"Cannot draw channels {tuple(order)} of {channels}: give one to three numbers from 0"
            f" to {channels - 1}."
        )
    planes = np.nan_to_num(images[:, list(order)], posinf=0.0, neginf=0.0)
    planes = planes[:, :, ::-1] if origin == LOWER_LEFT else planes
    if (
        bands is not None
        and tuple(bands) == _PICTURE
        and planes.min(initial=0) >= 0
        and planes.max(initial=0) <= 255
    ):
        return np.asarray(planes.round(), np.uint8).transpose(0, 2, 3, 1)
    if planes.shape[1] == 2:
        planes = np.stack([planes[:, 0], planes.mean(1), planes[:, 1]], 1)

    sky = np.median(planes, (2, 3), keepdims=True)
    # 1.4826 times the median deviation is the standard deviation of Gaussian noise, whatever the
    # galaxy in its midst does
    sigma = 1.4826 * np.median(np.abs(planes - sky), (2, 3), keepdims=True)
    high = np.percentile(planes, 99.0, (2, 3), keepdims=True)
    weight = 1 / np.maximum(high - np.minimum(sky, 0), 1e-12)
    planes, sigma = planes * weight, sigma * weight
    intensity = np.maximum(planes.mean(1, keepdims=True), 0)
    white = np.maximum(np.percentile(intensity, 99.9, (2, 3), keepdims=True), 1e-12)
    soft = np.clip(
        np.maximum(softening * white, noise * sigma.mean(1, keepdims=True)), 1e-12, white
    )
    stretched = np.arcsinh(intensity / soft) / np.arcsinh(white / soft)
    colours = np.clip(planes, 0, None) * (stretched / np.maximum(intensity, 1e-12))
    # too bright: scale all three, so that a core stays coloured instead of turning white
    colours = colours / np.maximum(colours.max(1, keepdims=True), 1.0)
    if colours.shape[1] == 1:
        colours = np.repeat(colours, 3, 1)
    return np.asarray((255 * colours).round(), np.uint8).transpose(0, 2, 3, 1)


def upright(drawn: NDArray[_Value], origin: str | None) -> NDArray[_Value]:
    """Images or maps with the row at the top first, as a picture is stored.

    Args:
        drawn: (H, W), or (N, H, W, 3).
        origin: where the first pixel is; ``LOWER_LEFT``, or anything else for the upper left.
    """
    if origin != LOWER_LEFT:
        return drawn
    return np.flip(drawn, axis=0 if drawn.ndim == 2 else -3)


def png(rgb: NDArray[np.uint8], size: int | None = None) -> bytes:
    """An (H, W, 3) or (H, W, 4) image as the bytes of a PNG file, row 0 at the top, ``size`` pixels
    wide.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgb))
    if size is not None and size != image.width:
        image = image.resize(
            (size, round(size * image.height / image.width)), Image.Resampling.BICUBIC
        )
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
