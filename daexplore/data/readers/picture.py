"""Pixels of one picture: PNG, JPEG, WebP or TIFF, at the depth of the file."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["PICTURE_SUFFIXES", "picture_of_bytes", "read_picture"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")

# Others that Pillow knows start programs of their own (EPS) or are no pictures of galaxies.
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_GREY_DEPTH = {
    "1": 1,
    "L": 8,
    "LA": 8,
    "La": 8,
    "I;16": 16,
    "I;16B": 16,
    "I;16L": 16,
    "I": 32,
    "F": 32,
}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_picture(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a picture as it is meant to be seen: turned as its EXIF says, transparent pixels
    unmeasured.

    Args:
        path: of the file.

    Returns:
        (channels, height, width), one channel or three, in the units of the file (0 to 255 at 8
        bits), NaN where fully transparent; and the bits of each value.

    Raises:
        InputError: no such file, or one that cannot be read at its full depth.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(
            f"{path} cannot be read ({reason}). Put it there as PNG, JPEG, WebP or TIFF, or take"
            " its row out of the catalogue."
        ) from error
    return picture_of_bytes(data, str(path))


def picture_of_bytes(data: bytes, where: str) -> tuple[NDArray[np.float32], int]:
    """The same of a file's content; ``where`` names it in errors."""
    from PIL import Image, ImageOps

    try:
        deep = _deep_png(data, where)
        if deep is not None:
            return _opaque(deep), 16
        with (
            warnings.catch_warnings(),
            Image.open(io.BytesIO(data), formats=_FORMATS) as opened,
        ):
            warnings.simplefilter("ignore")
            image: Any = opened
            ImageOps.exif_transpose(image, in_place=True)
            grey = image.mode in _GREY_DEPTH
            depth = _GREY_DEPTH.get(image.mode, 8)
            if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
                pixels = np.asarray(image.convert("LA" if grey else "RGBA"))
                return _opaque(pixels.transpose(2, 0, 1)), depth
            pixels = np.asarray(image if grey or image.mode == "RGB" else image.convert("RGB"))
    except (
        Exception
    ) as error:  # Broken images raise OSError, SyntaxError, ValueError, struct.error and more.
        if isinstance(error, InputError):
            raise
        reason = str(error).replace("<_io.BytesIO object", "").partition(" at 0x")[0]
        raise InputError(
            f"{where} cannot be read ({reason}). Put it there as PNG, JPEG, WebP or TIFF, or take"
            " its row out of the catalogue."
        ) from error
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return pixels.astype(np.float32), depth


def _opaque(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """The channels but a last one of alpha (of 2 or 4), NaN where that is 0."""
    if len(pixels) not in (2, 4):
        return pixels.astype(np.float32)
    found = pixels[:-1].astype(np.float32)
    found[:, pixels[-1] == 0] = np.nan
    return found


def _deep_png(data: bytes, where: str) -> NDArray[np.uint16] | None:
    """(channels, height, width) of a PNG with 16 bits in several channels, which Pillow would read
    at 8; None for any other file (PNG specification, third edition, sections 7 and 9).
    """
    head = data[:33]
    if head[:8] != _SIGNATURE or len(head) < 33:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head[16:29])
    channels = {2: 3, 4: 2, 6: 4}.get(colour)
    if depth != 16 or channels is None:
        return None
    if interlaced:
        raise InputError(
            f"{where} is an interlaced PNG of 16 bits, which cannot be read at its full depth."
            " Write it without interlacing, or as FITS."
        )
    body = data[33:]
    raw = np.frombuffer(zlib.decompress(_data_chunks(body)), np.uint8)
    step = 2 * channels
    lines = raw.reshape(height, 1 + width * step)
    out = np.zeros((height, width * step), np.uint8)
    above = np.zeros(width * step, np.uint8)
    for row, line in enumerate(lines):
        out[row] = above = _unfiltered(int(line[0]), line[1:], above, step)
    values = out.view(">u2").reshape(height, width, channels)
    return values.transpose(2, 0, 1).astype(np.uint16)


def _data_chunks(body: bytes) -> bytes:
    found, at = [], 0
    while at + 8 <= len(body):
        (size,) = struct.unpack(">I", body[at : at + 4])
        if body[at + 4 : at + 8] == b"IDAT":
            found.append(body[at + 8 : at + 8 + size])
        at += 12 + size
    return b"".join(found)


def _unfiltered(
    kind: int, line: NDArray[np.uint8], above: NDArray[np.uint8], step: int
) -> NDArray[np.uint8]:
    """One row of bytes without its filter; a byte is predicted from the one ``step`` bytes to the
    left, the one above, and the one above that.
    """
    if kind == 0:
        return line.copy()
    if kind == 1:
        return line.reshape(-1, step).cumsum(axis=0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return line + above
    if kind not in (3, 4):
        raise ValueError(f"unknown filter {kind} of a PNG row")
    out = [0] * step + line.tolist()
    up = [0] * step + above.tolist()
    for i in range(step, len(out)):
        left, over, corner = out[i - step], up[i], up[i - step]
        if kind == 3:
            guess = (left + over) // 2
        else:
            far = [abs(over - corner), abs(left - corner), abs(left + over - 2 * corner)]
            guess = (left, over, corner)[far.index(min(far))]
        out[i] = (out[i] + guess) & 255
    return np.array(out[step:], np.uint8)
