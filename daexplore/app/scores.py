"""How good the runs on screen are at the epoch and threshold shown: for all galaxies asked for, or for the outlined ones."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from daexplore.app.cache import Memo
from daexplore.app.coordinates import margin_plane, stamp
from daexplore.app.glossary import term
from daexplore.app.scene import Scene
from daexplore.app.state import ExplorerState

__all__ = ["Score", "called", "headline", "scores"]

_RESAMPLES = 200
# Of so many galaxies intervals are narrow, and their ends need fewer resamples: a page is not to wait for a tenth of a per mille.
_FEWEST, _DRAWN = 50, 20_000_000
# What a threshold does not move is not computed again when it moves.
_RANKING, _CALLED = ("auc", "brier"), ("accuracy", "precision", "recall", "f1")
_cache: Memo[dict[str, dict[str, float]]] = Memo(512)


@dataclass(frozen=True)
class Score:
    """The metrics of one run on one domain, each with "value", "low", "high" and "n"; empty if there is nothing labelled to count.

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


def scores(state: ExplorerState, scenes: list[Scene], sample_ids: frozenset[str] | None = None) -> list[Score]:
    """Metrics with intervals, domain by domain and run by run.

    Args:
        state: threshold and split.
        scenes: of the runs on screen.
        sample_ids: only these galaxies; None takes all of the split.
    """
    found = []
    for domain in ("source", "target"):
        for scene in scenes:
            mask = scene.evaluation.where(domain, state.split) & (scene.evaluation.labels >= 0)
            if sample_ids is not None:
                mask &= scene.mask_of(sample_ids)
            metrics: dict[str, dict[str, float]] = {}
            for names, threshold in ((_RANKING, None), (_CALLED, state.threshold)) if mask.any() else ():
                key = (*stamp(scene.run, scene.evaluation.epoch), domain, state.split, threshold, sample_ids)
                metrics |= _cache.get(key, partial(_metrics, scene, mask, names, threshold))
            found.append(Score(scene.label, domain, int(mask.sum()), metrics))
    return found


def _metrics(scene: Scene, mask: NDArray[np.bool_], names: tuple[str, ...], threshold: float | None) -> dict[str, dict[str, float]]:
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


def headline(state: ExplorerState, scenes: list[Scene], noise: tuple[float, int] | None = None) -> str:
    """The comparison in one sentence, as markup: the first run against each of the others, on target galaxies.

    Args:
        state: threshold and split.
        scenes: of the runs on screen.
        noise: how many galaxies change hands between two seeds of one method, and over how many pairs of seeds that is a mean.
    """
    if not scenes:
        return ""
    target = {score.run: score for score in scores(state, scenes) if score.domain == "target"}
    first = scenes[0]
    mask = first.evaluation.where("target", state.split)
    n, galaxies = int(mask.sum()), len(set(first.evaluation.group_ids[mask]))
    parts = []
    labelled = [score for score in target.values() if score.metrics]
    if labelled:
        values = [_percent(target[scene.label].metrics.get("accuracy"), interval=i > 0) for i, scene in enumerate(scenes)]
        parts.append(f"{term('accuracy')} " + _arrow(scenes, values))
    else:
        parts.append("accuracy unknown, since the target has no labels")
    aucs = [margin_plane(scene.run, scene.evaluation.epoch, scene.pair).probe_auc for scene in scenes]
    parts.append(f"{term('domain probe AUC')} " + _arrow(scenes, [f"<b>{auc:.2f}</b>" if np.isfinite(auc) else "–" for auc in aucs]))
    if labelled and len(scenes) > 1:
        flips = []
        for scene in scenes[1:]:
            fixed, broken = _flips(first, scene, state)
            flips.append(f"{_name(scene, scenes)} <b>{fixed}</b> fixed, <b>{broken}</b> broken")
        parts.append("; ".join(flips) + _noise(noise))
    held = "held-out" if state.split == "test" else "validation"
    oracle = ", oracle" if labelled else ""
    count = str(n) if not labelled or labelled[0].n == n else f"the {labelled[0].n} labelled ones of {n}"
    what = f"{held} target galaxies" if galaxies == n else f"images of {galaxies} {held} target galaxies"
    return f"On {count} {what} <small>({state.split} split{oracle})</small> {'; '.join(parts)}."


def _noise(noise: tuple[float, int] | None) -> str:
    if noise is None:
        return ""
    pairs = "one pair" if noise[1] == 1 else f"{noise[1]} pairs"
    title = f"Galaxies that change hands between two seeds of one method, in the mean over {pairs} of finished runs on these galaxies"
    return f" <small title='{title}'>({term('seed noise', f'another seed alone: {noise[0]:.0f}')})</small>"


def _arrow(scenes: list[Scene], values: list[str]) -> str:
    named = [f"{_name(scene, scenes)} {value}" for scene, value in zip(scenes, values, strict=True)]
    return named[0] if len(named) == 1 else f"{named[0]} → {', '.join(named[1:])}"


def _name(scene: Scene, scenes: list[Scene]) -> str:
    method = scene.label.partition(" · ")[0]
    methods = [each.label.partition(" · ")[0] for each in scenes]
    return method if methods.count(method) == 1 else scene.label


def _percent(entry: dict[str, float] | None, interval: bool) -> str:
    if entry is None or not np.isfinite(entry["value"]):
        return "–"
    text = f"<b>{100 * entry['value']:.1f}%</b>"
    return f"{text} <small>[{100 * entry['low']:.1f}, {100 * entry['high']:.1f}]</small>" if interval else text


def _flips(first: Scene, second: Scene, state: ExplorerState) -> tuple[int, int]:
    """Target galaxies that ``second`` gets right and ``first`` does not, and the other way round."""
    before, after = (_right(scene, state) for scene in (first, second))
    common = before.keys() & after.keys()
    fixed = sum(after[key] and not before[key] for key in common)
    broken = sum(before[key] and not after[key] for key in common)
    return fixed, broken


def _right(scene: Scene, state: ExplorerState) -> dict[str, bool]:
    found = scene.evaluation
    mask = found.where("target", state.split) & (found.labels >= 0)
    right = called(scene, state.threshold)[mask] == found.labels[mask]
    return dict(zip(found.sample_ids[mask].tolist(), right.tolist(), strict=True))


def called(scene: Scene, threshold: float) -> NDArray[np.int64]:
    """(n,) the class each galaxy is called: by the threshold for two classes, the most probable one for more."""
    if len(scene.run.classes) == 2:
        return (scene.evaluation.probabilities[:, 1] > threshold).astype(np.int64)
    return scene.evaluation.predicted
