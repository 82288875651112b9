"""Chunk of a simulation; its randomness depends on seed and chunk number alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.presets import Preset
from daexplore.data.simulate.render import DOMAINS, Part, renderer
from daexplore.data.simulate.scenes import Scene, mergers, non_mergers
from daexplore.data.simulate.survey_conditions import nanojansky, observe

__all__ = ["GALAXIES", "Chunk", "chunk_parts", "draw_chunk", "observe_chunk"]

GALAXIES = 32
"""Galaxies in a chunk, half of them mergers."""


@dataclass(frozen=True)
class Chunk:
    """The galaxies of a chunk, before any noise.

    Attributes:
        label: (galaxies,) their classes.
        scenes: of the non-mergers and of the mergers, galaxy by galaxy and view by view, in
            relative fluxes.
        images: (galaxies, views, C, size, size) under the source's condition [nJy].
        factors: (galaxies, views, C) nJy of one unit of the scenes' fluxes.
        columns: of the catalogue, each (galaxies * views,).
    """

    label: NDArray[np.int64]
    scenes: tuple[Scene, Scene]
    images: NDArray[np.float32]
    factors: NDArray[np.float64]
    columns: dict[str, Any]


def draw_chunk(preset: Preset, seed: int, chunk: int) -> Chunk:
    """The galaxies of one chunk.

    Each pair of neighbouring galaxies is one merger and one non-merger in random order, so that any
    even number of leading galaxies is balanced.
    """
    rng = np.random.default_rng([seed, chunk, 0])
    draw, transfer = renderer(preset.source, preset.size, preset.smoothing)
    half = GALAXIES // 2
    first = rng.integers(0, 2, half)
    label = np.stack([first, 1 - first], 1).ravel()
    images = np.empty(
        (GALAXIES, preset.views, len(preset.bands), preset.size, preset.size), np.float32
    )
    columns: dict[str, Any] = {}
    scenes = []
    for kind, make in ((0, non_mergers), (1, mergers)):
        scene, drawn = make(rng, half, preset.views, preset.particles, preset.population)
        scenes.append(scene)
        images[label == kind] = draw.images(draw.fourier(scene), transfer).reshape(
            half, *images.shape[1:]
        )
        for name, values in drawn.items():
            column = columns.setdefault(name, np.empty((GALAXIES, preset.views), values.dtype))
            column[label == kind] = values.reshape(half, preset.views)

    # Fluxes and colours within the frame are drawn apart from the contents: they cannot tell the
    # classes apart.
    magnitude = rng.uniform(*preset.magnitudes, GALAXIES)
    typical, scatter = (np.array(values) for values in preset.population.colours.total)
    colour = typical + scatter * rng.standard_normal((GALAXIES, 3))
    totals = nanojansky(magnitude[:, None] + colour)[:, None, :, None, None]
    factors = totals / images.sum((-2, -1), keepdims=True)
    images *= factors.astype(np.float32)

    columns = {name: values.ravel() for name, values in columns.items()}
    columns["label"] = np.repeat(label, preset.views)
    columns["view"] = np.tile(np.arange(preset.views), GALAXIES)
    columns["magnitude"] = np.repeat(magnitude, preset.views)
    return Chunk(label, (scenes[0], scenes[1]), images, factors[..., 0, 0], columns)


def observe_chunk(
    preset: Preset, seed: int, number: int, chunk: Chunk
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The chunk as source and target show it, each (galaxies * views, C, size, size) [nJy]."""
    images = chunk.images.reshape(-1, *chunk.images.shape[2:])
    target = observe(images, preset.target, np.random.default_rng([seed, number, 1]))
    return observe(images, preset.source, np.random.default_rng([seed, number, 2])), target


def chunk_parts(preset: Preset, seed: int, number: int, n: int) -> list[Part]:
    """The images of one chunk in both domains, as far as they are among the first n."""
    chunk = draw_chunk(preset, seed, number)
    start = number * GALAXIES * preset.views
    rows = np.arange(start, min(start + GALAXIES * preset.views, n))
    columns = chunk.columns | {
        "galaxy": np.array(
            [
                f"G{row // preset.views:05d}"
                for row in range(start, start + len(chunk.columns["view"]))
            ]
        )
    }
    shown = {name: values[: len(rows)] for name, values in columns.items()}
    observed = observe_chunk(preset, seed, number, chunk)
    return [
        Part(domain, rows, images[: len(rows)], shown)
        for domain, images in zip(DOMAINS, observed, strict=True)
    ]
