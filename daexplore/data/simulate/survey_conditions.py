"""Survey conditions: point spread function, pixels, exposure, field and noise."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Band",
    "Field",
    "Optics",
    "Seeing",
    "SurveyCondition",
    "nanojansky",
    "observe",
    "sky_noise",
]


@dataclass(frozen=True)
class Optics:
    """What shapes a band's point spread function.

    Attributes:
        wavelength: pivot wavelength [nm].
        diameter: of the primary mirror [m].
        obscuration: diameter of the central obscuration over that of the primary.
        hexagonal: a hexagonal primary on three struts (JWST) instead of a round one on four (HST).
        blur: standard deviation of the Gaussian that represents jitter, charge diffusion and
            drizzling [arcsec].
    """

    wavelength: float
    diameter: float
    obscuration: float
    hexagonal: bool
    blur: float


@dataclass(frozen=True)
class Seeing:
    """A point spread function that the atmosphere shapes.

    Attributes:
        wavelength: effective wavelength [nm].
        fwhm: full width at half maximum, before the pixel [arcsec].
        beta: exponent of the wings of a Moffat (1969, A&A 3, 455) profile; None is a Gaussian.
    """

    wavelength: float
    fwhm: float
    beta: float | None = None


@dataclass(frozen=True)
class Band:
    """A filter in its camera.

    Attributes:
        name: of the filter.
        optics: what shapes the point spread function.
        zero_point: AB magnitude of a source that gives 1 electron / s.
        sky: surface brightness of the background [AB mag / arcsec^2].
        read_noise: of one read-out [electron].
        reads: read-outs in the whole exposure; their variances add.
        gain: electrons of one unit of the converter, to whole numbers of which pixels are rounded;
            None does not round.
        full_well: electrons that a pixel holds at most; None is any number.
    """

    name: str
    optics: Optics | Seeing
    zero_point: float
    sky: float
    read_noise: float
    reads: int
    gain: float | None = None
    full_well: float | None = None


@dataclass(frozen=True)
class Field:
    """What else is on the line of sight: galaxies and stars at random places.

    Attributes:
        galaxies: a square arcminute, brighter than ``faintest``.
        stars: as above.
        brightest: AB magnitude at 620 nm.
        faintest: as above.
        galaxy_slope: of their counts, d log10 N / dm.
        star_slope: as above.
    """

    galaxies: float
    stars: float
    brightest: float
    faintest: float
    galaxy_slope: float
    star_slope: float


@dataclass(frozen=True)
class SurveyCondition:
    """Everything between a galaxy and its image.

    Attributes:
        name: short name.
        bands: in channel order.
        pixel_scale: [arcsec / pixel].
        exposure: in each band [s]; None is an infinite exposure: no noise.
        redshift: to which galaxies are moved; None leaves each at its own.
        sky_error: standard deviation of what sky subtraction leaves, as a share of the sky: of its
            level and of its slope from the stamp's centre to its edge, in each direction.
        field: other objects on the line of sight; None is an empty one.
    """

    name: str
    bands: tuple[Band, ...]
    pixel_scale: float
    exposure: float | None
    redshift: float | None = None
    sky_error: float = 0.0
    field: Field | None = None

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Of the bands [nm]."""
        return tuple(band.optics.wavelength for band in self.bands)

    def with_exposure(self, exposure: float | None) -> "SurveyCondition":
        """The same survey, deeper or shallower: the severity knob."""
        return replace(self, exposure=exposure)

    def with_seeing(self, fwhm: float, beta: float | None = 3.0) -> "SurveyCondition":
        """The same survey through an atmosphere that blurs all bands by ``fwhm`` [arcsec] before
        the pixel, and no optics.
        """
        bands = (
            replace(band, optics=Seeing(band.optics.wavelength, fwhm, beta)) for band in self.bands
        )
        return replace(self, bands=tuple(bands))


def nanojansky(magnitude: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Flux [nJy] of an AB magnitude (Oke & Gunn 1983, ApJ 266, 713: 3631 Jy at magnitude 0)."""
    return np.asarray(10 ** (-0.4 * (np.asarray(magnitude, np.float64) - 31.4)))


def _electrons_per_nanojansky(band: Band, exposure: float) -> float:
    return float(exposure / nanojansky(band.zero_point))


def _sky_electrons(band: Band, pixel_scale: float, exposure: float) -> float:
    return float(exposure * nanojansky(band.sky) / nanojansky(band.zero_point)) * pixel_scale**2


def sky_noise(condition: SurveyCondition) -> NDArray[np.float64]:
    """(C,) standard deviation of an empty pixel [nJy]: Poisson sky and read-outs; zero without
    noise.
    """
    if condition.exposure is None:
        return np.zeros(len(condition.bands))
    return np.array(
        [
            np.sqrt(
                _sky_electrons(band, condition.pixel_scale, condition.exposure)
                + band.reads * band.read_noise**2
            )
            / _electrons_per_nanojansky(band, condition.exposure)
            for band in condition.bands
        ]
    )


def observe(
    images: NDArray[np.float32], condition: SurveyCondition, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Noise-free images as the survey records them, sky subtracted.

    Each pixel collects Poisson(source + sky) electrons and Gaussian read noise: the CCD equation
    (e.g. Howell 2006, "Handbook of CCD Astronomy", eq. 4.5) as a draw.

    Args:
        images: (N, C, H, W) noise-free fluxes [nJy], already convolved with the condition's point
            spread functions.
        condition: the survey; only pixel scale, exposure, sky error and the bands' noise terms are
            used here.
        rng: source of randomness.

    Returns:
        (N, C, H, W) float32 [nJy].
    """
    if condition.exposure is None:
        return images.astype(np.float32)
    observed = np.empty(images.shape, np.float32)
    left = _sky_residual(images, condition, rng) if condition.sky_error > 0 else None
    for channel, band in enumerate(condition.bands):
        sensitivity = _electrons_per_nanojansky(band, condition.exposure)
        sky = _sky_electrons(band, condition.pixel_scale, condition.exposure)
        electrons = rng.poisson(np.maximum(images[:, channel], 0.0) * sensitivity + sky).astype(
            np.float32
        )
        if band.full_well is not None:
            electrons = np.minimum(electrons, np.float32(band.full_well))
        electrons += np.float32(band.read_noise * np.sqrt(band.reads)) * rng.standard_normal(
            electrons.shape, np.float32
        )
        if band.gain is not None:
            electrons = np.float32(band.gain) * np.round(electrons / np.float32(band.gain))
        if left is not None:
            electrons += left[:, channel] * np.float32(sky)
        observed[:, channel] = (electrons - np.float32(sky)) / np.float32(sensitivity)
    return observed


def _sky_residual(
    images: NDArray[np.float32], condition: SurveyCondition, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(N, C, H, W) plane that sky subtraction leaves in each image and band, as a share of the
    sky.
    """
    count, channels, height, width = images.shape
    level, x, y = condition.sky_error * rng.standard_normal((3, count, channels, 1, 1))
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    return np.asarray(level + x * columns + y * rows, np.float32)
