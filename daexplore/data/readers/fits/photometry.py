"""Photometry from FITS headers: band, pixel scale and flux unit; None where unclear."""

import math
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.bands import AB_ZERO_NANOJANSKY
from daexplore.errors import InputError

__all__ = [
    "AB_ZERO_NANOJANSKY",
    "band_name",
    "cube_bands",
    "flux_scale",
    "linear_flux",
    "nanojansky",
    "pixel_scale",
]


_BAND_KEYWORDS = ("BAND", "FILTER", "INSFILTE", "FPA.FILTERID")
_WHEELS = ("FILTER1", "FILTER2")
_NO_BAND = re.compile(
    r"$|clear|none|n/a|open|empty|blank|air|mirror|unknown|undefined|multi", re.IGNORECASE
)
_PUPIL_FILTER = re.compile(r"F\d+[WMN]\d?")

_SCALE_KEYWORDS = ("PIXSCALE", "PIXSCAL1", "PIXELSCL", "PIXSCL", "SECPIX", "SECPIX1", "D001SCAL")
_ARCSEC = {
    "": 3600.0,
    "deg": 3600.0,
    "degree": 3600.0,
    "degrees": 3600.0,
    "arcmin": 60.0,
    "arcsec": 1.0,
    "mas": 1e-3,
    "rad": math.degrees(1) * 3600,
}
_CELESTIAL = re.compile(r"(RA--|DEC-|[A-Z]LON|[A-Z]LAT|[A-Z]{2}(LN|LT))(-.*)?$")
_SQUARE = 1.05
_PLAUSIBLE = (1e-5, 600.0)

_ZERO_POINTS = ("ABMAGZP", "MAGZERO", "MAGZPT", "MAGZP", "ZEROPNT", "ZP")
_SYSTEMS = ("MAGSYS", "MAGZSYS", "PHOTSYS", "ZPSYS")
_SURVEY_KEYWORDS = ("SURVEY", "TELESCOP", "ORIGIN", "DATASET")
_VEGA_SURVEYS = re.compile(r"2MASS|WISE|UKIRT|UKIDSS|VISTA|CASU|WFAU|VEGA", re.IGNORECASE)
_LIGHT = 2.99792458e18
_NANOJANSKY_CGS = 1e-32
_MAGGY = "nanomaggy"
_SPELLINGS = (
    (r" ?(/ ?pix(el)?|[.* ]pix(el)?(\^|\*\*)?-1)$", ""),
    (r"\b(nanomaggies|nmgy)\b", _MAGGY),
    (r"\bergs\b", "erg"),
    (r"\ba(ng(strom)?s?)?\b", "Angstrom"),
    (r"\b([numM]?)Jy\b", lambda match: match[1].replace("U", "u").replace("N", "n") + "Jy"),
    (r"\bsr\b", "sr"),
)
_MAGNITUDE = re.compile(r"(ab|st|vega)?[ _]?mag", re.IGNORECASE)
_COUNTS = re.compile(r"(e-?|electrons?|counts?|adu|dn|photons?)", re.IGNORECASE)
_RATE = re.compile(
    _COUNTS.pattern + r" ?(/ ?s(ec)?|\.?s(ec)?(\^|\*\*)?-1|per second)", re.IGNORECASE
)


def band_name(header: Mapping[str, Any]) -> str | None:
    """The band by BAND, FILTER, INSFILTE, or the filter wheels FILTER1 and FILTER2 of which others
    are clear; None where none says it.

    JWST's filters in the pupil wheel are before a wider one: then PUPIL names the band. Of two true
    filters in two wheels both are named.
    """
    pupil = header.get("PUPIL")
    if isinstance(pupil, str) and _PUPIL_FILTER.fullmatch(pupil):
        return pupil
    names = [name for name in (_band(header, keyword) for keyword in _BAND_KEYWORDS) if name]
    return (
        names[0]
        if names
        else "+".join(filter(None, (_band(header, keyword) for keyword in _WHEELS))) or None
    )


def linear_flux(
    pixels: NDArray[np.float32], header: Mapping[str, Any], where: str
) -> NDArray[np.float32]:
    """Pixels that are proportional to flux: asinh-scaled ones of Pan-STARRS stacks are undone
    (BSOFTEN, BOFFSET; Waters et al. 2020, ApJS 251, 4, eq. 4), all others stay as they are.

    Args:
        pixels: as BSCALE and BZERO give them; NaN stays NaN.
        header: of the image.
        where: names it in errors.

    Raises:
        InputError: scaling that cannot be undone, or pixels that are magnitudes.
    """
    unit = header.get("BUNIT")
    if isinstance(unit, str) and _MAGNITUDE.match(unit.strip()):
        raise InputError(
            f"{where}: its pixels are magnitudes (BUNIT = {unit!r}), which cannot be used as flux."
            " Write the image as flux, 10^(-0.4 m)."
        )
    if "BSOFTEN" not in header:
        return pixels
    softening, offset = header.get("BSOFTEN"), header.get("BOFFSET", 0.0)
    if not all(isinstance(each, int | float) for each in (softening, offset)) or not softening:
        raise InputError(
            f"{where}: its pixels are scaled by asinh, but BSOFTEN = {softening!r} and BOFFSET ="
            f" {offset!r} do not say how. Write the image as flux."
        )
    factor = 2.5 * math.log10(math.e)
    linear = offset + 2 * softening * np.sinh(pixels.astype(np.float64) / factor)
    return np.asarray(linear, np.float32)


def cube_bands(header: Mapping[str, Any], channels: int) -> tuple[str, ...] | None:
    """Names of a cube's channels by BAND0, BAND1, … or FILTER1, FILTER2, … (counted from 0 or 1),
    or one letter each in BANDS.

    The Legacy Surveys write BANDS and BANDn. None where the number is another one than the
    channels, or names are missing or repeated.
    """
    for stem in ("BAND", "FILTER", "FILT"):
        for first in (0, 1):
            keywords = [f"{stem}{first + channel}" for channel in range(channels)]
            names = [_band(header, keyword) for keyword in keywords]
            beyond = (f"{stem}{first - 1}", f"{stem}{first + channels}")
            if (
                all(names)
                and len(set(names)) == channels
                and not any(keyword in header for keyword in beyond)
            ):
                return tuple(map(str, names))
    letters = header.get("BANDS")
    if isinstance(letters, str):
        words = (
            re.split(r"[ ,]+", letters.strip())
            if re.search(r"[ ,]", letters.strip())
            else list(letters)
        )
        if len(words) == channels == len(set(words)):
            return tuple(words)
    return None


def pixel_scale(header: Mapping[str, Any]) -> float | None:
    """Side of a pixel [arcsec], the root of its area, by the celestial coordinates of the first two
    axes, else by PIXSCALE and its like.

    The columns of CD, or of PC times CDELT, are the pixel's sides in degrees (Greisen & Calabretta
    2002, A&A 395, 1061, eq. 1-3), or in CUNIT. None where there is no scale, where it is outside
    0.00001 to 600 arcsec, and where the sides differ by more than 5%.
    """
    scale = _wcs_scale(header)
    if scale is None:
        scale = next(filter(None, (_number(header, keyword) for keyword in _SCALE_KEYWORDS)), None)
    return scale if scale is not None and _PLAUSIBLE[0] <= scale <= _PLAUSIBLE[1] else None


def nanojansky(zero_point: float) -> float:
    """Flux [nJy] of one unit, for the AB magnitude that gives one unit."""
    return AB_ZERO_NANOJANSKY * 10 ** (-0.4 * zero_point) if abs(zero_point) < 700 else math.nan


def flux_scale(
    header: Mapping[str, Any], scale: float | None = None, one_band: bool = True
) -> float | None:
    """Nanojansky of one unit of the pixels; None where the header does not say it.

    1. BUNIT, where it is a flux density (nJy, Jy, nanomaggy, erg/s/cm2/Hz, …), one per solid angle
       (MJy/sr; times PIXAR_SR or the squared pixel scale), or one per wavelength with PHOTPLAM
       given.
    2. AB zero points ABMAGZP, MAGZERO, MAGZPT, MAGZP, ZEROPNT, ZP: the magnitude of one unit of the
       pixels, whatever the exposure time. Not where a keyword or the survey says that they are
       Vega magnitudes (2MASS, WISE, UKIRT, VISTA).
    3. FLUXMAG0, the units of magnitude 0 (HSC, LSST).
    4. PHOTFLAM [erg/s/cm2/A for 1 electron/s] and PHOTPLAM [A] (HST):
       f_nu = PHOTFLAM PHOTPLAM^2 / c. Only here does the exposure time count: where BUNIT says
       electrons or counts, and not per second, EXPTIME divides; without BUNIT the flux is unknown.

    Args:
        header: of the image.
        scale: side of a pixel [arcsec], for fluxes per solid angle.
        one_band: False for a cube: PHOTFLAM belongs to one filter and says nothing of the others.
    """
    unit = header.get("BUNIT")
    unit = unit.strip() if isinstance(unit, str) else ""
    known = _unit_scale(unit, header, scale) if unit else None
    if known is None and not _is_vega(header):
        known = next(
            (
                nanojansky(zero)
                for zero in (_number(header, keyword, None) for keyword in _ZERO_POINTS)
                if zero is not None
            ),
            None,
        )
    if known is None and (at_zero := _number(header, "FLUXMAG0")):
        known = AB_ZERO_NANOJANSKY / at_zero
    if known is None and one_band:
        known = _photflam_scale(header, unit)
    return known if known is not None and math.isfinite(known) and known > 0 else None


def _band(header: Mapping[str, Any], keyword: str) -> str | None:
    value = header.get(keyword)
    return value.strip() if isinstance(value, str) and not _NO_BAND.match(value.strip()) else None


def _number(header: Mapping[str, Any], keyword: str, above: float | None = 0.0) -> float | None:
    """A finite number above a limit; text, NaN and nonsense are None."""
    value = header.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if above is None or value > above else None


def _wcs_scale(header: Mapping[str, Any]) -> float | None:
    units = [_text(header, f"CUNIT{axis}").lower() for axis in (1, 2)]
    types = [_text(header, f"CTYPE{axis}").upper() for axis in (1, 2)]
    plain = all(unit for unit in units) and all(kind in ("", "LINEAR") for kind in types)
    if not (plain or all(_CELESTIAL.match(kind) for kind in types)) or not all(
        unit in _ARCSEC for unit in units
    ):
        return None
    matrix = {(i, j): _number(header, f"CD{i}_{j}", None) for i in (1, 2) for j in (1, 2)}
    if any(value is not None for value in matrix.values()):
        rows = [[matrix[i, j] or 0.0 for j in (1, 2)] for i in (1, 2)]
    else:
        steps = [_number(header, f"CDELT{axis}", None) for axis in (1, 2)]
        turn = [[_number(header, f"PC{i}_{j}", None) for j in (1, 2)] for i in (1, 2)]
        if steps == [None, None] and not any(value is not None for row in turn for value in row):
            return None
        rows = [
            [
                (1.0 if step is None else step) * (float(i == j) if value is None else value)
                for j, value in enumerate(row)
            ]
            for i, (row, step) in enumerate(zip(turn, steps, strict=True))
        ]
    (a, b), (c, d) = (
        [value * _ARCSEC[unit] for value in row] for row, unit in zip(rows, units, strict=True)
    )
    sides = math.hypot(a, c), math.hypot(b, d)
    if min(sides) <= 0 or max(sides) > _SQUARE * min(sides):
        return None
    area = abs(a * d - b * c)
    return math.sqrt(area) if area > 0 else None


def _text(header: Mapping[str, Any], keyword: str) -> str:
    value = header.get(keyword)
    return value.strip() if isinstance(value, str) else ""


def _is_vega(header: Mapping[str, Any]) -> bool:
    systems = [_text(header, keyword).upper() for keyword in _SYSTEMS]
    return any("VEGA" in system for system in systems) or any(
        _VEGA_SURVEYS.search(_text(header, keyword))
        for keyword in _SURVEY_KEYWORDS
        if "AB" not in systems
    )


def _photflam_scale(header: Mapping[str, Any], unit: str) -> float | None:
    flux, pivot = _number(header, "PHOTFLAM"), _number(header, "PHOTPLAM")
    if flux is None or pivot is None:
        return None
    time = (
        1.0
        if _RATE.fullmatch(unit)
        else _number(header, "EXPTIME")
        if _COUNTS.fullmatch(unit)
        else None
    )
    return None if time is None else flux * pivot * pivot / _LIGHT / _NANOJANSKY_CGS / time


def _unit_scale(text: str, header: Mapping[str, Any], scale: float | None) -> float | None:
    """nJy of a unit of flux density, flux density per solid angle, or per wavelength."""
    kind, factor = _parsed(text)
    if kind == "surface":
        area = _number(header, "PIXAR_SR") or (math.radians(scale / 3600) ** 2 if scale else None)
        return None if area is None else factor * area
    if kind == "wavelength":
        pivot = _number(header, "PHOTPLAM")
        return None if pivot is None else factor * pivot * pivot / _LIGHT / _NANOJANSKY_CGS
    return factor if kind == "flux" else None


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[str, float]:
    """What a unit measures ("flux", "surface", "wavelength" or nothing), in nJy, nJy/sr or
    erg/s/cm2/A.
    """
    from astropy import units

    for spelling, usual in _SPELLINGS:
        text = re.sub(spelling, usual, text, flags=re.IGNORECASE)
    factor = 1e-9 * AB_ZERO_NANOJANSKY if _MAGGY in text else 1.0
    with warnings.catch_warnings():
        # Several slashes in a unit are only discouraged.
        warnings.simplefilter("ignore", units.UnitsWarning)
        unit = units.Unit(text.replace(_MAGGY, "nJy"), parse_strict="silent")
    for kind, reference in (
        ("flux", units.nJy),
        ("surface", units.nJy / units.sr),
        ("wavelength", units.erg / units.s / units.cm**2 / units.AA),
    ):
        if unit.is_equivalent(reference):
            return kind, factor * float(unit.to(reference))
    return "", 0.0
