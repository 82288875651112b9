"""Cameras and surveys from their handbooks."""

from dataclasses import replace
from math import log10, sqrt

from daexplore.data.simulate.survey_conditions import Band, Field, Optics, Seeing, SurveyCondition

__all__ = [
    "ACS_F814W",
    "ILLUSTRIS_MOCK",
    "NIRCAM_F356W",
    "PRISTINE",
    "SDSS",
    "SURVEY",
    "WFC3_F160W",
]


# The blur widens each PSF to FWHM 0.15-0.17 arcsec, about that of mosaics drizzled to 0.06 arcsec
# (Koekemoer et al. 2011, ApJS 197, 36), and keeps it above the Nyquist limit of these pixels.
def _hst(wavelength: float, blur: float) -> Optics:
    return Optics(wavelength, diameter=2.4, obscuration=0.33, hexagonal=False, blur=blur)


def _jwst(wavelength: float, blur: float) -> Optics:
    return Optics(wavelength, diameter=6.5, obscuration=0.11, hexagonal=True, blur=blur)


# Zero point: Bohlin 2016, AJ 152, 60. Sky (between "average" and "low") and read noise: ACS
# Instrument Handbook, chapters 4 and 9.
ACS_F814W = Band(
    "F814W", _hst(806.0, blur=0.052), zero_point=25.94, sky=22.2, read_noise=4.2, reads=4
)

# Zero point: Kalirai et al. 2009, WFC3 ISR 2009-30. Sky (average zodiacal light and earthshine) and
# the effective read noise of a 16-read ramp: WFC3 Instrument Handbook, sections 5.7 and 9.7.
WFC3_F160W = Band(
    "F160W", _hst(1537.0, blur=0.045), zero_point=25.95, sky=22.0, read_noise=13.0, reads=4
)

# Zero point from the in-flight flux calibration (Rieke et al. 2023, PASP 135, 028001), sky of 0.1
# MJy / sr at 1.2 times the least zodiacal light (Rigby et al. 2023, PASP 135, 048002), effective
# read noise of a ramp: JWST User Documentation, "NIRCam Detector Performance".
NIRCAM_F356W = Band(
    "F356W", _jwst(3563.0, blur=0.045), zero_point=28.1, sky=22.9, read_noise=9.0, reads=8
)

_DISTANT_BANDS = (ACS_F814W, NIRCAM_F356W, WFC3_F160W)
PRISTINE = SurveyCondition("pristine", _DISTANT_BANDS, pixel_scale=0.06, exposure=None)
SURVEY = SurveyCondition("survey", _DISTANT_BANDS, pixel_scale=0.06, exposure=2500.0)

_SDSS_PIXEL = 0.396  # Gunn et al. 1998, AJ 116, 3040


def _sdss(
    name: str, wavelength: float, zero_point: float, sky: float, gain: float, dark_variance: float
) -> Band:
    """A band of the SDSS camera.

    Args:
        name: of the filter.
        wavelength: effective wavelength [nm].
        zero_point: AB magnitude that gives 1 unit of the converter (DN) in a second.
        sky: [AB mag / arcsec^2].
        gain: [electron / DN].
        dark_variance: of read-out and dark current [DN^2].
    """
    # Kolmogorov turbulence blurs as wavelength^(-1/5) (Fried 1966, JOSA 56, 1372); wings: Racine
    # 1996, PASP 108, 699.
    seeing = Seeing(wavelength, fwhm=1.43 * (wavelength / 623.0) ** -0.2, beta=3.0)
    return Band(
        name,
        seeing,
        zero_point + 2.5 * log10(gain),
        sky,
        gain * sqrt(dark_variance),
        reads=1,
        gain=gain,
        full_well=gain * 65535,
    )


# Effective wavelengths: Fukugita et al. 1996, AJ 111, 1748. Zero points at the typical airmass of
# 1.2 as the survey's flux calibration gives them (Data Release 7, "Photometric Flux Calibration":
# aa + kk * airmass). Median seeing and sky in r: Data Release 7, "Seeing and sky brightness" (1.43
# arcsec, 20.86 mag / arcsec^2); sky in g and i: about what a moonless Apache Point has. Gain and
# dark variance: medians over the camera's columns of the data model of "frame" files. Exposure of
# the drift scan: York et al. 2000, AJ 120, 1579. Residual sky: of the order that Blanton et al.
# (2011, AJ 142, 31) find. Counts: galaxies from Yasuda et al. (2001, AJ 122, 1104), stars at high
# galactic latitude about those of Bahcall & Soneira (1980, ApJS 44, 73).
SDSS = SurveyCondition(
    "SDSS",
    (
        _sdss("g", 477.0, zero_point=24.2, sky=21.8, gain=3.92, dark_variance=1.63),
        _sdss("r", 623.0, zero_point=23.9, sky=20.86, gain=4.72, dark_variance=1.16),
        _sdss("i", 762.0, zero_point=23.6, sky=20.2, gain=4.87, dark_variance=6.0),
    ),
    pixel_scale=_SDSS_PIXEL,
    exposure=53.9,
    sky_error=0.003,
    field=Field(
        galaxies=3.6, stars=1.5, brightest=16.0, faintest=22.0, galaxy_slope=0.4, star_slope=0.15
    ),
)

# Mock SDSS images of Illustris: a Gaussian of 1 kpc at redshift 0.05, without sky and noise (Snyder
# et al. 2015, MNRAS 454, 1886).
ILLUSTRIS_MOCK = replace(
    SDSS, name="Illustris mock", exposure=None, sky_error=0.0, field=None
).with_seeing(1.0, beta=None)
