"""Perturbed images of one galaxy: simulated again, or degraded if it is real."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate import Preset, SurveyCondition, reobserve
from daexplore.engine.perturbations import DIALS, broadened, dial_steps, exposure_of, relative_noise
from daexplore.errors import InputError

__all__ = [
    "WHATIF_DIALS",
    "Position",
    "Simulation",
    "Subject",
    "coarsened",
    "positions",
    "regridded",
    "remark",
]

Array = NDArray[Any]

WHATIF_DIALS = {
    "psf": DIALS["psf"].unit,
    "depth": DIALS["depth"].unit,
    "pixel": "side of a pixel, in units of the survey's",
    "redshift": "redshift",
}
"""Unit of each dial."""

_PIXELS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
_FARTHER = (0.6, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5)
_SEEDS = 1000  # seeds of the draws of one choice of noise


@dataclass(frozen=True)
class Simulation:
    """Where a simulated galaxy comes from.

    Attributes:
        preset: whose galaxy it is.
        condition: the survey that recorded it.
        seed: with which the preset was simulated.
        redshift: of the galaxy; None if it is not known.
    """

    preset: Preset
    condition: SurveyCondition
    seed: int
    redshift: float | None


@dataclass(frozen=True, eq=False)
class Subject:
    """A galaxy as it was recorded.

    Attributes:
        sample_id: its id.
        domain: "source" or "target".
        image: (1, C, H, W).
        bands: C names.
        pixel_scale: [arcsec / pixel], None if it is not known.
        simulation: None for a real image.
        noise: (C,) sky noise of each domain; needed for real images only.
    """

    sample_id: str
    domain: str
    image: Array
    bands: tuple[str, ...]
    pixel_scale: float | None
    simulation: Simulation | None
    noise: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Position:
    """One position of the dial.

    Attributes:
        level: in the dial's unit.
        original: whether this is what the survey recorded.
        how: "recorded", "observed again" or "degraded".
        note: the level in other words.
        random: whether there is noise to draw; without it every draw is the same.
        image: from the seed of the noise to the image (1, C, H, W).
    """

    level: float
    original: bool
    how: str
    note: str
    random: bool
    image: Callable[[int], Array]

    def draws(self, count: int, seed: int) -> Array:
        """(count or 1, C, H, W); at the original position the first draw is the recorded image,
        whatever the seed.
        """
        numbers = range(count if self.random else 1)
        return np.concatenate(
            [
                self.image(-1 if self.original and draw == 0 else seed * _SEEDS + draw)
                for draw in numbers
            ]
        )


def positions(subject: Subject, dial: str) -> list[Position]:
    """All positions of a dial, by their level; the original one is among them.

    Raises:
        InputError: an unknown dial, or one that cannot be turned for this galaxy.
    """
    if dial not in WHATIF_DIALS:
        raise InputError(f"The dial must be one of {', '.join(WHATIF_DIALS)}; got {dial!r}.")
    found = (
        _degraded(subject, dial)
        if subject.simulation is None
        else _observed(subject, subject.simulation, dial)
    )
    return sorted(found, key=lambda position: position.level)


def remark(subject: Subject, dial: str) -> str:
    """What turning the dial means for this galaxy, and what it cannot do, in words."""
    if subject.simulation is None:
        return f"Real image: it is degraded, not observed again. {_REAL[dial]}"
    field = subject.simulation.condition.field is not None and dial == "pixel"
    drawn = (
        " Other objects in its field are drawn again, since the stamp spans more sky."
        if field
        else ""
    )
    return (
        "Simulated galaxy: the simulator observes it again at each position."
        f" {_SIMULATED[dial]}{drawn}"
    )


_REAL = {
    "psf": (
        "Blurred by a Gaussian, and given back the sky noise that blurring takes away. It cannot be"
        " made sharper."
    ),
    "depth": (
        "Noise is added to what the image has. A real image cannot be made deeper: positions below"
        " its own noise are left out."
    ),
    "pixel": (
        "Light is averaged over coarser pixels and drawn back on the survey's grid; as if the sky"
        " dominated, no noise is added. Finer pixels cannot be made."
    ),
    "redshift": "A real galaxy cannot be moved to another redshift.",
}
_SIMULATED = {
    "psf": (
        "Its point spread function is convolved with a Gaussian; sharper than the survey's own is"
        " not offered."
    ),
    "depth": "The exposure is the one that gives this noise, down to none at all.",
    "pixel": (
        "The camera has coarser pixels, noise and read-out included, and the light is shared out"
        " over the survey's grid. Finer pixels are not offered: the simulator's stamp would not"
        " cover the same sky."
    ),
    "redshift": (
        "Size, flux and rest-frame bands change, the galaxy does not evolve. Its spectrum is a"
        " power law between the bands and beyond the outermost, an approximation that grows with"
        " the distance moved."
    ),
}


def _observed(subject: Subject, simulation: Simulation, dial: str) -> list[Position]:
    own, target = simulation.condition, simulation.preset.target

    def observing(condition: SurveyCondition, ratio: float = 1.0) -> Callable[[int], Array]:
        def image(seed: int) -> Array:
            observed = reobserve(
                simulation.preset.name, [subject.sample_id], condition, simulation.seed, seed
            )
            return observed if ratio == 1 else regridded(observed, ratio)

        return image

    def recorded(level: float, note: str) -> Position:
        again = observing(own)
        return Position(
            level,
            True,
            "recorded",
            note,
            own.exposure is not None,
            lambda seed: subject.image if seed < 0 else again(seed),
        )

    def reobserved(
        level: float, note: str, condition: SurveyCondition, ratio: float = 1.0
    ) -> Position:
        return Position(
            level,
            False,
            "observed again",
            note,
            condition.exposure is not None,
            observing(condition, ratio),
        )

    scale = own.pixel_scale
    if dial == "psf":
        levels = [level for level in DIALS["psf"].levels if level > 0]
        return [
            recorded(0.0, "as it is"),
            *(reobserved(v, f'+{v * scale:.2g}" FWHM', broadened(own, v * scale)) for v in levels),
        ]
    if dial == "pixel":
        levels = [level for level in _PIXELS if level > 1]
        moved = [
            reobserved(v, f'{v * scale:.2g}" a pixel', replace(own, pixel_scale=v * scale), v)
            for v in levels
        ]
        return [recorded(1.0, f'{scale:.2g}" a pixel'), *moved]
    if dial == "redshift":
        if simulation.redshift is None:
            raise InputError(
                f"The catalogue does not say the redshift of {subject.sample_id}, so that it cannot"
                " be moved to another."
            )
        wanted = [
            float(f"{factor * simulation.redshift:.3g}") for factor in _FARTHER if factor != 1
        ]
        return [
            recorded(simulation.redshift, "its own"),
            *(reobserved(z, "", replace(own, redshift=z)) for z in wanted),
        ]
    if target.exposure is None:
        raise InputError(
            f"The target of the preset {simulation.preset.name!r} has no exposure: there is no"
            " depth to measure in."
        )
    start = relative_noise(own, target)
    exposures = {
        v: exposure_of(own, target, v) for v in DIALS["depth"].levels if abs(v - start) > 1e-9
    }
    return [
        recorded(start, _exposed(own.exposure)),
        *(reobserved(v, _exposed(t), own.with_exposure(t)) for v, t in exposures.items()),
    ]


def _exposed(exposure: float | None) -> str:
    return (
        "no noise"
        if exposure is None
        else f"{exposure:.3g} s"
        if exposure < 1000
        else f"{exposure:.0f} s"
    )


def _degraded(subject: Subject, dial: str) -> list[Position]:
    if dial == "redshift":
        raise InputError(f"{_REAL['redshift']} This dial turns for simulated galaxies only.")
    scale, ids = subject.pixel_scale, np.array([subject.sample_id], object)
    if dial == "pixel":
        notes = {v: "" if scale is None else f'{v * scale:.2g}" a pixel' for v in _PIXELS}
        moved = [
            Position(v, False, "degraded", notes[v], False, _coarsening(subject, v))
            for v in _PIXELS
            if v > 1
        ]
        return [Position(1.0, True, "recorded", notes[1.0], False, lambda _: subject.image), *moved]

    def turned(number: int) -> Callable[[int], Array]:
        def image(seed: int) -> Array:
            return dial_steps(dial, subject.domain, {}, subject.noise, None, max(seed, 0))[
                number
            ].images(ids, subject.image)

        return image

    found = []
    noisy = dial == "depth" or bool(subject.noise[subject.domain].max() > 0)
    for number, step in enumerate(dial_steps(dial, subject.domain, {}, subject.noise)):
        note = (
            "as it is"
            if step.original
            else f'+{step.level * scale:.2g}" FWHM'
            if dial == "psf" and scale is not None
            else ""
        )
        how = "recorded" if step.original else "degraded"
        found.append(
            Position(
                step.level, step.original, how, note, noisy and not step.original, turned(number)
            )
        )
    return found


def _coarsening(subject: Subject, ratio: float) -> Callable[[int], Array]:
    return lambda _: coarsened(subject.image, ratio)


def regridded(images: Array, ratio: float) -> NDArray[np.float32]:
    """(n, C, H, W) coarse pixels' light shared out over pixels 1 / ratio as wide about the same
    centre; H x W of these are kept.

    Args:
        images: fluxes a pixel.
        ratio: side of a coarse pixel in fine ones, at least 1.
    """
    rows, columns = (_overlap(n, n, 1 / ratio) for n in images.shape[2:])
    return np.asarray(rows @ np.asarray(images, np.float64) @ columns.T, np.float32)


def coarsened(images: Array, ratio: float) -> NDArray[np.float32]:
    """(n, C, H, W) as pixels ``ratio`` times as wide would have averaged it, drawn on the same
    grid.

    The coarse grid has the same centre and covers the image; its pixels over the edge average what
    they cover.
    """

    def matrix(n: int) -> NDArray[np.float64]:
        coarse = math.ceil(n / ratio)
        gathered = _overlap(n, coarse, ratio)
        covered = gathered / gathered.sum(axis=1, keepdims=True)
        shared = _overlap(coarse, n, 1 / ratio)
        return np.asarray(shared / shared.sum(axis=1, keepdims=True) @ covered)

    rows, columns = (matrix(n) for n in images.shape[2:])
    return np.asarray(rows @ np.asarray(images, np.float64) @ columns.T, np.float32)


def _overlap(old: int, new: int, ratio: float) -> NDArray[np.float64]:
    """(new, old) the share of each old pixel within each new one, ``ratio`` times as wide, about
    the same centre.
    """
    edges = old / 2 + (np.arange(new + 1) - new / 2) * ratio
    left = np.arange(old)
    return np.asarray(
        np.maximum(np.minimum(edges[1:, None], left + 1) - np.maximum(edges[:-1, None], left), 0)
    )
