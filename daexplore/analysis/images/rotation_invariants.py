"""Rotation-invariant hash of images by angular harmonics."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANGLES", "harmonics", "similarity", "whiten"]

Harmonics = NDArray[np.complex64]

RADII = 12
MODES = 17
ANGLES = 256
_SAMPLES = 96
_SMOOTHING = 1 / 25
_CHUNK = 256
_RIDGE = 0.3
_EMPTY = 1e-12


@lru_cache(maxsize=8)
def _circles(height: int, width: int, radius: float) -> tuple[Any, NDArray[np.float32]]:
    """A sparse matrix from pixels to Gaussian-weighted averages at points on 12 circles, and the
    square roots of the circles' areas.
    """
    from scipy.sparse import csr_matrix

    sigma = max(1.0, _SMOOTHING * radius)
    r = (np.arange(RADII) + 0.5) / RADII * (radius - sigma)
    angle = 2 * np.pi * np.arange(_SAMPLES) / _SAMPLES
    # Angles run counter-clockwise in a picture whose row 0 is at the top.
    y = ((height - 1) / 2 - r[:, None] * np.sin(angle)).ravel()
    x = ((width - 1) / 2 + r[:, None] * np.cos(angle)).ravel()
    reach = np.arange(-int(np.ceil(3 * sigma)), int(np.ceil(3 * sigma)) + 2)
    rows = np.floor(y)[:, None] + np.repeat(reach, len(reach))
    columns = np.floor(x)[:, None] + np.tile(reach, len(reach))
    weights = np.exp(-((rows - y[:, None]) ** 2 + (columns - x[:, None]) ** 2) / (2 * sigma**2))
    weights *= (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    weights /= weights.sum(axis=1, keepdims=True)
    point, which = np.nonzero(weights)
    pixel = (rows * width + columns)[point, which].astype(np.int64)
    matrix = csr_matrix(
        (weights[point, which].astype(np.float32), (point, pixel)), shape=(len(y), height * width)
    )
    return matrix, np.sqrt(r / r.sum()).astype(np.float32)


def harmonics(
    images: Any,
    scale: NDArray[np.floating[Any]],
    radius: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Harmonics:
    """Fourier coefficients over angle, on circles about the centre of each image.

    If an image is turned by phi counter-clockwise, mode m is multiplied by exp(-i m phi); if it is
    mirrored left to right, the mode becomes (-1)^m times its complex conjugate.

    Args:
        images: (n, C, H, W), anything that gives arrays for slices; read in chunks.
        scale: (C,) typical size of a band's values; each band is divided by it, so that none drowns
            the others.
        radius: of the disc that is looked at [pixel]; None takes half of the smaller side.
        progress: called with how many images of how many are done.

    Returns:
        (n, C * 12, 17), of unit norm each, so that brightness does not count; 0 for images without
        structure. The squared norm is the power of the image on the disc, the sky's level aside.
    """
    n, bands, height, width = images.shape
    largest = (min(height, width) - 1) / 2
    matrix, weight = _circles(
        int(height), int(width), largest if radius is None else min(radius, largest)
    )
    result = np.empty((n, bands * RADII, MODES), np.complex64)
    for start in range(0, n, _CHUNK):
        chunk = np.nan_to_num(
            np.asarray(images[start : start + _CHUNK], np.float32), posinf=0.0, neginf=0.0
        )
        sampled = (matrix @ chunk.reshape(len(chunk) * bands, -1).T).T.reshape(
            len(chunk), bands, RADII, _SAMPLES
        )
        sampled = sampled - np.median(sampled[:, :, -2:], axis=(2, 3), keepdims=True)
        sampled /= np.where(scale > 0, scale, 1).astype(np.float32)[:, None, None]
        # A star outshines a galaxy: without the stretch any two galaxies with one at the same
        # distance would be alike.
        rms = np.sqrt((sampled**2).mean(axis=(1, 2, 3), keepdims=True))
        sampled = np.arcsinh(sampled / np.where(rms > _EMPTY, rms, np.inf))
        modes = np.fft.rfft(sampled, axis=-1)[..., :MODES] / _SAMPLES * weight[:, None]
        # The other half of the spectrum mirrors this one: the power of modes from 1 on counts
        # twice.
        modes[..., 1:] *= np.sqrt(2)
        norm = np.sqrt((np.abs(modes) ** 2).sum(axis=(1, 2, 3), keepdims=True))
        result[start : start + _CHUNK] = (modes / np.where(norm > _EMPTY, norm, np.inf)).reshape(
            len(chunk), -1, MODES
        )
        if progress is not None:
            progress(start + len(chunk), n)
    return result


def whiten(modes: Harmonics) -> Harmonics:
    """Take from the harmonics what all galaxies share, so that the rest distinguishes them.

    Galaxies are alike: a bright centre, an ellipse. Unwhitened, any two ellipticals would pass for
    one. The mean of mode 0 is taken off, and each mode is multiplied by (C + a I)^(-1/2), C the
    covariance of its circles over all images and a 0.3 times the mean variance, below which noise
    would be blown up. C is real, for no direction on the sky is special, so the behaviour under
    turning and mirroring stays.

    Args:
        modes: (n, D, 17).

    Returns:
        (n, D, 17); images without structure stay 0.
    """
    there = (np.abs(modes) ** 2).sum(axis=(1, 2)) > 0
    if not there.any():
        return modes
    centred = modes.copy()
    centred[there, :, 0] -= modes[there, :, 0].real.mean(axis=0)
    covariances = [
        np.real(mode.T.conj() @ mode) / there.sum() for mode in np.moveaxis(centred, 2, 0)
    ]
    ridge = (
        _RIDGE * sum(float(np.trace(c)) for c in covariances) / (modes.shape[1] * modes.shape[2])
    )
    for index, covariance in enumerate(covariances):
        values, vectors = np.linalg.eigh(covariance.astype(np.float64))
        root = (vectors / np.sqrt(np.maximum(values, 0) + max(ridge, _EMPTY))) @ vectors.T
        centred[:, :, index] = centred[:, :, index] @ root.astype(np.float32)
    return centred


def similarity(
    a: Harmonics, b: Harmonics
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """How alike the images of each pair are at the best angle, mirrored or not.

    It is ``1 - |a - b|^2 / (|a|^2 + |b|^2)`` with b turned to fit: 1 for the same image, about 0
    for two that have nothing in common, and smaller than a correlation where the two differ in
    strength.

    Args:
        a: (n, D, 17) whitened harmonics.
        b: (n, D, 17), the other image of each pair.

    Returns:
        (n,) similarity, at most 1; (n,) the angle [degree] by which b must be turned
        counter-clockwise, after mirroring, to be like a; and (n,) whether it must be mirrored
        first.
    """
    signs = np.where(np.arange(MODES) % 2, -1.0, 1.0).astype(np.float32)
    half = np.where(np.arange(MODES) > 0, 0.5, 1.0).astype(np.float32)
    products = np.einsum("ndm,ndm->nm", a, b.conj()), np.einsum("ndm,ndm->nm", a, b) * signs
    # Correlations at 256 angles at once: the sum over modes of product * exp(i m phi).
    turned = np.stack(
        [np.fft.irfft(product * half, ANGLES, axis=1) * ANGLES for product in products], axis=1
    )
    turned = turned.reshape(len(a), 2 * ANGLES)
    best = turned.argmax(axis=1)
    power = (np.abs(a) ** 2).sum(axis=(1, 2)) + (np.abs(b) ** 2).sum(axis=(1, 2))
    value = 2 * turned[np.arange(len(a)), best] / np.where(power > 0, power, np.inf)
    angle = best % ANGLES * (360 / ANGLES)
    return value.astype(np.float32), angle.astype(np.float32), best >= ANGLES
