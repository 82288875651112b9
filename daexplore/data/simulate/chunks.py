"""One chunk of a simulation: a fixed number of galaxies whose randomness depends on the seed and the chunk's number alone."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.simulate.conditions import nanojansky, observe
from daexplore.data.simulate.presets import Preset
from daexplore.data.simulate.render import Renderer
from daexplore.data.simulate.scenes import mergers, non_mergers

__all__ = ["GALAXIES", "simulate_chunk"]

GALAXIES = 32
"""Galaxies in a chunk, half of them mergers."""


@lru_cache(maxsize=2)
def _renderer(preset: Preset) -> tuple[Renderer, NDArray[np.complex64]]:
    renderer = Renderer(preset.pixel_scale, preset.size)
    return renderer, renderer.transfer(preset.source)


def simulate_chunk(preset: Preset, seed: int, chunk: int) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, Any]]:
    """The galaxies of one chunk in both domains.

    Each pair of neighbouring galaxies is one merger and one non-merger in random order, so that any even number of leading galaxies is
    balanced.

    Returns:
        source and target images, each (galaxies * views, C, size, size) [nJy], and catalogue columns of that length.
    """
    rng = np.random.default_rng([seed, chunk, 0])
    renderer, transfer = _renderer(preset)
    half = GALAXIES // 2
    first = rng.integers(0, 2, half)
    label = np.stack([first, 1 - first], 1).ravel()
    images = np.empty((GALAXIES, preset.views, len(preset.bands), preset.size, preset.size), np.float32)
    columns: dict[str, Any] = {}
    for kind, draw in ((0, non_mergers), (1, mergers)):
        scene, drawn = draw(rng, half, preset.views, preset.particles)
        images[label == kind] = renderer.images(renderer.fourier(scene), transfer).reshape(half, *images.shape[1:])
        for name, values in drawn.items():
            column = columns.setdefault(name, np.empty((GALAXIES, preset.views), values.dtype))
            column[label == kind] = values.reshape(half, preset.views)

    # Fluxes and colours within the frame are drawn apart from the contents: they cannot tell the classes apart.
    magnitude = rng.uniform(*preset.magnitudes, GALAXIES)
    colour = np.array([0.9, -0.2, 0.0]) + np.array([0.35, 0.25, 0.0]) * rng.standard_normal((GALAXIES, 3))
    totals = nanojansky(magnitude[:, None] + colour)[:, None, :, None, None]
    images *= (totals / images.sum((-2, -1), keepdims=True)).astype(np.float32)

    columns = {name: values.ravel() for name, values in columns.items()}
    columns["label"] = np.repeat(label, preset.views)
    columns["view"] = np.tile(np.arange(preset.views), GALAXIES)
    columns["magnitude"] = np.repeat(magnitude, preset.views)
    source = images.reshape(-1, *images.shape[2:])
    target = observe(source, preset.target, np.random.default_rng([seed, chunk, 1]))
    return observe(source, preset.source, np.random.default_rng([seed, chunk, 2])), target, columns
