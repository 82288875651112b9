"""The galaxy a first visit opens with: one that adaptation carried across the decision boundary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import predicted_class
from daexplore.app.state import ExplorerState
from daexplore.utils.text import enumeration

__all__ = ["OpeningGalaxy", "opening_galaxy"]


@dataclass(frozen=True)
class OpeningGalaxy:
    """A galaxy, and how it was chosen, as a sentence for the page.

    Attributes:
        sample_id: its id.
        reason: says how many it was chosen from, and whether target labels were used.
    """

    sample_id: str
    galaxy_reason: str


def opening_galaxy(state: ExplorerState, scenes: list[LatentView]) -> OpeningGalaxy | None:
    """Of the target galaxies that the first run gets wrong and every other one right, the one that
    moved furthest; None without any.

    How far is the least change of its logit in any of the other runs, so that no single run
    decides. Without labels, those count that every other run calls differently; with one run, those
    nearest to its boundary.

    Args:
        state: split and threshold.
        scenes: of the runs on screen, of the same galaxies.
    """
    if not scenes:
        return None
    first, others = scenes[0], scenes[1:]
    found = first.evaluation
    rows = np.flatnonzero(found.mask("target", state.split))
    shared = [
        row
        for row in rows
        if all(scene.row_of(str(found.sample_ids[row])) is not None for scene in others)
    ]
    if not shared:
        return None
    rows = np.array(shared)
    logits = _logit(first.probability[rows])
    if not others:
        nearest = rows[np.argmin(np.abs(logits))]
        return OpeningGalaxy(
            str(found.sample_ids[nearest]),
            f"of {len(rows)} {state.split} target galaxies the nearest to the boundary",
        )
    labels = found.labels[rows]
    before = predicted_class(first, state.threshold)[rows]
    places = [
        np.array([scene.row_of(str(found.sample_ids[row])) for row in rows]) for scene in others
    ]
    after = np.stack(
        [
            predicted_class(scene, state.threshold)[place]
            for scene, place in zip(others, places, strict=True)
        ]
    )
    moved = np.stack(
        [
            _logit(scene.probability[place]) - logits
            for scene, place in zip(others, places, strict=True)
        ]
    )
    labelled = bool((labels >= 0).any())
    if labelled:
        chosen = (labels >= 0) & (before != labels) & (after == labels).all(axis=0)
        words = (
            f"target galaxies that {_name(first)} gets wrong and {_names(others)} right (oracle)"
        )
    else:
        chosen = (after != before).all(axis=0)
        words = f"target galaxies that {_names(others)} and {_name(first)} predict differently"
    if not chosen.any():
        return None
    least = np.where(chosen, np.abs(moved).min(axis=0), -np.inf)
    return OpeningGalaxy(
        str(found.sample_ids[rows[np.argmax(least)]]),
        f"of {int(chosen.sum())} {state.split} {words}, the one that moved furthest",
    )


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(inside / (1 - inside)))


def _name(scene: LatentView) -> str:
    return scene.label.partition(" · ")[0]


def _names(scenes: list[LatentView]) -> str:
    return enumeration(list(dict.fromkeys(_name(scene) for scene in scenes)))
