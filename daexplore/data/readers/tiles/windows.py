"""Windows of survey tiles: only the requested pixels are read."""

import dataclasses
import mmap
import warnings
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.readers.fits.cutout import stamp_from
from daexplore.data.readers.fits.hdus import Hdu, raw_pixels, read_bytes, read_hdus
from daexplore.data.readers.listing import Cutout
from daexplore.data.readers.tiles.index import Plane
from daexplore.errors import InputError

__all__ = ["cut_out"]

_OPEN_FILES = 16


def cut_out(plane: Plane, x: float, y: float, size: int, read: ReadConfig) -> tuple[Cutout, float]:
    """The pixels around a position, as they are stored: neither turned nor mirrored, the first row
    first.

    The same window as ``astropy.nddata.Cutout2D`` takes in its mode "partial"; outside the tile
    pixels are NaN.

    Args:
        plane: of which file and images.
        x: of the position, counted from 0 [pixel].
        y: as above.
        size: side of the window [pixel].
        read: what is declared of bands, scale and zero points.

    Returns:
        The stamp, and the share of its pixels that are outside the tile.

    Raises:
        InputError: the file can no longer be read.
    """
    from astropy.nddata import overlap_slices

    data, hdus = _opened(str(plane.path), plane.changed)
    shape = hdus[plane.hdus[0]].shape[-2:]
    inside, here = overlap_slices(shape, (size, size), (y, x), mode="partial")
    parts, pixels = _window(plane, hdus, data, inside)
    stamp = stamp_from(parts, pixels, plane.path, read)
    whole = np.full((len(stamp.pixels), size, size), np.nan, np.float32)
    whole[:, here[0], here[1]] = stamp.pixels
    share = 1 - stamp.pixels[0].size / size**2
    return dataclasses.replace(stamp, pixels=whole), share


def _window(
    plane: Plane, hdus: list[Hdu], data: bytes | mmap.mmap, inside: tuple[slice, slice]
) -> tuple[list[Hdu], bytes]:
    """The plane's parts as if the file held nothing but the window, so that they are read as any
    small file is.
    """
    pieces: list[bytes] = []
    parts = [] if 0 in plane.hdus else [dataclasses.replace(hdus[0], shape=())]
    start = 0
    for number in plane.hdus:
        hdu = hdus[number]
        raw = _stored(plane, number, hdu, data, inside)
        pieces.append(raw.tobytes())
        parts.append(
            dataclasses.replace(
                hdu, kind="image", shape=raw.shape, data=start, end=start + len(pieces[-1])
            )
        )
        start += len(pieces[-1])
    return sorted(parts, key=lambda part: part.header is not hdus[0].header), b"".join(pieces)


def _stored(
    plane: Plane, number: int, hdu: Hdu, data: bytes | mmap.mmap, inside: tuple[slice, slice]
) -> NDArray[Any]:
    """Array values as they are stored, big-endian and unscaled."""
    if hdu.kind != "compressed":
        return raw_pixels(hdu, data)[(..., *inside)]
    try:
        whole_axes = (slice(None),) * (len(hdu.shape) - 2)
        raw = np.asarray(
            _compressed(str(plane.path), plane.changed)[number].section[(*whole_axes, *inside)]
        )
    except Exception as error:  # astropy raises errors of every kind on damaged tiles
        raise InputError(
            f"{hdu.where}: the compressed image cannot be unpacked ({error}). Copy or download the"
            " file again."
        ) from error
    return raw.astype(raw.dtype.newbyteorder(">"))


@lru_cache(maxsize=_OPEN_FILES)
def _opened(path: str, changed: int) -> tuple[bytes | mmap.mmap, list[Hdu]]:  # noqa: ARG001
    """Mapped, so that only what is looked at is read; a file that is packed as a whole has to be
    unpacked as a whole.
    """
    with Path(path).open("rb") as stream:
        plain = stream.read(6) == b"SIMPLE"
        data = (
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            if plain
            else read_bytes(Path(path))
        )
    return data, read_hdus(data, Path(path))


_open_files: OrderedDict[tuple[str, int, int], Any] = OrderedDict()


def _compressed(path: str, changed: int) -> Any:
    """astropy's open file, which unpacks only the pieces of a compressed image that are needed; the
    least used of many is closed.
    """
    import atexit
    import os

    from astropy.io import fits

    # A child process must not share its parent's place in the file.
    key = (path, changed, os.getpid())
    if key not in _open_files:
        if not _open_files:
            atexit.register(_close_all)
        with warnings.catch_warnings():
            # Astropy's remarks about a header do not concern the pixels.
            warnings.simplefilter("ignore")
            _open_files[key] = fits.open(path, do_not_scale_image_data=True)
    _open_files.move_to_end(key)
    while len(_open_files) > _OPEN_FILES:
        _open_files.popitem(last=False)[1].close()
    return _open_files[key]


def _close_all() -> None:
    while _open_files:
        _open_files.popitem()[1].close()
