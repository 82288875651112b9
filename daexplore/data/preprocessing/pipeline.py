"""Preprocessing pipeline, fitted on the training split and recorded with the run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.config import DataConfig, from_dict, to_dict
from daexplore.data.bands import channel_order, chosen_bands, positions
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.common_format import CommonFormat
from daexplore.data.preprocessing.steps import (
    LEARNED,
    Asinh,
    Crop,
    ImageScale,
    Normalise,
    Percentile,
    SelectBands,
    Step,
    read_step,
    record_step,
)
from daexplore.domains import DOMAINS
from daexplore.errors import InputError

__all__ = ["DomainSteps", "Preprocess"]

_FORMAT = 2
_CHUNK = 256
_SAMPLE_PIXELS = 4_000_000


@dataclass(frozen=True)
class DomainSteps:
    """What is done to the images of one domain.

    Attributes:
        bands: names of the channels of images as they come, in their order.
        steps: taken one after the other.
    """

    bands: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def fitted_steps(self) -> tuple[Step, ...]:
        """The steps with statistics of training images: stretch and normalisation."""
        return tuple(step for step in self.steps if isinstance(step, LEARNED))

    @property
    def used(self) -> tuple[str, ...]:
        """The set's names of the channels that the network sees, in its order."""
        order = next(
            (step.order for step in self.steps if isinstance(step, SelectBands)),
            range(len(self.bands)),
        )
        return tuple(self.bands[channel] for channel in order)

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """All steps, one after the other, on (n, C, H, W)."""
        for step in self.steps:
            images = step.apply(images)
        return images


@dataclass(frozen=True)
class Preprocess:
    """The recorded steps of both domains.

    In this order, those that are needed: bands chosen and matched, units, background, PSF, pixel
    scale, crop; then, learned from the training images, stretch and normalisation. The former
    follow from the set's metadata: ``for_galaxy_set`` finds them for any other set.

    Attributes:
        standard: what images of any set are brought to.
        source: steps of the source.
        target: steps of the target; its mean and standard deviation are its own, or the source's.
    """

    standard: CommonFormat
    source: DomainSteps
    target: DomainSteps

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what comes out [pixel]."""
        return self.standard.size

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the channels that come out."""
        return self.standard.bands

    @staticmethod
    def fit(
        config: DataConfig,
        source: GalaxySet,
        source_rows: NDArray[np.integer[Any]],
        target: GalaxySet,
        target_rows: NDArray[np.integer[Any]],
    ) -> "Preprocess":
        """Learn the statistics from the given rows, the training split, and from no others; reads
        them in chunks.

        Noise scale and percentiles come from evenly spaced images with 4 million pixels a band in
        all: they need them in memory at once.

        Args:
            config: which steps, whose statistics.
            source: the labelled domain.
            source_rows: its training rows.
            target: the other domain.
            target_rows: its training rows.

        Raises:
            InputError: mixed bands, no rows, settings that cannot be or that need what a set does
                not say, pixels that are not finite.
        """
        _check(config)
        standard = CommonFormat.of(config, source)
        domains = {
            domain: (galaxies, rows, standard.steps(galaxies, domain))
            for domain, galaxies, rows in (
                ("source", source, source_rows),
                ("target", target, target_rows),
            )
        }
        shared = (
            None
            if config.stretch_scale == "domain"
            else _stretch(config, *domains[config.stretch_scale])
        )
        fitted = []
        for domain, (galaxies, rows, steps) in domains.items():
            own = config.normalise != "source" or domain == "source"
            fitted.append(
                DomainSteps(
                    galaxies.bands, (*steps, *_learn(config, galaxies, rows, steps, own, shared))
                )
            )
        if config.normalise == "source":
            fitted[1] = replace(fitted[1], steps=(*fitted[1].steps, fitted[0].steps[-1]))
        return Preprocess(standard, *fitted)

    def apply(self, images: NDArray[Any], domain: str) -> NDArray[np.float32]:
        """What the network sees of the images.

        Args:
            images: (n, C, height, width) of any real type, with the channels, units and pixel scale
                of the domain's set.
            domain: whose steps to take, "source" or "target".

        Returns:
            (n, len(bands), *size), C-contiguous and new.

        Raises:
            InputError: another number of channels, or pixels that are not finite.
        """
        steps = self._of(domain)
        channels = len(steps.bands)
        if images.ndim != 4 or images.shape[1] != channels:
            raise InputError(
                f"Expected images of shape (n, {channels}, height, width), as in the training; got"
                f" {images.shape}."
            )
        # float64 pixels beyond float32's range become infinite and are then refused in words, as is
        # what comes of NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            chunks = [
                steps.apply(images[start : start + _CHUNK])
                for start in range(0, max(1, len(images)), _CHUNK)
            ]
            result = np.ascontiguousarray(chunks[0] if len(chunks) == 1 else np.concatenate(chunks))
            # One sum tells whether all pixels are finite; only then is it worth looking for which
            # are not.
            total = result.sum(dtype=np.float64)
        if not np.isfinite(total):
            bad = ~np.isfinite(result).all(axis=(1, 2, 3))
            raise InputError(
                f"{int(bad.sum())} of {len(images)} {domain} images hold NaN or infinite pixels,"
                f" first number {np.argmax(bad)}. `daexplore ingest` interpolates such pixels, or"
                " rejects the images."
            )
        return result

    def for_galaxy_set(
        self,
        domain: str,
        galaxies: GalaxySet,
        statistics: str | None = None,
        order: tuple[int, ...] | None = None,
    ) -> "Preprocess":
        """The same for another set: its images are brought to the same standard, then treated with
        the same statistics.

        Args:
            domain: whose steps become those of the set, "source" or "target".
            galaxies: the set.
            statistics: whose statistics it is treated with; None takes the domain's own.
            order: number of the set's channel for each of the network's; None matches them as the
                training did.

        Raises:
            InputError: mixed bands, or the set does not say what its images must be brought to the
                standard with.
        """
        new = DomainSteps(
            galaxies.bands,
            self.standard.steps(galaxies, domain, order)
            + self._of(statistics or domain).fitted_steps,
        )
        return replace(self, source=new) if domain == "source" else replace(self, target=new)

    def for_sets(self, source: GalaxySet, target: GalaxySet, config: DataConfig) -> "Preprocess":
        """The same for two new sets, each with the statistics of its domain.

        Bands of the new source that the network knows by name take their own places; bands of
        another survey take the network's places in their order. The new target is matched with the
        new source.

        Args:
            source: the new source.
            target: the new target.
            config: which bands of the source are used, and whether the target's are matched by name
                or position. Nothing else counts.

        Raises:
            InputError: as for ``for_galaxy_set``.
        """
        chosen = chosen_bands(source.bands, config.bands, f"The source {source.name!r}")
        known = {band.lower() for band in self.bands} <= {band.lower() for band in chosen}
        names = ("the source of the training", f"the source {source.name!r}")
        inputs = channel_order(
            chosen, self.bands, self.standard.channels, "name" if known else "position", names
        )
        names = (names[1], f"the target {target.name!r}")
        orders = (
            positions(chosen, source.bands),
            channel_order(target.bands, chosen, source.bands, config.match_bands, names),
        )
        ours, theirs = (tuple(order[number] for number in inputs) for order in orders)
        return self.for_galaxy_set("source", source, None, ours).for_galaxy_set(
            "target", target, None, theirs
        )

    def to_dict(self) -> dict[str, Any]:
        """The steps as JSON types; numbers survive JSON bit for bit."""
        domains = {
            domain: {
                "bands": list(steps.bands),
                "steps": [record_step(step) for step in steps.steps],
            }
            for domain, steps in (("source", self.source), ("target", self.target))
        }
        return {"format": _FORMAT, "standard": to_dict(self.standard), **domains}

    @staticmethod
    def from_dict(values: Any) -> "Preprocess":
        """The steps that ``to_dict`` wrote.

        Raises:
            InputError: something else.
        """
        if isinstance(values, dict) and "stretch" in values:
            return _of_format_1(values)
        expected = ("format", "standard", "source", "target")
        if (
            not isinstance(values, dict)
            or set(values) != set(expected)
            or values["format"] != _FORMAT
        ):
            found = ", ".join(map(str, values)) if isinstance(values, dict) else repr(values)
            raise InputError(
                f"preprocessing: expected format {_FORMAT} with {', '.join(expected)}; got {found}."
            )
        domains = []
        for domain in DOMAINS:
            recorded = values[domain]
            if not isinstance(recorded, dict) or set(recorded) != {"bands", "steps"}:
                raise InputError(
                    f"preprocessing.{domain}: expected bands and steps; got {recorded!r}."
                )
            steps = (
                read_step(step, f"preprocessing.{domain}.steps[{i}]")
                for i, step in enumerate(recorded["steps"])
            )
            domains.append(DomainSteps(tuple(recorded["bands"]), tuple(steps)))
        return Preprocess(
            from_dict(CommonFormat, values["standard"], "preprocessing.standard"), *domains
        )

    def _of(self, domain: str) -> DomainSteps:
        return {"source": self.source, "target": self.target}[domain]


def _check(config: DataConfig) -> None:
    if not config.softening > 0:
        raise InputError(
            f"softening must be positive, in units of the noise scale; got {config.softening}."
        )
    low, high = config.percentiles
    if not 0 <= low < high <= 100:
        raise InputError(
            "percentiles must be two numbers from 0 to 100, the lower one first; got"
            f" {config.percentiles}."
        )


def _learn(
    config: DataConfig,
    galaxies: GalaxySet,
    rows: NDArray[np.integer[Any]],
    steps: tuple[Step, ...],
    normalise: bool,
    shared: Asinh | Percentile | None,
) -> Iterator[Step]:
    """The stretch, if there is one, and the normalisation, if asked for."""
    if len(rows) == 0:
        raise InputError(
            f"Galaxy set {galaxies.name!r} has no training images to learn the normalisation from."
        )
    stretch = shared or _stretch(config, galaxies, rows, steps)
    if stretch:
        yield stretch
    if normalise and config.normalise == "image":
        yield ImageScale()
    elif normalise:
        yield Normalise.fit(
            stretch.apply(flux) if stretch else flux for flux in _chunks(galaxies, rows, steps)
        )


def _stretch(
    config: DataConfig, galaxies: GalaxySet, rows: NDArray[np.integer[Any]], steps: tuple[Step, ...]
) -> Asinh | Percentile | None:
    if config.stretch == "linear" or len(rows) == 0:
        return None
    pixels = _pixels(galaxies, rows, steps)
    return (
        Asinh.fit(pixels, config.softening)
        if config.stretch == "asinh"
        else Percentile.fit(pixels, config.percentiles)
    )


def _pixels(
    galaxies: GalaxySet, rows: NDArray[np.integer[Any]], steps: tuple[Step, ...]
) -> NDArray[np.float32]:
    """(C, m) pixels of evenly spaced images."""
    count = max(1, _SAMPLE_PIXELS // int(np.prod(galaxies.images.shape[2:])))
    evenly = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
    pixels = np.concatenate(list(_chunks(galaxies, evenly, steps))).swapaxes(0, 1)
    return pixels.reshape(len(pixels), -1)


def _chunks(
    galaxies: GalaxySet, rows: NDArray[np.integer[Any]], steps: tuple[Step, ...]
) -> Iterator[NDArray[np.float32]]:
    """Images of the rows after the given steps, without padding."""
    for start in range(0, len(rows), _CHUNK):
        flux = galaxies.images[rows[start : start + _CHUNK]]
        with np.errstate(over="ignore", invalid="ignore"):
            for step in steps:
                flux = step.inside(flux) if isinstance(step, Crop) else step.apply(flux)
        if not np.isfinite(flux).all():
            raise InputError(
                f"Galaxy set {galaxies.name!r}: training images hold NaN or infinite pixels. "
                "`daexplore ingest` interpolates such pixels, or rejects the images."
            )
        yield flux


def _of_format_1(values: dict[str, Any]) -> Preprocess:
    """Run written before bands, units, sky, PSF and scale were looked after: crop, asinh,
    normalise.
    """
    try:
        domains = []
        for domain in DOMAINS:
            mean, std, noise_scale = (
                tuple(values[domain][key]) for key in ("mean", "std", "noise_scale")
            )
            bands = tuple(f"channel {channel}" for channel in range(len(mean)))
            stretch = (
                (Asinh(values["softening"], noise_scale),) if values["stretch"] == "asinh" else ()
            )
            domains.append(
                DomainSteps(bands, (Crop(tuple(values["size"])), *stretch, Normalise(mean, std)))
            )
        return Preprocess(CommonFormat(bands, bands, tuple(values["size"])), *domains)
    except (KeyError, TypeError) as error:
        raise InputError(f"preprocessing: this run's steps cannot be read: {error!r}.") from error
