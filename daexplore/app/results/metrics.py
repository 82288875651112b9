"""Metrics of the selected runs at the displayed epoch and threshold."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.latents.embeddings import change_token
from daexplore.app.latents.view import LatentView
from daexplore.app.state import ExplorerState
from daexplore.domains import DOMAINS

__all__ = ["Score", "predicted_class", "scores"]


_RESAMPLES = 200
# Of so many galaxies intervals are narrow, and their ends need fewer resamples: a page is not to
# wait for a tenth of a per mille.
_FEWEST, _DRAWN = 50, 20_000_000
# What a threshold does not move is not computed again when it moves.
_RANKING, _CALLED = ("auc", "brier"), ("accuracy", "precision", "recall", "f1")
_cache: LRUCache[dict[str, dict[str, float]]] = LRUCache(512)


@dataclass(frozen=True)
class Score:
    """The metrics of one run on one domain, each with "value", "low", "high" and "n"; empty if
    there is nothing labelled to count.

    Attributes:
        run: its label.
        domain: "source" or "target"; the latter is the oracle's knowledge.
        n: labelled galaxies counted.
        metrics: name -> value and 95% interval.
    """

    run: str
    domain: str
    n: int
    metrics: dict[str, dict[str, float]]


def scores(
    state: ExplorerState, scenes: list[LatentView], sample_ids: frozenset[str] | None = None
) -> list[Score]:
    """Metrics with intervals, domain by domain and run by run.

    Args:
        state: threshold and split.
        scenes: of the runs on screen.
        sample_ids: only these galaxies; None takes all of the split.
    """
    found = []
    for domain in DOMAINS:
        for scene in scenes:
            mask = scene.evaluation.mask(domain, state.split) & (scene.evaluation.labels >= 0)
            if sample_ids is not None:
                mask &= scene.mask_of(sample_ids)
            metrics: dict[str, dict[str, float]] = {}
            for names, threshold in (
                ((_RANKING, None), (_CALLED, state.threshold)) if mask.any() else ()
            ):
                key = (
                    *change_token(scene.run, scene.evaluation.epoch),
                    domain,
                    state.split,
                    threshold,
                    sample_ids,
                )
                metrics |= _cache.get(key, partial(_metrics, scene, mask, names, threshold))
            found.append(Score(scene.label, domain, int(mask.sum()), metrics))
    return found


def _metrics(
    scene: LatentView, mask: NDArray[np.bool_], names: tuple[str, ...], threshold: float | None
) -> dict[str, dict[str, float]]:
    from daexplore.analysis.metrics.bootstrap import metrics_with_intervals

    found, at = scene.evaluation, 0.5 if threshold is None else threshold
    return metrics_with_intervals(
        found.labels[mask],
        found.probabilities[mask],
        found.group_ids[mask],
        resamples=int(np.clip(_DRAWN // max(int(mask.sum()), 1), _FEWEST, _RESAMPLES)),
        threshold=at,
        names=names,
    )


def predicted_class(scene: LatentView, threshold: float) -> NDArray[np.int64]:
    """(n,) the class each galaxy is called: by the threshold for two classes, the most probable one
    for more.
    """
    if len(scene.run.classes) == 2:
        return (scene.evaluation.probabilities[:, 1] > threshold).astype(np.int64)
    return scene.evaluation.predicted
