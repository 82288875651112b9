"""How a survey sees the sky: optics, pixels, exposure and noise, and the noise itself."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACS_F814W", "NIRCAM_F356W", "WFC3_F160W", "Band", "Optics", "SurveyCondition", "nanojansky", "observe", "sky_noise"]


@dataclass(frozen=True)
class Optics:
    """What shapes a band's point spread function.

    Attributes:
        wavelength: pivot wavelength [nm].
        diameter: of the primary mirror [m].
        obscuration: diameter of the central obscuration over that of the primary.
        hexagonal: a hexagonal primary on three struts (JWST) instead of a round one on four (HST).
        blur: standard deviation of the Gaussian that stands for jitter, charge diffusion and drizzling [arcsec].
    """

    wavelength: float
    diameter: float
    obscuration: float
    hexagonal: bool
    blur: float


@dataclass(frozen=True)
class Band:
    """A filter in its camera.

    Attributes:
        name: of the filter.
        optics: which see.
        zero_point: AB magnitude of a source that gives 1 electron / s.
        sky: surface brightness of the background [AB mag / arcsec^2].
        read_noise: of one read-out [electron].
        reads: read-outs in the whole exposure; their variances add.
    """

    name: str
    optics: Optics
    zero_point: float
    sky: float
    read_noise: float
    reads: int


@dataclass(frozen=True)
class SurveyCondition:
    """Everything between a galaxy and its image.

    Attributes:
        name: short name.
        bands: in channel order.
        pixel_scale: [arcsec / pixel].
        exposure: in each band [s]; None is an infinite exposure: no noise.
    """

    name: str
    bands: tuple[Band, ...]
    pixel_scale: float
    exposure: float | None

    def with_exposure(self, exposure: float | None) -> "SurveyCondition":
        """The same survey, deeper or shallower: the severity knob."""
        return replace(self, exposure=exposure)


# The blur widens each PSF to FWHM 0.15-0.17 arcsec, about that of mosaics drizzled to 0.06 arcsec (Koekemoer et al. 2011, ApJS 197, 36),
# and keeps it above the Nyquist limit of these pixels.
def _hst(wavelength: float, blur: float) -> Optics:
    return Optics(wavelength, diameter=2.4, obscuration=0.33, hexagonal=False, blur=blur)


def _jwst(wavelength: float, blur: float) -> Optics:
    return Optics(wavelength, diameter=6.5, obscuration=0.11, hexagonal=True, blur=blur)


# Zero point: Bohlin 2016, AJ 152, 60. Sky (between "average" and "low") and read noise: ACS Instrument Handbook, chapters 4 and 9.
ACS_F814W = Band("F814W", _hst(806.0, blur=0.052), zero_point=25.94, sky=22.2, read_noise=4.2, reads=4)

# Zero point: Kalirai et al. 2009, WFC3 ISR 2009-30. Sky (average zodiacal light and earthshine) and the effective read noise of a
# 16-read ramp: WFC3 Instrument Handbook, sections 5.7 and 9.7.
WFC3_F160W = Band("F160W", _hst(1537.0, blur=0.045), zero_point=25.95, sky=22.0, read_noise=13.0, reads=4)

# Zero point from the in-flight flux calibration (Rieke et al. 2023, PASP 135, 028001), sky of 0.1 MJy / sr at 1.2 times the least zodiacal
# light (Rigby et al. 2023, PASP 135, 048002), effective read noise of a ramp: JWST User Documentation, "NIRCam Detector Performance".
NIRCAM_F356W = Band("F356W", _jwst(3563.0, blur=0.045), zero_point=28.1, sky=22.9, read_noise=9.0, reads=8)


def nanojansky(magnitude: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Flux [nJy] of an AB magnitude (Oke & Gunn 1983, ApJ 266, 713: 3631 Jy at magnitude 0)."""
    return np.asarray(10 ** (-0.4 * (np.asarray(magnitude, np.float64) - 31.4)))


def _electrons_per_nanojansky(band: Band, exposure: float) -> float:
    return float(exposure / nanojansky(band.zero_point))


def _sky_electrons(band: Band, pixel_scale: float, exposure: float) -> float:
    return float(exposure * nanojansky(band.sky) / nanojansky(band.zero_point)) * pixel_scale**2


def sky_noise(condition: SurveyCondition) -> NDArray[np.float64]:
    """(C,) standard deviation of an empty pixel [nJy]: Poisson sky and read-outs; zero without noise."""
    if condition.exposure is None:
        return np.zeros(len(condition.bands))
    return np.array(
        [
            np.sqrt(_sky_electrons(band, condition.pixel_scale, condition.exposure) + band.reads * band.read_noise**2)
            / _electrons_per_nanojansky(band, condition.exposure)
            for band in condition.bands
        ]
    )


def observe(images: NDArray[np.float32], condition: SurveyCondition, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise-free images as the survey records them, sky subtracted.

    Each pixel collects Poisson(source + sky) electrons and Gaussian read noise: the CCD equation (e.g. Howell 2006, "Handbook of CCD
    Astronomy", eq. 4.5) as a draw.

    Args:
        images: (N, C, H, W) noise-free fluxes [nJy], already convolved with the condition's point spread functions.
        condition: the survey; only pixel scale, exposure and the bands' noise terms are used here.
        rng: source of randomness.

    Returns:
        (N, C, H, W) float32 [nJy].
    """
    if condition.exposure is None:
        return images.astype(np.float32)
    observed = np.empty(images.shape, np.float32)
    for channel, band in enumerate(condition.bands):
        gain = _electrons_per_nanojansky(band, condition.exposure)
        sky = _sky_electrons(band, condition.pixel_scale, condition.exposure)
        electrons = rng.poisson(np.maximum(images[:, channel], 0.0) * gain + sky).astype(np.float32)
        electrons += np.float32(band.read_noise * np.sqrt(band.reads)) * rng.standard_normal(electrons.shape, np.float32)
        observed[:, channel] = (electrons - np.float32(sky)) / np.float32(gain)
    return observed
