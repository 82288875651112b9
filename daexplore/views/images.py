"""PNG images of galaxies and Grad-CAM maps."""

import base64
import io
from collections.abc import Iterable

import numpy as np
from bokeh.palettes import Inferno256
from numpy.typing import NDArray
from PIL import Image

from daexplore.errors import InputError

__all__ = [
    "colorbar_png",
    "common_scale",
    "data_uri",
    "galaxy_png",
    "mosaic_png",
    "overlay",
    "overlay_png",
]

_COLORS = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in Inferno256], np.uint8)


def data_uri(png: bytes) -> str:
    """The PNG as text for an ``<img src>``."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def galaxy_png(rgb: NDArray[np.uint8], zoom: int = 1) -> bytes:
    """An RGB image as PNG, each pixel drawn as zoom x zoom equal ones.

    Args:
        rgb: (H, W, 3) uint8.
        zoom: integer magnification; nothing is interpolated.
    """
    return _png(np.repeat(np.repeat(_checked(rgb), zoom, axis=0), zoom, axis=1))


def common_scale(maps: Iterable[NDArray[np.floating]]) -> float:
    """The largest value of all maps that are to be compared, 1 if they are all zero."""
    largest = max((float(np.max(cam, initial=0.0)) for cam in maps), default=0.0)
    return largest if np.isfinite(largest) and largest > 0 else 1.0


def overlay(
    rgb: NDArray[np.uint8],
    cam: NDArray[np.floating],
    scale: float,
    opacity: float = 0.6,
    zoom: int = 1,
) -> NDArray[np.uint8]:
    """A Grad-CAM map over the grey galaxy.

    The map is drawn as the cells it has: no smoothing, which would invent a resolution that the
    layer does not have. The colour map (inferno) is perceptually uniform, and the same colour means
    the same value in every map drawn with the same ``scale``.

    Args:
        rgb: (H, W, 3) uint8.
        cam: (rows, cols), non-negative, native grid, stretched over the whole image.
        scale: the value at the upper end of the colours; see :func:`common_scale`.
        opacity: of the map, 0 to 1.
        zoom: integer magnification.

    Returns:
        (H zoom, W zoom, 3) uint8, row 0 first as in ``rgb``.
    """
    rgb = np.repeat(np.repeat(_checked(rgb), zoom, axis=0), zoom, axis=1)
    height, width = rgb.shape[:2]
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722])
    row = ((np.arange(height) + 0.5) * cam.shape[0] / height).astype(int)
    column = ((np.arange(width) + 0.5) * cam.shape[1] / width).astype(int)
    level = np.clip(np.nan_to_num(cam) / scale, 0.0, 1.0)[np.ix_(row, column)]
    colors = _COLORS[np.rint(level * 255).astype(int)]
    mixed: NDArray[np.uint8] = np.rint((1 - opacity) * grey[..., None] + opacity * colors).astype(
        np.uint8
    )
    return mixed


def overlay_png(
    rgb: NDArray[np.uint8],
    cam: NDArray[np.floating],
    scale: float,
    opacity: float = 0.6,
    zoom: int = 1,
) -> bytes:
    """:func:`overlay` as PNG."""
    return _png(overlay(rgb, cam, scale, opacity, zoom))


def colorbar_png(width: int = 256, height: int = 10) -> bytes:
    """The colour scale of the overlays from 0 (left) to ``scale`` (right)."""
    return _png(np.tile(_COLORS[np.linspace(0, 255, width).astype(int)], (height, 1, 1)))


def mosaic_png(images: NDArray[np.uint8], columns: int, gap: int = 2, zoom: int = 1) -> bytes:
    """Many galaxies side by side on a transparent ground.

    Args:
        images: (n, H, W, 3) uint8, drawn row by row.
        columns: galaxies in a row.
        gap: transparent pixels between them.
        zoom: integer magnification.
    """
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    ground = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        ground[top : top + height, left : left + width, :3] = image
        ground[top : top + height, left : left + width, 3] = 255
    return _png(np.repeat(np.repeat(ground, zoom, axis=0), zoom, axis=1))


def _checked(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(
            f"Expected an RGB image, (height, width, 3) uint8, got {rgb.shape} {rgb.dtype}; convert"
            " fluxes with to_rgb first."
        )
    return rgb


def _png(array: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG")
    return buffer.getvalue()
