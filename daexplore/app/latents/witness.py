"""Witness of the displayed galaxies, cached for all sessions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.latents.embeddings import change_token
from daexplore.app.latents.view import LatentView

__all__ = ["SAMPLE", "cached_witness", "compute_witness"]

SAMPLE = 2000
"""Galaxies per domain that represent it: their kernels with all galaxies are summed."""

_kept: LRUCache[NDArray[np.float64]] = LRUCache(32)


def cached_witness(scene: LatentView) -> NDArray[np.float64] | None:
    """(n,) of all galaxies of the scene's evaluation, NaN outside its split; None where it is not
    available.
    """
    return _kept.peek(_key(scene))


def compute_witness(scene: LatentView) -> NDArray[np.float64]:
    """Return the witness of all galaxies of the view's evaluation, (n,), and cache it."""
    return _kept.get(_key(scene), lambda: _witness(scene))


def _key(scene: LatentView) -> tuple[Any, ...]:
    split = str(scene.evaluation.split[scene.rows[0]]) if len(scene.rows) else ""
    return *change_token(scene.run, scene.evaluation.epoch), split


def _witness(scene: LatentView) -> NDArray[np.float64]:
    """With the run's own bandwidths, so that its difference of means is the run's MMD."""
    from daexplore.engine.distance.measures import Settings, choose_sides, witness_table
    from daexplore.kernels import SCALES

    found = scene.evaluation
    split = str(found.split[scene.rows[0]])
    settings = Settings(
        tuple(float(value) for value in scene.run.info.get("mmd_bandwidths") or SCALES),
        0,
        0,
        SAMPLE,
    )
    table = witness_table(scene.run, found, split, choose_sides(found, split, settings), settings)
    values: NDArray[np.float64] = (
        table["witness"].reindex(found.sample_ids.astype(str)).to_numpy(np.float64)
    )
    return values
