"""Samples of presets whose domains show different galaxies."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.field_objects import with_field
from daexplore.data.simulate.presets import Preset, Sample
from daexplore.data.simulate.redshift import luminosity_distance, redshifted
from daexplore.data.simulate.render import DOMAINS, Part, renderer
from daexplore.data.simulate.scenes import Scene, mergers, non_mergers
from daexplore.data.simulate.survey_conditions import SurveyCondition, nanojansky, observe

__all__ = ["Shot", "image_plan", "sample_parts", "simulate_image"]

Array = NDArray[np.floating]
Shot = tuple[int, int]
"""Galaxy number, odd for mergers, and view."""

_CHARACTERISTIC = -21.2  # Blanton et al. 2003, ApJ 592, 819, for h = 0.7
_FAINT_SLOPE = -1.05


def image_plan(sample: Sample, n: int) -> list[Shot]:
    """The first n images of a sample: classes in even proportion, all mergers from one side, then
    all from the next.
    """
    found = []
    for row in range(n):
        seen = int(row * sample.mergers)
        if int((row + 1) * sample.mergers) > seen:
            batch, within = divmod(seen, sample.merger_galaxies * sample.merger_views)
            view, galaxy = divmod(within, sample.merger_galaxies)
            found.append((2 * (batch * sample.merger_galaxies + galaxy) + 1, view))
        else:
            found.append((2 * (row - seen), 0))
    return found


def sample_parts(
    preset: Preset, seed: int, domain: str, rows: NDArray[np.int64], wanted: list[Shot]
) -> list[Part]:
    """The images of one domain that ``wanted`` names, for these rows of the set."""
    number = DOMAINS.index(domain)
    condition = (preset.source, preset.target)[number]
    images, columns = [], []
    for shot in wanted:
        images.append(simulate_image(preset, seed, domain, shot, condition))
        columns.append(_galaxy(preset, seed, number, shot[0]).columns(shot))
    table = {name: np.array([about[name] for about in columns]) for name in columns[0]}
    return [Part(domain, rows, np.concatenate(images), table)]


def simulate_image(
    preset: Preset,
    seed: int,
    domain: str,
    shot: Shot,
    condition: SurveyCondition,
    noise_seed: int = 0,
) -> NDArray[np.float32]:
    """(1, C, size, size) image [nJy] of one galaxy under any condition; what is in its field does
    not depend on ``noise_seed``.
    """
    number = DOMAINS.index(domain)
    stream = [seed, number, *shot]
    galaxy = _galaxy(preset, seed, number, shot[0])
    redshift = galaxy.redshift if condition.redshift is None else condition.redshift
    scene = redshifted(
        _calibrated(preset, seed, number, shot),
        preset.source.wavelengths,
        galaxy.sample.population.redshift,
        condition.wavelengths,
        redshift,
    )
    scene = with_field(scene, condition, preset.size, np.random.default_rng([*stream, 1]))
    draw, transfer = renderer(replace(condition, exposure=None), preset.size, preset.smoothing)
    image = draw.images(draw.fourier(scene), transfer)
    return observe(image, condition, np.random.default_rng([*stream, 2, noise_seed]))


@dataclass(frozen=True)
class _Galaxy:
    """A galaxy from all its sides at its population's redshift, in relative fluxes."""

    sample: Sample
    number: int
    scene: Scene
    drawn: dict[str, Any]
    totals: Array  # (C,) within the source's stamp at the population's redshift [nJy]
    absolute: float
    redshift: float

    def columns(self, shot: Shot) -> dict[str, Any]:
        about = {name: values[shot[1]] for name, values in self.drawn.items()}
        about |= {
            "absolute_magnitude": self.absolute,
            "redshift": self.redshift,
            "label": self.number % 2,
            "view": shot[1],
        }
        return about | {"galaxy": f"{self.sample.letter}{self.number:05d}"}


@lru_cache(maxsize=4)
def _galaxy(preset: Preset, seed: int, number: int, galaxy: int) -> _Galaxy:
    assert preset.samples is not None
    sample = preset.samples[number]
    rng = np.random.default_rng([seed, number, galaxy])
    kind, views = (mergers, sample.merger_views) if galaxy % 2 else (non_mergers, 1)
    scene, drawn = kind(rng, 1, views, preset.particles, sample.population)
    # Light and colours within the source's stamp are drawn apart from what a galaxy looks like:
    # they cannot distinguish the classes.
    absolute = _absolute_magnitude(rng, preset.magnitudes)
    typical, scatter = (np.array(values) for values in sample.population.colours.total)
    apparent = absolute + 5 * np.log10(luminosity_distance(sample.population.redshift)) + 25
    totals = nanojansky(apparent + typical + scatter * rng.standard_normal(3))
    low, high = sample.redshifts
    redshift = float((low**3 + rng.random() * (high**3 - low**3)) ** (1 / 3))
    return _Galaxy(sample, galaxy, scene, drawn, totals, absolute, redshift)


@lru_cache(maxsize=32)
def _calibrated(preset: Preset, seed: int, number: int, shot: Shot) -> Scene:
    """One view of a galaxy at its population's redshift [nJy]."""
    galaxy = _galaxy(preset, seed, number, shot[0])
    scene = galaxy.scene.rows(shot[1])
    draw, transfer = renderer(preset.source, preset.size, preset.smoothing)
    factor = galaxy.totals / draw.images(draw.fourier(scene), transfer).sum((2, 3))
    return scene.scaled(factor[0])


def _absolute_magnitude(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """A draw from the luminosity function of Schechter (1976, ApJ 203, 297) between the limits."""
    magnitude = np.linspace(*limits, 400)
    luminosity = 10 ** (-0.4 * (magnitude - _CHARACTERISTIC))
    cumulative = np.cumsum(luminosity ** (_FAINT_SLOPE + 1) * np.exp(-luminosity))
    return float(np.interp(rng.random() * cumulative[-1], cumulative, magnitude))
