"""Image format that a set shares, and the fit of one cutout to it."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import ReadConfig
from daexplore.data.bands import AB_ZERO_NANOJANSKY
from daexplore.data.readers.bad_pixels import fill_bad_pixels
from daexplore.data.readers.listing import SAME_SCALE, Cutout, Listing
from daexplore.errors import InputError
from daexplore.utils.addresses import Unreachable

__all__ = [
    "ImageFormat",
    "decide_frame",
    "declared_flux",
    "describe_format",
    "fit_to_format",
    "matches_format",
]

_SAMPLE = 32


@dataclass(frozen=True)
class ImageFormat:
    """What all images of a set share.

    Attributes:
        shape: (C, H, W).
        bands: names of the channels; plain numbers where they are unknown.
        pixel_scale: [arcsec / pixel], None where unknown.
        flux_scale: nanojansky of one unit, in each band; None where unknown.
        psf_fwhm: width of the point spread function in each band [arcsec]; None where unknown.
        named: whether the bands were declared or read, and not only numbered.
        depth: bits of each value, of pictures; None of measurements.
    """

    shape: tuple[int, int, int]
    bands: tuple[str, ...]
    pixel_scale: float | None
    flux_scale: tuple[float, ...] | None
    psf_fwhm: tuple[float, ...] | None
    named: bool
    depth: int | None = None


def decide_frame(listing: Listing, read: ReadConfig) -> ImageFormat:
    """What is declared, else what most of 32 evenly spaced galaxies have (others in their place
    where some cannot be read).

    Raises:
        InputError: no galaxy can be read, or declared bands or zero points of another number than
            the images' channels.
    """
    stamps = _sample(listing)
    (channels, height, width), bands = Counter(
        (stamp.pixels.shape, stamp.bands) for stamp in stamps
    ).most_common(1)[0][0]
    where = f"{listing.name} ({listing.provenance.get('path', 'input')})"
    if read.bands is not None:
        if len(read.bands) != channels and not set(read.bands) <= set(bands or ()):
            raise InputError(
                f"{where}: {len(read.bands)} bands are declared ({', '.join(read.bands)}), but the"
                f" images have {channels} channels{_names(bands)}. Name each of them once, in their"
                " order."
            )
        bands, channels = tuple(read.bands), len(read.bands)
    for what, values in (("zero points", read.zero_points), ("PSF widths", read.psf_fwhm)):
        if values is not None and len(values) != channels:
            raise InputError(
                f"{where}: {len(values)} {what} are declared for {channels} bands. Give one for"
                " each, in their order."
            )
    alike = [stamp for stamp in stamps if read.bands is not None or stamp.bands == bands]
    return ImageFormat(
        (channels, read.size or height, read.size or width),
        tuple(f"channel {channel}" for channel in range(channels)) if bands is None else bands,
        (
            read.pixel_scale
            if read.pixel_scale is not None
            else _usual([stamp.pixel_scale for stamp in alike], statistics.median_low)
        ),
        declared_flux(read)
        or _usual([_arranged(stamp.flux_scale, stamp, bands) for stamp in alike], statistics.mode),
        read.psf_fwhm
        or _usual([_arranged(stamp.psf_fwhm, stamp, bands) for stamp in alike], statistics.mode),
        bands is not None,
        statistics.mode([stamp.depth for stamp in stamps]),
    )


def fit_to_format(
    stamp: Cutout, frame: ImageFormat, read: ReadConfig, where: str
) -> tuple[NDArray[np.float32], float]:
    """The image as the set wants it: bands in its order, cropped to a declared size, in its flux
    units, repaired.

    Bands that the file names are found by name, whatever their order; of a file with more bands the
    others are left out. Where nothing is declared, an image whose zero point differs from the
    frame's is multiplied into the frame's units.

    Args:
        stamp: what the reader gave.
        frame: of the set.
        read: what is declared: it goes before what the stamp says.
        where: names the galaxy in errors.

    Returns:
        (C, H, W) float32, all finite, and the share of pixels that had to be repaired.

    Raises:
        InputError: bands, shape, pixel scale or units that are not the frame's, or too many bad
            pixels.
    """
    pixels = stamp.pixels[_channels(stamp, frame, read, where)]
    pixels = _cropped(pixels, frame, read, where)
    if stamp.depth != frame.depth:
        raise InputError(
            f"{where}: its values have {stamp.depth} bits, the others' {frame.depth}: their units"
            " differ. Write all images at one depth."
        )
    if read.pixel_scale is None and not _same_scale(stamp.pixel_scale, frame.pixel_scale):
        raise InputError(
            f"{where}: its pixels measure {_said(stamp.pixel_scale)} arcsec, the others'"
            f" {_said(frame.pixel_scale)}. Bring all to one with --resample ARCSEC --size PIXELS,"
            " or declare --pixel-scale if the file is wrong."
        )
    if read.zero_points is None:
        pixels = _in_units(pixels, stamp, frame, where)
    if read.zeros_unmeasured:
        pixels = np.where(pixels == 0, np.nan, pixels)
    return fill_bad_pixels(np.ascontiguousarray(pixels, np.float32), read.max_bad_pixels, where)


def matches_format(stamp: Cutout, frame: ImageFormat, read: ReadConfig) -> bool:
    """Whether size and bands are those of the frame, whatever else may be wrong with the galaxy."""
    try:
        _cropped(stamp.pixels[_channels(stamp, frame, read, "")], frame, read, "")
    except InputError:
        return False
    return stamp.depth == frame.depth


def describe_format(stamp: Cutout) -> str:
    """Size, depth and bands in words, such as "64x48 in 3 bands (g, r, i)"; the width first."""
    channels, height, width = stamp.pixels.shape
    depth = f" of {stamp.depth} bits" if stamp.depth not in (None, 8) else ""
    bands = f"{channels} band{'s' * (channels != 1)}{_names(stamp.bands)}"
    return f"{width}x{height}{depth} in {bands}"


def _sample(listing: Listing) -> list[Cutout]:
    stamps: list[Cutout] = []
    reasons: Counter[str] = Counter()
    for row in _evenly_then_all(len(listing)):
        try:
            stamps.append(listing.load(row))
        except Unreachable:
            raise
        except (InputError, OSError) as error:
            reasons[str(error)] += 1
        if len(stamps) == _SAMPLE:
            break
    if not stamps:
        first = next(iter(reasons), "the list of galaxies is empty")
        raise InputError(
            f"{listing.name}: none of its {len(listing)} galaxies can be read. The first: {first}"
        )
    return stamps


def _evenly_then_all(n: int) -> Iterator[int]:
    """A folder sorted by class or survey does not begin with what is typical of it."""
    first = dict.fromkeys(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(int).tolist())
    yield from first
    yield from (row for row in range(n) if row not in first)


def _names(bands: tuple[str, ...] | None) -> str:
    return f" ({', '.join(bands)})" if bands else ""


def _usual(values: list[Any], choose: Callable[[list[Any]], Any]) -> Any:
    """The choice among the values that files say, None where most files say nothing."""
    known = [value for value in values if value is not None]
    return choose(known) if 2 * len(known) > len(values) else None


def declared_flux(read: ReadConfig) -> tuple[float, ...] | None:
    """Nanojansky of one unit in each band, of AB magnitudes: 3631 Jy have magnitude 0 (Oke & Gunn
    1983, ApJ 266, 713).
    """
    return (
        None
        if read.zero_points is None
        else tuple(
            AB_ZERO_NANOJANSKY * 10 ** (-0.4 * zero_point) for zero_point in read.zero_points
        )
    )


def _arranged(
    values: tuple[float, ...] | None, stamp: Cutout, bands: tuple[str, ...] | None
) -> tuple[float, ...] | None:
    """Values of the stamp's bands in the order of those wanted, where their names say which is
    which.
    """
    if values is None or not bands or not stamp.bands or not set(bands) <= set(stamp.bands):
        return values
    return tuple(values[stamp.bands.index(band)] for band in bands)


def _channels(stamp: Cutout, frame: ImageFormat, read: ReadConfig, where: str) -> list[int]:
    """Which channels of the stamp make up the frame's bands: by name, by position only where there
    is no name to contradict it.
    """
    if stamp.bands is not None and frame.named and set(frame.bands) <= set(stamp.bands):
        return [stamp.bands.index(band) for band in frame.bands]
    named_otherwise = (
        bool(set(stamp.bands or ()) & set(frame.bands))
        if read.bands is not None
        else (stamp.bands is not None) != frame.named
    )
    if (
        len(stamp.pixels) == len(frame.bands)
        and not named_otherwise
        and (read.bands is not None or stamp.bands is None)
    ):
        return list(range(len(frame.bands)))
    wanted = ", ".join(frame.bands) if frame.named else f"{len(frame.bands)} bands without names"
    raise InputError(
        f"{where}: it has {describe_format(stamp)}; expected {wanted}. Give all images the same"
        " bands, or name them with --bands."
    )


def _cropped(
    pixels: NDArray[Any], frame: ImageFormat, read: ReadConfig, where: str
) -> NDArray[Any]:
    """The centre, where a size is declared; of an odd difference the extra pixel falls off the far
    end.
    """
    (height, width), wanted = pixels.shape[1:], frame.shape[1:]
    if (height, width) == wanted:
        return pixels
    if read.size is None:
        raise InputError(
            f"{where}: it measures {width}x{height} pixels, the others {wanted[1]}x{wanted[0]}. "
            "Crop or resample it, or crop all about their centres with --size."
        )
    if height < read.size or width < read.size:
        raise InputError(
            f"{where}: it measures {width}x{height} pixels, fewer than the declared size"
            f" {read.size}. Declare a smaller --size."
        )
    top, left = (height - read.size) // 2, (width - read.size) // 2
    return pixels[:, top : top + read.size, left : left + read.size]


def _in_units(pixels: NDArray[Any], stamp: Cutout, frame: ImageFormat, where: str) -> NDArray[Any]:
    scale = _arranged(stamp.flux_scale, stamp, frame.bands)
    if (scale is None) != (frame.flux_scale is None):
        with_it, without = (
            ("it has", "the others do not") if scale else ("the others have", "it does not")
        )
        raise InputError(
            f"{where}: {with_it} a zero point, {without}: its fluxes cannot be compared. Declare"
            " --zero-points."
        )
    if scale is None or frame.flux_scale is None or scale == frame.flux_scale:
        return pixels
    factor: NDArray[np.float64] = np.array(scale) / np.array(frame.flux_scale)
    with np.errstate(
        over="ignore"
    ):  # what exceeds float32 becomes infinite, and is repaired or refused as such
        return pixels * factor.astype(np.float32)[:, None, None]


def _same_scale(one: float | None, other: float | None) -> bool:
    """Within one percent: a survey's own projection changes the scale by less from tile to tile."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_SCALE * other


def _said(pixel_scale: float | None) -> str:
    return "an unknown number of" if pixel_scale is None else f"{pixel_scale:.4g}"
