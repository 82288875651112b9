"""Point spread functions of GalSim as transfer functions on the grid of the renderer."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.survey_conditions import Optics, Seeing, SurveyCondition

__all__ = ["galsim_psf", "psf_widths", "transfer_functions"]

_PUPIL_SCALE = 0.02  # [m]


def galsim_psf(optics: Optics | Seeing, pixel_scale: float) -> Any:
    """The GalSim profile of a band's point spread function: diffraction by the pupil and blur, or
    seeing, and the pixel's own area.

    The optics are those of GalSim's ``OpticalPSF`` (Rowe et al. 2015, Astronomy and Computing 10,
    121).
    """
    import galsim

    if isinstance(optics, Seeing):
        blur = (
            galsim.Gaussian(fwhm=optics.fwhm)
            if optics.beta is None
            else galsim.Moffat(optics.beta, fwhm=optics.fwhm)
        )
        return galsim.Convolve(blur, galsim.Pixel(pixel_scale))
    if optics.hexagonal:
        aperture = galsim.Aperture(
            diam=optics.diameter,
            lam=optics.wavelength,
            pupil_plane_im=galsim.Image(_hexagonal_pupil(optics)),
            pupil_plane_scale=_PUPIL_SCALE,
        )
        diffraction = galsim.OpticalPSF(lam=optics.wavelength, diam=optics.diameter, aper=aperture)
    else:
        diffraction = galsim.OpticalPSF(
            lam=optics.wavelength,
            diam=optics.diameter,
            obscuration=optics.obscuration,
            nstruts=4,
            strut_thick=0.02,
            strut_angle=45 * galsim.degrees,
        )
    return galsim.Convolve(
        diffraction, galsim.Gaussian(sigma=optics.blur), galsim.Pixel(pixel_scale)
    )


@lru_cache(maxsize=16)
def psf_widths(condition: SurveyCondition) -> tuple[float, ...]:
    """Full width at half maximum [arcsec] of the point spread function in each band, pixel
    included: of the disc above half maximum.
    """
    step = condition.pixel_scale / 16
    planes = (
        galsim_psf(band.optics, condition.pixel_scale)
        .drawImage(nx=321, ny=321, scale=step, method="no_pixel")
        .array
        for band in condition.bands
    )
    return tuple(
        float(2 * step * np.sqrt((plane > plane.max() / 2).sum() / np.pi)) for plane in planes
    )


def transfer_functions(condition: SurveyCondition, grid: int) -> NDArray[np.complex64]:
    """(C, grid, grid // 2 + 1) Fourier transforms of the point spread functions, in the layout of
    ``scipy.fft.rfft2``; 1 at frequency 0.
    """
    step = 2 * np.pi / (grid * condition.pixel_scale)
    transfers = []
    for band in condition.bands:
        plane = (
            galsim_psf(band.optics, condition.pixel_scale)
            .drawKImage(nx=grid + 1, ny=grid + 1, scale=step)
            .array
        )
        half = np.fft.ifftshift(plane[:-1, :-1])[:, : grid // 2 + 1].copy()
        # the grid's own Nyquist column and row have no partner of opposite sign: keep them real
        half[grid // 2, :] = half[grid // 2, :].real
        half[:, -1] = half[:, -1].real
        transfers.append(half / half[0, 0])
    return np.array(transfers, np.complex64)


def _hexagonal_pupil(optics: Optics) -> NDArray[np.float64]:
    """Illumination of a hexagonal primary, flat to flat ``diameter``, less the secondary and its
    three struts.
    """
    half = int(1.2 * optics.diameter / _PUPIL_SCALE)
    y, x = (np.mgrid[-half:half, -half:half] + 0.5) * _PUPIL_SCALE
    sides = [
        np.abs(x * np.cos(angle) + y * np.sin(angle)) for angle in np.deg2rad([90.0, 30.0, 150.0])
    ]
    pupil = np.max(sides, axis=0) < optics.diameter / 2
    pupil &= np.hypot(x, y) > optics.obscuration * optics.diameter / 2
    for angle in np.deg2rad([90.0, 210.0, 330.0]):
        along, across = (
            x * np.cos(angle) + y * np.sin(angle),
            np.abs(y * np.cos(angle) - x * np.sin(angle)),
        )
        pupil &= ~((along > 0) & (across < 0.06))
    return np.asarray(pupil, np.float64)
