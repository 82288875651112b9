"""Noise and PSF of both domains, measured on training images without their labels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import DataConfig
from daexplore.data.border_noise import border_noise
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.pipeline import Preprocess
from daexplore.errors import InputError

__all__ = ["MeasuredConditions"]

_IMAGES = 400
_DECILES = tuple(range(0, 101, 10))
_FWHM = math.sqrt(8 * math.log(2))
"""Full width at half maximum over sigma of a Gaussian."""


@dataclass(frozen=True)
class MeasuredConditions:
    """What separates the observations of two domains, in units of the network's input.

    Attributes:
        source: (C,) noise of source images, the median.
        target: (m, C) noise of target images.
        largest_noise: 95th percentile of the target's noise in units of its images' peaks, the
            99.5th percentiles of their pixels.
        keep_variance: whether each domain is normalised to its own variance, so that noise that is
            added to the source must take the place of signal.
        blur: (C,) width sigma by which the target's PSF is broader [pixel]; None where a PSF or a
            pixel scale is not known.
    """

    source: NDArray[np.float64]
    target: NDArray[np.float64]
    largest_noise: float
    keep_variance: bool
    blur: tuple[float, ...] | None

    @staticmethod
    def of(
        config: DataConfig,
        preprocess: Preprocess,
        domains: dict[str, GalaxySet],
        rows: Mapping[str, NDArray[np.integer[Any]]],
    ) -> "MeasuredConditions":
        """Measure up to 400 evenly spaced images of the given rows of each domain.

        Args:
            config: of the data.
            preprocess: fitted on them.
            domains: both galaxy sets.
            rows: training rows of each.
        """
        seen = {
            domain: preprocess.apply(galaxies.images[_evenly(rows[domain])], domain)
            for domain, galaxies in domains.items()
        }
        target = seen["target"]
        noise = border_noise(target)
        middle = np.median(target, axis=(2, 3), keepdims=True)
        peak = np.percentile((target - middle).reshape(len(target), -1), 99.5, axis=1)
        bright = peak > 0
        share = noise[bright].max(axis=1) / peak[bright]
        return MeasuredConditions(
            np.median(border_noise(seen["source"]), axis=0),
            noise,
            float(np.percentile(share, 95)) if bright.any() else 0.0,
            config.normalise == "domain",
            _broader(config, domains, preprocess),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON types, for run.json; of the target's noise the deciles."""
        return {
            "source_noise": self.source.tolist(),
            "target_noise": np.percentile(self.target, _DECILES, axis=0).tolist(),
            "largest_noise": self.largest_noise,
            "keep_variance": self.keep_variance,
            "blur": None if self.blur is None else list(self.blur),
            "images": len(self.target),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "MeasuredConditions":
        """What ``to_dict`` wrote.

        Raises:
            InputError: something else.
        """
        try:
            return MeasuredConditions(
                np.asarray(values["source_noise"], np.float64),
                np.asarray(values["target_noise"], np.float64),
                float(values["largest_noise"]),
                bool(values["keep_variance"]),
                None if values["blur"] is None else tuple(map(float, values["blur"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"run.json, conditions: the measured noise cannot be read: {error!r}."
            ) from error


def _evenly(rows: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    chosen: NDArray[np.integer[Any]] = rows[
        np.unique(np.linspace(0, len(rows) - 1, _IMAGES).astype(int))
    ]
    return chosen


def _broader(
    config: DataConfig, domains: dict[str, GalaxySet], preprocess: Preprocess
) -> tuple[float, ...] | None:
    if config.psf_fwhm is not None:
        return None  # Both already have the same PSF.
    widths = []
    for domain, steps in (("source", preprocess.source), ("target", preprocess.target)):
        galaxies = domains[domain]
        scale = galaxies.pixel_scale if config.pixel_scale is None else config.pixel_scale
        if galaxies.psf_fwhm is None or scale is None:
            return None
        known = dict(zip(galaxies.bands, galaxies.psf_fwhm, strict=True))
        widths.append([known[band] / scale / _FWHM for band in steps.used])
    return tuple(
        math.sqrt(max(0.0, there**2 - here**2)) for here, there in zip(*widths, strict=True)
    )
