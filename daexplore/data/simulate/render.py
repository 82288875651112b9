"""Rendering of scenes to images in Fourier space."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from daexplore.data.simulate.profiles import fourier_profile
from daexplore.data.simulate.psf import transfer_functions
from daexplore.data.simulate.scenes import Scene
from daexplore.data.simulate.survey_conditions import SurveyCondition
from daexplore.domains import DOMAINS

__all__ = ["DOMAINS", "Part", "Renderer", "renderer"]


Array = NDArray[np.floating]
_NEIGHBOURS = 14.0
_MARGIN = 2.0


class Renderer:
    """Draws scenes on a padded grid, so that what wraps around its edges stays outside the stamp.

    Args:
        pixel_scale: [arcsec / pixel].
        size: of the square stamp [pixel]; the stamp's centre is the centre of pixel (size // 2,
            size // 2).
        smoothing: standard deviations of the Gaussians that particles are drawn as, to choose from
            [pixel].
    """

    def __init__(
        self, pixel_scale: float, size: int, smoothing: tuple[float, ...] = (0.6, 1.1, 2.0, 3.6)
    ) -> None:
        self.pixel_scale = pixel_scale
        self.size = size
        self.grid = scipy.fft.next_fast_len(int(1.6 * size), real=True)
        self.grid += self.grid % 2
        ky = 2 * np.pi * scipy.fft.fftfreq(self.grid)
        kx = 2 * np.pi * scipy.fft.rfftfreq(self.grid)
        self._ky, self._kx = ky.astype(np.float32), kx.astype(np.float32)
        k2 = ky[:, None] ** 2 + kx**2
        self._sigma = np.array(smoothing)
        self._smoothing = np.exp(-0.5 * self._sigma[:, None, None] ** 2 * k2).astype(np.float32)

    def transfer(self, condition: SurveyCondition) -> NDArray[np.complex64]:
        """(C, grid, grid // 2 + 1) transfer functions of the condition's bands, for ``images``."""
        return transfer_functions(condition, self.grid)

    def fourier(self, scene: Scene) -> NDArray[np.complex64]:
        """(B, C, grid, grid // 2 + 1) transform of the scene before any point spread function."""
        return np.asarray(self._particles(scene) + self._bulges(scene) + self._stars(scene))

    def images(
        self, fourier: NDArray[np.complex64], transfer: NDArray[np.complex64]
    ) -> NDArray[np.float32]:
        """(B, C, size, size) stamps, flux a pixel.

        Cutting the transform off at the grid's Nyquist frequency rings by a few thousandths of a
        sharp peak; negative flux is set to zero.
        """
        planes = scipy.fft.irfft2(fourier * transfer, s=(self.grid, self.grid))
        start = self.grid // 2 - self.size // 2
        return np.asarray(
            np.maximum(planes[:, :, start : start + self.size, start : start + self.size], 0.0),
            np.float32,
        )

    def _pixels(self, positions: Array) -> Array:
        return np.asarray(positions / self.pixel_scale + self.grid // 2)

    def _shift(self, positions: Array) -> NDArray[np.complex64]:
        """(B, K, grid, grid // 2 + 1) phases that put a profile at each position; zero where it
        is off the grid.
        """
        x, y = (self._pixels(positions)[..., i, None].astype(np.float32) for i in (0, 1))
        on_grid = (np.abs(positions / self.pixel_scale) < self.grid / 2 - _MARGIN).all(-1)[
            ..., None
        ]
        phases = (on_grid * np.exp(-1j * self._ky * y))[..., None] * np.exp(-1j * self._kx * x)[
            ..., None, :
        ]
        return np.asarray(phases, np.complex64)

    def _particles(self, scene: Scene) -> NDArray[np.complex64]:
        """Cloud-in-cell deposits (Hockney & Eastwood 1988, "Computer Simulation Using Particles",
        ch. 5), smoothed over the neighbours.

        Each particle goes to the layer whose Gaussian is nearest to holding a fixed number of
        neighbours, as in smoothed particle hydrodynamics (Monaghan 1992, ARA&A 30, 543), so that
        arms stay sharp and tails do not break up into points.
        """
        count, _, bands = scene.particle_fluxes.shape
        n = self.grid
        pixels = self._pixels(scene.particles)
        stamp, particle = np.nonzero(
            ((pixels > 1) & (pixels < n - _MARGIN)).all(2) & (scene.particle_fluxes.sum(2) > 0)
        )
        pixels, fluxes = pixels[stamp, particle], scene.particle_fluxes[stamp, particle]
        corner = pixels.astype(np.int64)
        fraction = pixels - corner
        cell = corner[:, 1] * n + corner[:, 0]

        density = (
            np.bincount(stamp * n * n + cell, minlength=count * n * n)
            .reshape(count, n, n)
            .astype(np.float32)
        )
        density = uniform_filter(density, (0, 7, 7), mode="constant").reshape(count, n * n)[
            stamp, cell
        ]
        wanted = np.sqrt(_NEIGHBOURS / (4 * np.pi * np.maximum(density, 1e-3)))
        edges = np.sqrt(self._sigma[:-1] * self._sigma[1:])
        layer = np.searchsorted(edges, wanted)

        layers = len(self._sigma)
        base = (stamp * layers + layer) * n * n + cell
        deposits = np.zeros((bands, count * layers * n * n), np.float32)
        for dx in (0, 1):
            for dy in (0, 1):
                share = np.abs(1 - dx - fraction[:, 0]) * np.abs(1 - dy - fraction[:, 1])
                for band in range(bands):
                    deposits[band] += np.bincount(
                        base + dy * n + dx, fluxes[:, band] * share, minlength=deposits.shape[1]
                    )
        planes = scipy.fft.rfft2(deposits.reshape(bands, count, layers, n, n))
        return np.ascontiguousarray((planes * self._smoothing).sum(2).transpose(1, 0, 2, 3))

    def _bulges(self, scene: Scene) -> NDArray[np.complex64]:
        radii = (scene.bulge_radii / self.pixel_scale)[..., None, None].astype(np.float32)
        axes = np.sqrt(scene.bulge_axes)[..., None, None].astype(np.float32)
        cosine, sine = (
            f(scene.bulge_angles)[..., None, None].astype(np.float32) for f in (np.cos, np.sin)
        )
        along = (self._kx * cosine + self._ky[:, None] * sine) * (radii / axes)
        across = (self._ky[:, None] * cosine - self._kx * sine) * (radii * axes)
        frequency = np.hypot(along, across)
        profile = np.empty(frequency.shape, np.float32)
        for index in np.unique(scene.bulge_indices):
            chosen = scene.bulge_indices == index
            profile[chosen] = fourier_profile(frequency[chosen], float(index))
        placed = self._shift(scene.bulges) * profile
        return np.asarray(
            np.einsum("bkyx,bkc->bcyx", placed, scene.bulge_fluxes.astype(np.float32))
        )

    def _stars(self, scene: Scene) -> NDArray[np.complex64]:
        return np.asarray(
            np.einsum(
                "bkyx,bkc->bcyx", self._shift(scene.stars), scene.star_fluxes.astype(np.float32)
            )
        )


@dataclass(frozen=True)
class Part:
    """Some images of a domain.

    Attributes:
        domain: "source" or "target".
        rows: (k,) their rows in the set.
        images: (k, C, size, size) [nJy].
        columns: of the catalogue, each (k,), among them "galaxy", "view" and "label".
    """

    domain: str
    rows: NDArray[np.int64]
    images: NDArray[np.float32]
    columns: dict[str, Any]


@lru_cache(maxsize=16)
def renderer(
    condition: SurveyCondition, size: int, smoothing: tuple[float, ...]
) -> tuple[Renderer, NDArray[np.complex64]]:
    """The renderer for a condition's pixels, and the transfer functions of its bands."""
    made = Renderer(condition.pixel_scale, size, smoothing)
    return made, made.transfer(condition)
