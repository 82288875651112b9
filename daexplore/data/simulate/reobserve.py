"""Simulated galaxies observed again under any survey condition."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.chunks import GALAXIES, Chunk, draw_chunk, observe_chunk
from daexplore.data.simulate.field_objects import with_field
from daexplore.data.simulate.presets import Preset, find_preset
from daexplore.data.simulate.redshift import redshifted
from daexplore.data.simulate.render import DOMAINS, renderer
from daexplore.data.simulate.samples import simulate_image
from daexplore.data.simulate.survey_conditions import SurveyCondition, observe
from daexplore.errors import InputError

__all__ = ["reobserve"]

_ID = re.compile(r"(?:.*/)?(source|target)/([A-Z])(\d+)-(\d+)")


def reobserve(
    preset: str,
    sample_ids: Sequence[str] | NDArray[np.object_],
    condition: SurveyCondition,
    seed: int = 0,
    noise_seed: int = 0,
) -> NDArray[np.float32]:
    """Simulated galaxies as another survey would have seen them.

    Under the condition of a preset's domain and with noise seed 0 the images are those of that
    domain, bit by bit; another noise seed is another exposure of the same field. Galaxies keep
    their own redshift unless the condition has one; those of presets whose domains share their
    galaxies are at their population's. Sizes, fluxes and colours at other redshifts and in other
    bands: see ``redshift.moved``.

    Args:
        preset: a key of ``PRESETS``.
        sample_ids: n ids of its galaxy sets.
        condition: the survey, such as ``PRESETS[preset].target.with_exposure(600.0)``.
        seed: with which the preset was simulated.
        noise_seed: which exposure.

    Returns:
        (n, C, size, size) images [nJy] in the condition's bands and pixels.

    Raises:
        InputError: an unknown preset, an id that is none of its galaxies, a seed below 0, or a
            condition that cannot be.
    """
    chosen = find_preset(preset)
    if min(seed, noise_seed) < 0:
        raise InputError(
            f"Seeds must be whole numbers of at least 0; got seed {seed} and noise_seed"
            f" {noise_seed}."
        )
    _check(condition)
    images = [
        _one(chosen, *_parsed(chosen, str(sample_id)), condition, seed, noise_seed)
        for sample_id in sample_ids
    ]
    shape = (0, len(condition.bands), chosen.size, chosen.size)
    return np.concatenate(images) if images else np.empty(shape, np.float32)


def _one(
    preset: Preset,
    domain: str,
    galaxy: int,
    view: int,
    condition: SurveyCondition,
    seed: int,
    noise_seed: int,
) -> NDArray[np.float32]:
    if preset.samples is not None:
        return simulate_image(preset, seed, domain, (galaxy, view), condition, noise_seed)
    number, within = divmod(galaxy, GALAXIES)
    row = within * preset.views + view
    if noise_seed == 0 and condition in (preset.source, preset.target):
        # noise was drawn for the whole chunk at once
        return _observed(preset, seed, number)[(preset.source, preset.target).index(condition)][
            row : row + 1
        ]
    chunk = _chunk(preset, seed, number)
    label = chunk.label[within]
    place = int((chunk.label[:within] == label).sum()) * preset.views + view
    scene = chunk.scenes[label].rows(place).scaled(chunk.factors[within, view])
    redshift = preset.population.redshift if condition.redshift is None else condition.redshift
    scene = redshifted(
        scene,
        preset.source.wavelengths,
        preset.population.redshift,
        condition.wavelengths,
        redshift,
    )
    stream = [seed, galaxy, view]
    scene = with_field(scene, condition, preset.size, np.random.default_rng([*stream, 1]))
    draw, transfer = renderer(replace(condition, exposure=None), preset.size, preset.smoothing)
    return observe(
        draw.images(draw.fourier(scene), transfer),
        condition,
        np.random.default_rng([*stream, 2, noise_seed]),
    )


@lru_cache(maxsize=8)
def _chunk(preset: Preset, seed: int, number: int) -> Chunk:
    return draw_chunk(preset, seed, number)


@lru_cache(maxsize=8)
def _observed(
    preset: Preset, seed: int, number: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return observe_chunk(preset, seed, number, _chunk(preset, seed, number))


def _parsed(preset: Preset, sample_id: str) -> tuple[str, int, int]:
    """Domain, galaxy number and view of an id."""
    match = _ID.fullmatch(sample_id)
    if match:
        domain, letter, galaxy, view = match[1], match[2], int(match[3]), int(match[4])
        sample = None if preset.samples is None else preset.samples[DOMAINS.index(domain)]
        letters, views = (
            ("G", preset.views)
            if sample is None
            else (sample.letter, sample.merger_views if galaxy % 2 else 1)
        )
        if letter == letters and view < views:
            return domain, galaxy, view
    example = (
        "source/G00012-1" if preset.samples is None else f"target/{preset.samples[1].letter}00012-0"
    )
    raise InputError(
        f"{sample_id!r} is no galaxy of the preset {preset.name!r}; its ids look like {example!r}."
    )


def _check(condition: SurveyCondition) -> None:
    for what, value in (
        ("exposure", condition.exposure),
        ("redshift", condition.redshift),
        ("pixel scale", condition.pixel_scale),
    ):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(
                f"The {what} of condition {condition.name!r} must be a positive number, got"
                f" {value}."
            )
    if not condition.bands:
        raise InputError(f"Condition {condition.name!r} has no bands; give it at least one.")
