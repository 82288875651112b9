"""What headers say of pixels and flux, against closed forms, astropy's units and world coordinates,
and published relations.
"""

import math

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from daexplore.data.readers.fits.photometry import (
    band_name,
    cube_bands,
    flux_scale,
    nanojansky,
    pixel_scale,
)

SKY = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.0,
    "CRVAL2": 2.0,
    "CRPIX1": 1.0,
    "CRPIX2": 1.0,
}


def turned(angle: float, parity: int) -> np.ndarray:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, -s], [s, c]]) @ np.diag([parity, 1])


@pytest.mark.parametrize("parity", [-1, 1])
@pytest.mark.parametrize("angle", [0, 30, 90, 137.5, -60])
@pytest.mark.parametrize("way", ["CD", "PC"])
def test_the_scale_of_a_turned_image_is_astropy_s(angle, parity, way):
    scale = 0.262
    matrix = turned(angle, parity)
    header = fits.Header(SKY)
    for i in (1, 2):
        if way == "PC":
            header[f"CDELT{i}"] = scale / 3600
        for j in (1, 2):
            header[f"{way}{i}_{j}"] = matrix[i - 1, j - 1] * (scale / 3600 if way == "CD" else 1)
    assert pixel_scale(header) == pytest.approx(scale, rel=1e-9)
    assert pixel_scale(header) == pytest.approx(
        proj_plane_pixel_scales(WCS(header)).mean() * 3600, rel=1e-9
    )


@pytest.mark.parametrize(
    ("cards", "scale"),
    [
        (SKY | {"CDELT1": -0.396 / 3600, "CDELT2": 0.396 / 3600}, 0.396),
        (SKY | {"CDELT1": -0.06, "CDELT2": 0.06, "CUNIT1": "arcsec", "CUNIT2": "arcsec"}, 0.06),
        (SKY | {"CDELT1": -30.0, "CDELT2": 30.0, "CUNIT1": "mas", "CUNIT2": "mas"}, 0.03),
        (SKY | {"CD1_1": -1e-4, "CD2_2": 1e-4, "CDELT1": 1.0, "CDELT2": 1.0}, 0.36),
        ({"PIXSCALE": 0.2}, 0.2),
        ({"PIXSCALE": 0.2} | SKY | {"CDELT1": -1e-4, "CDELT2": 1e-4}, 0.36),
        ({"PIXSCALE": "0.2"}, None),
        ({"PIXSCALE": -0.2}, None),
        ({}, None),
        ({"CDELT1": 1.0, "CDELT2": 1.0}, None),
        (SKY | {"CDELT1": -1e-4, "CDELT2": 2e-4}, None),
        (SKY | {"CDELT1": -1e-4, "CDELT2": 1e-4, "CUNIT1": "furlong", "CUNIT2": "furlong"}, None),
        (SKY | {"CDELT1": -1.0, "CDELT2": 1.0}, None),
        ({"CTYPE1": "WAVE", "CTYPE2": "DEC--TAN", "CDELT1": 1e-4, "CDELT2": 1e-4}, None),
    ],
)
def test_scale(cards, scale):
    assert pixel_scale(cards) == (None if scale is None else pytest.approx(scale, rel=1e-9))


AREA = math.radians(0.2 / 3600) ** 2


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nJy", units.nJy),
        ("NJY", units.nJy),
        ("uJy", units.uJy),
        ("Jy", units.Jy),
        ("Jy/pixel", units.Jy),
        ("nanomaggy", 3631e-9 * units.Jy),
        ("nanomaggies", 3631e-9 * units.Jy),
        ("1 nanomaggy", 3631e-9 * units.Jy),
        ("erg/s/cm2/Hz", units.erg / units.s / units.cm**2 / units.Hz),
        ("MJy/sr", units.MJy / units.sr * AREA * units.sr),
        ("erg/s/cm2/Angstrom", (units.erg / units.s / units.cm**2 / units.AA, 8057.0 * units.AA)),
        ("ergs/s/cm2/A", (units.erg / units.s / units.cm**2 / units.AA, 8057.0 * units.AA)),
    ],
)
def test_units_of_flux_are_astropy_s(unit, expected):
    quantity, equivalencies = expected if isinstance(expected, tuple) else (expected, None)
    quantity = 1 * quantity
    nano = (
        quantity.to_value(units.nJy, units.spectral_density(equivalencies))
        if equivalencies is not None
        else quantity.to_value(units.nJy)
    )
    assert flux_scale({"BUNIT": unit, "PHOTPLAM": 8057.0}, scale=0.2) == pytest.approx(
        nano, rel=1e-6
    )


def test_surface_brightness_needs_the_pixel_s_area():
    assert flux_scale({"BUNIT": "MJy/sr"}) is None
    assert flux_scale({"BUNIT": "MJy/sr", "PIXAR_SR": 2e-13}, scale=99.0) == pytest.approx(
        (2e-13 * units.MJy).to_value(units.nJy)
    )


@pytest.mark.parametrize("keyword", ["ABMAGZP", "MAGZERO", "MAGZPT", "MAGZP", "ZEROPNT", "ZP"])
@pytest.mark.parametrize("zero", [0, 22.5, 30.0])
def test_a_source_of_the_zero_point_s_magnitude_gives_one_unit(keyword, zero):
    """AB magnitudes by their definition: m = -2.5 log10(f / 3631 Jy)."""
    one = flux_scale({keyword: zero})
    assert (one * units.nJy).to_value(units.ABmag) == pytest.approx(
        zero, abs=3e-4
    )  # astropy: -48.6, that is 3630.78 Jy
    assert one == pytest.approx(nanojansky(zero))


@pytest.mark.parametrize(
    ("cards", "known"),
    [
        ({"MAGZP": 20.0, "MAGSYS": "Vega"}, False),
        ({"MAGZP": 20.0, "SURVEY": "2MASS"}, False),
        ({"MAGZP": 20.0, "ORIGIN": "WISE"}, False),
        ({"MAGZP": 20.0, "SURVEY": "2MASS", "MAGSYS": "AB"}, True),
        ({"MAGZP": 20.0, "TELESCOP": "HST"}, True),
        ({"MAGZP": "20.0"}, False),
        ({"MAGZP": math.nan}, False),
        ({"BUNIT": "counts"}, False),
        ({}, False),
    ],
)
def test_vega_magnitudes_and_nonsense_give_no_flux(cards, known):
    assert (flux_scale(cards) is not None) == known


def test_the_flux_of_magnitude_zero():
    assert flux_scale({"FLUXMAG0": 63095734448.0194}) == pytest.approx(
        nanojansky(27.0), rel=1e-9
    )  # HSC: 10^(0.4 * 27)


# ACS/WFC F814W and WFC3/IR F160W: PHOTFLAM and PHOTPLAM as in headers of drizzled HST images.
HST = [(7.0332e-20, 8045.5), (1.9276e-20, 15369.2)]


@pytest.mark.parametrize(("flam", "pivot"), HST)
def test_hubble_s_photflam(flam, pivot):
    cards = {"PHOTFLAM": flam, "PHOTPLAM": pivot, "BUNIT": "ELECTRONS/S"}
    density = flam * units.erg / units.s / units.cm**2 / units.AA
    assert flux_scale(cards) == pytest.approx(
        density.to_value(units.nJy, units.spectral_density(pivot * units.AA)), rel=1e-6
    )
    # ACS Data Handbook: ABMAG_ZEROPOINT = -2.5 log10(PHOTFLAM) - 5 log10(PHOTPLAM) - 2.408
    zero = -2.5 * math.log10(flam) - 5 * math.log10(pivot) - 2.408
    assert flux_scale(cards) == pytest.approx(nanojansky(zero), rel=1e-3)


def test_the_exposure_time_counts_for_counts_alone():
    (flam, pivot), time = HST[0], 2500.0
    cards = {"PHOTFLAM": flam, "PHOTPLAM": pivot, "EXPTIME": time}
    rate = flux_scale(cards | {"BUNIT": "ELECTRONS/S"})
    assert flux_scale(cards | {"BUNIT": "ELECTRONS"}) == pytest.approx(rate / time)
    assert flux_scale(cards) is None
    assert flux_scale({"PHOTFLAM": flam, "PHOTPLAM": pivot, "BUNIT": "ELECTRONS"}) is None
    assert flux_scale(cards | {"BUNIT": "ELECTRONS/S"}, one_band=False) is None
    assert flux_scale({"MAGZP": 25.0, "EXPTIME": time}) == flux_scale({"MAGZP": 25.0})


@pytest.mark.parametrize(
    ("cards", "band"),
    [
        ({"FILTER": "F160W"}, "F160W"),
        ({"BAND": "r", "FILTER": "F160W"}, "r"),
        ({"FILTER1": "CLEAR1L", "FILTER2": "F814W"}, "F814W"),
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "F606W"),
        ({"FILTER1": "F606W", "FILTER2": "POL0V"}, "F606W+POL0V"),
        ({"FILTER": "F444W", "PUPIL": "F470N"}, "F470N"),
        ({"FILTER": "F356W", "PUPIL": "CLEAR"}, "F356W"),
        ({"FILTER": "  "}, None),
        ({"FILTER": 3}, None),
        ({}, None),
    ],
)
def test_band(cards, band):
    assert band_name(cards) == band


@pytest.mark.parametrize(
    ("cards", "channels", "bands"),
    [
        ({"BAND0": "g", "BAND1": "r", "BAND2": "z", "BANDS": "grz"}, 3, ("g", "r", "z")),
        ({"FILTER1": "g", "FILTER2": "r"}, 2, ("g", "r")),
        ({"BANDS": "grz"}, 3, ("g", "r", "z")),
        ({"BANDS": "g, r, z"}, 3, ("g", "r", "z")),
        ({"BANDS": "F814W F160W"}, 2, ("F814W", "F160W")),
        ({"BANDS": "grz"}, 4, None),
        ({"BANDS": "ggz"}, 3, None),
        ({"BAND0": "g", "BAND1": "g"}, 2, None),
        ({"BAND0": "g", "BAND1": "r", "BAND2": "z"}, 2, None),
    ],
)
def test_bands_of_a_cube(cards, channels, bands):
    assert cube_bands(cards, channels) == bands
