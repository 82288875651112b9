"""Channels of a FITS file: which images are bands, their order and names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daexplore.data.readers.fits.hdus import Hdu
from daexplore.data.readers.fits.header import Header
from daexplore.data.readers.fits.photometry import band_name, cube_bands
from daexplore.errors import InputError

__all__ = ["Channel", "choose", "described", "image_role", "role_of", "squeezed"]

_MASKS = {"MASK", "DQ", "FLAG", "FLAGS", "FLG", "BADPIX", "BPM"}
_WEIGHTS = {"WHT", "WEIGHT", "WEIGHTS", "IVAR", "INVVAR"}
_OTHERS = {
    "ERR",
    "ERROR",
    "ERRORS",
    "SIGMA",
    "STD",
    "RMS",
    "UNC",
    "UNCERT",
    "UNCERTAINTY",
    "VAR",
    "VARIANCE",
    "PSF",
    "CTX",
    "AREA",
    "WAVELENGTH",
    "PATHLOSS",
    "CON",
    "COV",
    "EXP",
    "EXPMAP",
    "EXPTIME",
    "TIME",
    "SAMP",
    "NSAMP",
    "NPIX",
    "NEXP",
    "SEG",
    "SEGM",
    "SEGMAP",
    "SEGMENTATION",
    "BKG",
    "BACKGROUND",
    "SKY",
    "CHI",
    "CHI2",
    "DEPTH",
    "MODEL",
    "RESID",
    "RESIDUAL",
}
_PLAIN = {"SCI", "SCIENCE", "IMAGE", "IMG", "DATA", "FLUX", "PRIMARY", "COMPRESSED", "COADD"}
_MOST_CHANNELS = 16


@dataclass(frozen=True)
class Channel:
    """One plane of an image.

    Attributes:
        image: number of the image among those that may be bands.
        plane: number within its cube, 0 for a single image.
        band: its filter by the header, empty where that says none.
        label: what EXTNAME says beyond words such as SCI, empty where there is nothing.
        extname: the whole EXTNAME.
    """

    image: int
    plane: int
    band: str
    label: str = ""
    extname: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which a declared band finds it. FILTER may continue after the band's name: "r
        DECam SDSS c0002".
        """
        return tuple(
            filter(None, (self.band, self.label, self.extname, self.band.partition(" ")[0]))
        )


def image_role(hdu: Hdu) -> str:
    """What an image is by its EXTNAME if it is no band: "mask", "weight" or "other"; else empty."""
    return role_of(hdu.name)


def role_of(name: str) -> str:
    """The same of any name that is made of words, such as that of a file."""
    name = name.upper()
    words = {name} | {word.rstrip("0123456789") for word in re.split(r"[^A-Z0-9]+", name)}
    return (
        "mask"
        if words & _MASKS
        else "weight"
        if words & _WEIGHTS
        else "other"
        if words & _OTHERS
        else ""
    )


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, H, W) of an image or cube whose further axes have length 1; other shapes keep another
    number of axes.
    """
    sides = list(shape)
    while len(sides) > 2 and 1 in sides:
        sides.remove(1)
    return (1, *sides) if len(sides) == 2 else tuple(sides)


def described(images: Sequence[Hdu]) -> str:
    """Sizes and names, such as "64x64 (SCI), 32x32 (HDU 2)"; the width first."""
    named = [
        f"{'x'.join(map(str, reversed(image.shape)))}"
        f" ({image.name or image.where.rpartition(', ')[2]})"
        for image in images[:6]
    ]
    return ", ".join(named) + (f", … ({len(images)} in all)" if len(images) > 6 else "")


def choose(
    images: Sequence[Hdu], primary: Header, declared: Sequence[str] | None, path: Path
) -> tuple[list[Channel], tuple[str, ...] | None]:
    """The channels that are bands, in order, and their names; None where no header gives any.

    Args:
        images: those of the file that may be bands.
        primary: header of the file, which speaks for a single image too.
        declared: bands to take, in this order: by filter or EXTNAME, or by position where none is
            named so.
        path: for errors.

    Raises:
        InputError: axes that are no image, declared bands that are not there, or images that
            nothing tells apart.
    """
    for image in images:
        _check_shape(image, declared)
    channels = [
        channel
        for index, image in enumerate(images)
        for channel in _channels(index, image, primary, len(images))
    ]
    if declared is not None:
        return _declared(channels, declared, path, images), tuple(declared)
    if len(images) > 1 and len(channels) > len(images):
        raise InputError(
            f"{path}: which are its bands? It has a cube beside other images: {described(images)}."
            " Keep one of them in the file, or name with --bands the extensions to take."
        )
    return channels, _names(channels, images, path)


def _check_shape(image: Hdu, declared: Sequence[str] | None) -> None:
    shape, axes = squeezed(image.shape), "x".join(map(str, reversed(image.shape)))
    if len(shape) != 3:
        hint = (
            "Is it a spectrum?"
            if len(shape) < 3
            else "Save one cube a galaxy; a file of many galaxies is given by itself."
        )
        raise InputError(
            f"{image.where}: expected an image (width x height) or a cube (width x height x bands),"
            f" got {axes}. {hint}"
        )
    if shape[0] > _MOST_CHANNELS >= shape[2] and len(declared or ()) != shape[0]:
        raise InputError(
            f"{image.where}: a cube of {axes} has its bands along the first axis. Write it with"
            " numpy.moveaxis(cube, -1, 0)."
        )


def _channels(index: int, image: Hdu, primary: Header, images: int) -> list[Channel]:
    planes = squeezed(image.shape)[0]
    header = image.header.over(primary) if images == 1 else image.header
    if planes > 1:
        names = cube_bands(header, planes) or ("",) * planes
        return [Channel(index, plane, name) for plane, name in enumerate(names)]
    words = [word for word in re.split(r"[^A-Za-z0-9]+", image.name) if word.upper() not in _PLAIN]
    return [
        Channel(
            index, 0, band_name(header) or "", "_".join(words) if images > 1 else "", image.name
        )
    ]


def _declared(
    channels: Sequence[Channel], declared: Sequence[str], path: Path, images: Sequence[Hdu]
) -> list[Channel]:
    """By name where any is named so, else by position."""
    found = [_called(channels, band) for band in declared]
    if len({those[0] for those in found if len(those) == 1}) == len(declared):
        return [those[0] for those in found]
    if any(found):
        odd = next(
            band
            for band, those in zip(declared, found, strict=True)
            if len(those) != 1 or found.count(those) > 1
        )
        what = (
            "more than one channel"
            if any(odd in channel.names for channel in channels)
            else "no channel"
        )
        here = ", ".join(
            repr(channel.names[0]) if channel.names else "one without name" for channel in channels
        )
        raise InputError(
            f"{path} has {what} called {odd!r}; it has {here}. Declare bands that are in the file,"
            " each once (--bands)."
        )
    if len(declared) != len(channels):
        raise InputError(
            f"{path}: {len(declared)} bands are declared ({', '.join(declared)}), but it has"
            f" {len(channels)} channels: {described(images)}. Name each of them once, in their"
            " order."
        )
    return list(channels)


def _called(channels: Sequence[Channel], band: str) -> list[Channel]:
    """Exactly, else whatever their case."""
    exact = [channel for channel in channels if band in channel.names]
    return exact or [
        channel for channel in channels if band.casefold() in map(str.casefold, channel.names)
    ]


def _names(
    channels: Sequence[Channel], images: Sequence[Hdu], path: Path
) -> tuple[str, ...] | None:
    for names in ([channel.band for channel in channels], [channel.label for channel in channels]):
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    if len(images) > 1 and any(channel.names for channel in channels):
        raise InputError(
            f"{path}: nothing distinguishes its {len(images)} images, neither filter nor EXTNAME:"
            f" {described(images)}. If they are bands, name them in the order of the file with"
            " --bands; if they are detectors or galaxies, write a file for each."
        )
    return None
