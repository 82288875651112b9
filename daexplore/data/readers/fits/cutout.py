"""Cutout of one galaxy from a FITS file, with masks and header values."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.readers.fits.channels import Channel, choose, described, image_role, squeezed
from daexplore.data.readers.fits.hdus import Hdu, integers, physical_values, read_bytes, read_hdus
from daexplore.data.readers.fits.header import Header
from daexplore.data.readers.fits.photometry import (
    flux_scale,
    linear_flux,
    nanojansky,
    pixel_scale,
)
from daexplore.data.readers.listing import SAME_SCALE, Cutout
from daexplore.errors import InputError

__all__ = ["read_fits", "stamp_from"]

_LSST_PLANES = ("BAD", "CR", "NO_DATA", "SAT", "UNMASKEDNAN")


def read_fits(path: str | Path, read: ReadConfig | None = None) -> Cutout:
    """Read the bands of one galaxy.

    Bands are the channels of one cube (C, H, W), or all images of the file that have the same
    shape; axes of length 1 do not count. Images whose EXTNAME says that they are masks, weights,
    errors, PSFs and the like are no bands. Declared bands choose and order channels by their filter
    or EXTNAME; where none of them is named so, they are the channels in the order of the file.
    Otherwise bands are called after their filters, or their EXTNAMEs.

    Unmeasured, and so NaN, are pixels where the file says BLANK or NaN, where a mask (MASK, DQ,
    FLAGS, …) is not 0, and where a weight (WHT, IVAR, …) is 0. Two kinds of mask are read more
    closely: those of JWST by their first bit (do not use), and those that name their bits as LSST's
    and HSC's do (MP_BAD = 0, …) by the bits for bad, saturated or missing pixels and cosmic rays,
    since others mark every detected source.

    Args:
        path: of the file; it may be compressed (.fz, .gz, .bz2, .xz).
        read: what is declared: bands, pixel scale and zero points go before what the file says.

    Raises:
        InputError: the file is damaged, has no image, or does not say which of several things its
            images are.
    """
    path = Path(path)
    data = read_bytes(path)
    return stamp_from(read_hdus(data, path), data, path, read or ReadConfig())


def stamp_from(
    hdus: Sequence[Hdu], data: bytes | mmap.mmap, path: Path, read: ReadConfig
) -> Cutout:
    """The same of a file's parts, already found; the first one is its primary header.

    Raises:
        InputError: there is no image, or nothing says which of several things the images are.
    """
    images = [hdu for hdu in hdus if hdu.shape and not image_role(hdu)]
    if not images:
        raise _no_image(path, hdus)
    primary = hdus[0].header
    channels, bands = choose(images, primary, read.bands, path)
    used = list(dict.fromkeys(channel.image for channel in channels))
    if len({squeezed(images[index].shape)[1:] for index in used}) > 1:
        raise InputError(
            f"{path}: its images differ in size: {described([images[index] for index in used])}."
            " The bands of a galaxy must have the same pixels: name those that have with --bands,"
            " or write a file for each galaxy."
        )
    planes = {index: _measurements(index, images, hdus, data) for index in used}
    if len(used) == 1 and [channel.plane for channel in channels] == list(
        range(len(planes[used[0]]))
    ):
        pixels = planes[used[0]]
    else:
        pixels = np.stack([planes[channel.image][channel.plane] for channel in channels])
    scale = read.pixel_scale or _pixel_scale(
        [images[index].header.over(primary) for index in used], path
    )
    return Cutout(pixels, bands, scale, _flux_scales(channels, images, primary, read, scale))


def _no_image(path: Path, hdus: Sequence[Hdu]) -> InputError:
    others = [hdu for hdu in hdus if hdu.shape]
    if others:
        return InputError(
            f"{path} has no image of the galaxy: by its name {others[0].name!r} is none. Rename the"
            " extension if it is one."
        )
    kinds = sorted({hdu.kind for hdu in hdus} - {"image", "compressed"})
    found = f"it holds a {' and a '.join(kinds)}" if kinds else "its headers come without pixels"
    return InputError(
        f"{path} has no image: {found}. If it is a catalogue, give it with --catalogue; otherwise"
        " move it away."
    )


def _measurements(
    index: int, images: Sequence[Hdu], hdus: Sequence[Hdu], data: bytes | mmap.mmap
) -> NDArray[np.float32]:
    """(C, H, W) of one image, NaN where masks and weights say that nothing was measured."""
    image = images[index]
    pixels = physical_values(image, data).reshape(squeezed(image.shape))
    pixels = linear_flux(pixels, image.header.over(hdus[0].header), image.where)
    for kind in ("mask", "weight"):
        maps = [hdu for hdu in hdus if hdu.shape and image_role(hdu) == kind]
        if len(images) > 1 and len(maps) > 1:
            if len(maps) != len(images):
                raise InputError(
                    f"{maps[0].where}: {len(maps)} {kind}s for {len(images)} images. Give one for"
                    " all, or one for each in order."
                )
            maps = [maps[index]]
        for one in maps:
            shape = squeezed(one.shape)
            if shape not in (pixels.shape, (1, *pixels.shape[1:])):
                raise InputError(
                    f"{one.where}: the {kind} {described([one])} does not fit the image"
                    f" {described([image])}. Correct the file."
                )
            bad = (
                _flagged(one, data, hdus[0].header)
                if kind == "mask"
                else physical_values(one, data) == 0
            )
            pixels[np.broadcast_to(bad.reshape(shape), pixels.shape)] = np.nan
    return pixels


def _flagged(mask: Hdu, data: bytes | mmap.mmap, primary: Header) -> NDArray[np.bool_]:
    values = integers(mask, data)
    if values is None:
        return np.asarray(physical_values(mask, data) != 0)
    if any(keyword.startswith("MP_") for keyword in mask.header):
        bits = [mask.header.get(f"MP_{plane}") for plane in _LSST_PLANES]
        wanted = sum(1 << bit for bit in bits if isinstance(bit, int) and 0 <= bit < 62)
    else:
        wanted = 1 if mask.header.get("TELESCOP", primary.get("TELESCOP")) == "JWST" else -1
    return np.asarray((values & wanted) != 0)


def _pixel_scale(headers: Sequence[Header], path: Path) -> float | None:
    scales = [scale for scale in map(pixel_scale, headers) if scale is not None]
    if scales and max(scales) > (1 + SAME_SCALE) * min(scales):
        listed = ", ".join(f"{scale:.4g}" for scale in scales)
        raise InputError(
            f"{path}: its bands have pixels of {listed} arcsec. Resample them to one grid, or"
            " declare the true scale."
        )
    return scales[0] if scales else None


def _flux_scales(
    channels: Sequence[Channel],
    images: Sequence[Hdu],
    primary: Header,
    read: ReadConfig,
    scale: float | None,
) -> tuple[float, ...] | None:
    if read.zero_points is not None and len(read.zero_points) == len(channels):
        return tuple(map(nanojansky, read.zero_points))
    of_image = {}
    for index in dict.fromkeys(channel.image for channel in channels):
        image = images[index]
        of_image[index] = flux_scale(
            _photometry(image.header, primary), scale, squeezed(image.shape)[0] == 1
        )
    scales = [of_image[channel.image] for channel in channels]
    return None if None in scales else tuple(value for value in scales if value is not None)


def _photometry(header: Header, primary: Header) -> Header:
    """With the primary header's keywords, but not where it speaks of other units: then its zero
    point is not of these pixels.
    """
    units = (header.get("BUNIT"), primary.get("BUNIT"))
    if None in units or units[0] == units[1]:
        return header.over(primary)
    exposure = {"EXPTIME": primary.cards["EXPTIME"]} if "EXPTIME" in primary else {}
    return header.over(Header(exposure))
