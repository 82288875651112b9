"""Common format of two sets: bands, units, sky, PSF, pixel scale and size."""

import math
from dataclasses import dataclass
from typing import Literal

from daexplore.config import DataConfig
from daexplore.data.bands import channel_order, chosen_bands, positions
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.preprocessing.steps import (
    Background,
    Crop,
    PsfMatch,
    Resample,
    SelectBands,
    Step,
    Units,
)
from daexplore.data.preprocessing.steps.psf import kernel_sigma
from daexplore.data.preprocessing.steps.resample import resampled_length
from daexplore.errors import InputError

__all__ = ["CommonFormat"]

_BORDER = 0.1
_SAME_SCALE = 1e-6


@dataclass(frozen=True)
class CommonFormat:
    """The form that all images have in common, from which follows what must be done to those of a
    certain set.

    Attributes:
        bands: of the network's input, in its order, as the source of the training spells them.
        channels: all bands of that source, by whose order channels without names are matched.
        size: height and width [pixel].
        match_bands: "name" or "position", see ``DataConfig``, as are the others.
        units: "native" or "nanojansky".
        background: "none" or "border".
        pixel_scale: [arcsec / pixel], None where each set keeps its own.
        psf_fwhm: [arcsec], None where each set keeps its own.
    """

    bands: tuple[str, ...]
    channels: tuple[str, ...]
    size: tuple[int, int]
    match_bands: Literal["name", "position"] = "name"
    units: Literal["native", "nanojansky"] = "native"
    background: Literal["none", "border"] = "none"
    pixel_scale: float | None = None
    psf_fwhm: float | None = None

    @staticmethod
    def of(config: DataConfig, source: GalaxySet) -> "CommonFormat":
        """What a config asks for; bands, and where it declares none the size, are those of the
        source.

        Raises:
            InputError: settings that cannot be.
        """
        for name, value in (("pixel_scale", config.pixel_scale), ("psf_fwhm", config.psf_fwhm)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} must be positive [arcsec], got {value}.")
        if config.size is not None and config.size < 1:
            raise InputError(f"size must be at least 1 pixel, got {config.size}.")
        height, width = source.images.shape[2:]
        if config.size is not None:
            height = width = config.size
        elif config.pixel_scale is not None:
            ratio = config.pixel_scale / _known_scale(source, "source")
            height, width = (resampled_length(n, ratio) for n in (height, width))
        return CommonFormat(
            chosen_bands(source.bands, config.bands, f"The source {source.name!r}"),
            source.bands,
            (int(height), int(width)),
            config.match_bands,
            config.units,
            config.background,
            config.pixel_scale,
            config.psf_fwhm,
        )

    def steps(
        self, galaxies: GalaxySet, domain: str, order: tuple[int, ...] | None = None
    ) -> tuple[Step, ...]:
        """What must be done to the images of a set, in this order; what needs no doing is not
        there, and ``Crop`` is always the last.

        Args:
            galaxies: the set.
            domain: what to call it in messages.
            order: number of the set's channel for each of the network's; None matches them.

        Raises:
            InputError: mixed bands, or the set does not know its flux unit, pixel scale or PSF
                where it is needed, or its PSF is too broad.
        """
        if order is None:
            order = self.order(galaxies, domain)
        steps: list[Step] = []
        if order != tuple(range(len(galaxies.bands))):
            steps.append(SelectBands(order))
        if self.units == "nanojansky":
            steps.append(_units(galaxies, domain, order))
        if self.background == "border":
            steps.append(Background(max(1, round(_BORDER * min(galaxies.images.shape[2:])))))
        if self.psf_fwhm is not None:
            blur = _blur(galaxies, domain, order, self.psf_fwhm)
            steps += [blur] if any(blur.sigma) else []
        if self.pixel_scale is not None:
            ratio = self.pixel_scale / _known_scale(galaxies, domain)
            for n in galaxies.images.shape[2:]:
                resampled_length(n, ratio)
            steps += [Resample(ratio)] if abs(ratio - 1) > _SAME_SCALE else []
        return (*steps, Crop(self.size))

    def order(self, galaxies: GalaxySet, domain: str) -> tuple[int, ...]:
        """Number of the set's channel for each of the network's.

        Raises:
            InputError: mixed bands.
        """
        if galaxies.bands == self.channels:
            return positions(self.bands, self.channels)
        names = ("the source of the training", f"the {domain} {galaxies.name!r}")
        return channel_order(galaxies.bands, self.bands, self.channels, self.match_bands, names)


def _units(galaxies: GalaxySet, domain: str, order: tuple[int, ...]) -> Units:
    if galaxies.flux_scale is None:
        raise InputError(
            f"data.units=nanojansky needs to know what the pixels of the {domain} {galaxies.name!r}"
            " mean, and neither its files nor the settings say it. Declare an AB zero point for"
            f" each band (data.{domain}_read.zero_points), or set data.units=native."
        )
    return Units(tuple(galaxies.flux_scale[channel] for channel in order))


def _known_scale(galaxies: GalaxySet, domain: str) -> float:
    if galaxies.pixel_scale is None:
        raise InputError(
            f"A common pixel scale or PSF needs the pixel scale of the {domain} {galaxies.name!r},"
            " and neither its files nor the settings say it. Declare it"
            f" (data.{domain}_read.pixel_scale, in arcsec), or leave data.pixel_scale and"
            " data.psf_fwhm out."
        )
    return galaxies.pixel_scale


def _blur(galaxies: GalaxySet, domain: str, order: tuple[int, ...], wanted: float) -> PsfMatch:
    if galaxies.psf_fwhm is None:
        raise InputError(
            f"data.psf_fwhm={wanted} needs the PSF of the {domain} {galaxies.name!r}, which is not"
            " known. Declare its full width at half maximum in each band"
            f" (data.{domain}_read.psf_fwhm, in arcsec), or leave data.psf_fwhm out."
        )
    own, scale = [galaxies.psf_fwhm[channel] for channel in order], _known_scale(galaxies, domain)
    sigma = tuple(kernel_sigma(width, wanted, scale) for width in own)
    broad = [channel for channel, width in zip(order, sigma, strict=True) if math.isnan(width)]
    if broad:
        raise InputError(
            f"The PSF of the {domain} {galaxies.name!r} in {galaxies.bands[broad[0]]} is"
            f' {galaxies.psf_fwhm[broad[0]]:.4g}" wide, broader than data.psf_fwhm={wanted}".'
            f" Images can be blurred but not sharpened: choose at least {max(own):.4g}."
        )
    return PsfMatch(sigma)
