"""From flux to network input: crop, stretch, normalise by statistics of the training split only, recorded to be used again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from daexplore.config import DataConfig, from_dict, to_dict
from daexplore.data.galaxies import GalaxySet
from daexplore.errors import InputError

__all__ = ["BandStatistics", "Preprocess"]

_CHUNK = 256
_NOISE_PIXELS = 4_000_000
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class BandStatistics:
    """What the training images of one domain have in each band.

    Attributes:
        noise_scale: robust standard deviation of the pixels, 1.4826 times their median absolute deviation; units of the images.
        mean: of the stretched pixels.
        std: of the stretched pixels.
    """

    noise_scale: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Preprocess:
    """The recorded steps from images as they come to what the network sees.

    Images are cropped, or padded with zero flux, about their centre; stretched, linear or ``asinh(x / (softening * s))`` with s the band's
    noise scale in that domain (after Lupton et al. 2004, PASP 116, 133); and normalised to ``(x - mean) / std``.

    Attributes:
        stretch: "linear" or "asinh".
        softening: in units of the noise scale.
        size: height and width [pixel] of what comes out.
        source: statistics of the source's training images.
        target: statistics with which target images are treated: the target's own, or the source's mean and std.
    """

    stretch: Literal["linear", "asinh", "percentile"]
    softening: float
    size: tuple[int, int]
    source: BandStatistics
    target: BandStatistics

    @staticmethod
    def fit(
        config: DataConfig,
        source: GalaxySet,
        source_rows: NDArray[np.integer[Any]],
        target: GalaxySet,
        target_rows: NDArray[np.integer[Any]],
    ) -> "Preprocess":
        """Learns the statistics from the given rows, the training split, and from no others; reads them in chunks.

        The noise scale comes from evenly spaced images with 4 million pixels a band in all: a median needs its pixels in memory at once.

        Args:
            config: which stretch, whose statistics, which size.
            source: the labelled domain.
            source_rows: its training rows.
            target: the other domain.
            target_rows: its training rows.

        Raises:
            InputError: different numbers of bands, no rows, impossible settings, pixels that are not finite.
        """
        if len(source.bands) != len(target.bands):
            raise InputError(
                f"The source {source.name!r} has {len(source.bands)} bands and the target {target.name!r} has {len(target.bands)}; "
                "one network needs the same number."
            )
        if not config.softening > 0:
            raise InputError(f"softening must be positive, in units of the noise scale; got {config.softening}.")
        size = _size(config.size, source)
        statistics = _statistics(source, source_rows, config.stretch, config.softening, size)
        others = _statistics(target, target_rows, config.stretch, config.softening, size)
        if config.normalise == "source":
            others = BandStatistics(others.noise_scale, statistics.mean, statistics.std)
        return Preprocess(config.stretch, config.softening, size, statistics, others)

    def apply(self, images: NDArray[Any], domain: str) -> NDArray[np.float32]:
        """What the network sees of the images.

        Args:
            images: (n, C, height, width) of any real type, native flux units.
            domain: whose statistics to use, "source" or "target".

        Returns:
            (n, C, *size), C-contiguous and new.

        Raises:
            InputError: another number of bands, or pixels that are not finite.
        """
        statistics = {"source": self.source, "target": self.target}[domain]
        bands = len(statistics.mean)
        if images.ndim != 4 or images.shape[1] != bands:
            raise InputError(f"Expected images of shape (n, {bands}, height, width), as in the training; got {images.shape}.")
        mean, std = (np.array(values, np.float32)[:, None, None] for values in (statistics.mean, statistics.std))
        result = np.empty((len(images), bands, *self.size), np.float32)
        for start in range(0, len(images), _CHUNK):
            flux = _pad(_crop(images[start : start + _CHUNK], self.size), self.size)
            chunk = result[start : start + _CHUNK]
            np.subtract(_stretch(flux, self.stretch, self.softening, statistics.noise_scale), mean, out=chunk)
            chunk /= std
        # One sum tells whether all pixels are finite; only then is it worth looking for which are not.
        if not np.isfinite(result.sum(dtype=np.float64)):
            bad = ~np.isfinite(result).all(axis=(1, 2, 3))
            raise InputError(
                f"{int(bad.sum())} of {len(images)} {domain} images hold NaN or infinite pixels, first number {np.argmax(bad)}."
            )
        return result

    def to_dict(self) -> dict[str, Any]:
        """The steps as JSON types; numbers survive JSON bit for bit."""
        return to_dict(self)

    @staticmethod
    def from_dict(values: Any) -> "Preprocess":
        """The steps that ``to_dict`` wrote.

        Raises:
            InputError: something else.
        """
        return from_dict(Preprocess, values, "preprocessing")


def _size(declared: int | None, galaxies: GalaxySet) -> tuple[int, int]:
    if declared is not None and declared < 1:
        raise InputError(f"size must be at least 1 pixel, got {declared}.")
    height, width = galaxies.images.shape[2:] if declared is None else (declared, declared)
    return int(height), int(width)


def _statistics(
    galaxies: GalaxySet, rows: NDArray[np.integer[Any]], stretch: str, softening: float, size: tuple[int, int]
) -> BandStatistics:
    """Padding is left out: made-up zeros say nothing about the images."""
    if len(rows) == 0:
        raise InputError(f"Galaxy set {galaxies.name!r} has no training images to learn the normalisation from.")
    noise_scale = _noise_scale(galaxies, rows, size)
    count, mean, squares = 0, np.zeros(len(galaxies.bands)), np.zeros(len(galaxies.bands))
    for flux in _chunks(galaxies, rows, size):
        values = _stretch(flux, stretch, softening, noise_scale).astype(np.float64)
        n = values.size // len(mean)
        # Chan, Golub & LeVeque 1983, Am. Stat. 37, 242: chunks are merged without the cancellation of E[x^2] - E[x]^2.
        chunk_mean = values.mean(axis=(0, 2, 3))
        squares += ((values - chunk_mean[:, None, None]) ** 2).sum(axis=(0, 2, 3)) + (chunk_mean - mean) ** 2 * count * n / (count + n)
        mean += (chunk_mean - mean) * n / (count + n)
        count += n
    return BandStatistics(noise_scale, tuple(mean.tolist()), tuple(_positive(np.sqrt(squares / count)).tolist()))


def _noise_scale(galaxies: GalaxySet, rows: NDArray[np.integer[Any]], size: tuple[int, int]) -> tuple[float, ...]:
    count = max(1, _NOISE_PIXELS // int(np.prod(galaxies.images.shape[2:])))
    evenly = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
    pixels = np.concatenate(list(_chunks(galaxies, evenly, size))).swapaxes(0, 1)
    pixels = pixels.reshape(len(pixels), -1)
    deviation = np.abs(pixels - np.median(pixels, axis=1, keepdims=True))
    mad = _MAD_TO_SIGMA * np.median(deviation, axis=1).astype(np.float64)
    std = pixels.std(axis=1, dtype=np.float64)
    # More than half of the pixels can be equal: 8-bit images with a black background, or simulations without noise.
    return tuple(_positive(np.where(mad > 0, mad, std)).tolist())


def _positive(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """A constant band has no scale; dividing it by 1 leaves it constant instead of NaN."""
    return np.where(scale > 0, scale, 1.0)


def _chunks(galaxies: GalaxySet, rows: NDArray[np.integer[Any]], size: tuple[int, int]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), _CHUNK):
        flux = _crop(galaxies.images[rows[start : start + _CHUNK]], size)
        if not np.isfinite(flux).all():
            raise InputError(
                f"Galaxy set {galaxies.name!r}: training images hold NaN or infinite pixels. Mask or replace those, or leave them out."
            )
        yield flux


def _crop(images: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """The central part, at most ``size``; of an odd difference the extra pixel falls off the far end."""
    height, width = images.shape[2:]
    top, left = max(0, (height - size[0]) // 2), max(0, (width - size[1]) // 2)
    # float64 pixels beyond float32's range become infinite here and are then refused in words.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(images[:, :, top : top + size[0], left : left + size[1]], np.float32)


def _pad(images: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    height, width = images.shape[2:]
    if (height, width) == tuple(size):
        return images
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return np.pad(images, ((0, 0), (0, 0), (top, size[0] - height - top), (left, size[1] - width - left)))


def _stretch(flux: NDArray[np.float32], stretch: str, softening: float, noise_scale: tuple[float, ...]) -> NDArray[np.float32]:
    if stretch == "linear":
        return flux
    unit = np.array([softening * scale for scale in noise_scale], np.float32)[:, None, None]
    stretched: NDArray[np.float32] = np.arcsinh(flux / unit)
    return stretched
