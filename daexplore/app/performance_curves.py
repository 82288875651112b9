"""ROC and precision-recall curves of the runs on screen, with bands, and where they stand at a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.cache import Memo
from daexplore.app.performance_data import RESAMPLES, Subject
from daexplore.views.style import DOMAINS

__all__ = ["Ranking", "areas", "bands", "points", "rankings", "thinned"]

Floats = NDArray[np.floating[Any]]

_cache: Memo["Ranking | None"] = Memo(128)
_GRID = np.linspace(0.01, 1, 100)
_STEPS = 600  # Finer than a figure's pixels.


@dataclass(frozen=True, eq=False)
class Ranking:
    """How one run's score of being of the pair's second class ranks a domain's labelled galaxies.

    Attributes:
        n: images counted.
        positive: share of them that are of the second class: the precision of calling at random.
        fpr: (m + 1,) false positive rate, rising; a point for each distinct score.
        tpr: (m + 1,) true positive rate, which is the recall.
        precision: (m + 1,) 1 at the first point, where nothing is called yet.
        thresholds: (m + 1,) falling, the first infinite.
        areas: "auc" and "ap", each with "value", "low", "high", "n".
        roc_band: columns fpr, low, high.
        precision_band: columns recall, low, high.
    """

    n: int
    positive: float
    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    precision: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    areas: dict[str, dict[str, float]]
    roc_band: pd.DataFrame
    precision_band: pd.DataFrame

    def at(self, threshold: float) -> dict[str, float]:
        """The rates of the decision ``score > threshold``: fpr, tpr, precision (NaN where nothing is called)."""
        place = max(int(np.searchsorted(-self.thresholds, -threshold, side="left")) - 1, 0)
        precision = float(self.precision[place]) if place else float("nan")
        return {"fpr": float(self.fpr[place]), "tpr": float(self.tpr[place]), "precision": precision}


def rankings(found: Sequence[Subject], split: str, pair: tuple[int, int] = (0, 1)) -> dict[tuple[str, str], Ranking]:
    """By (run, domain), the source's first; left out where a class is missing. For more than two classes only those of the pair count."""
    result = {}
    for domain in DOMAINS:
        for subject in found:
            ranking = _cache.get((*subject.key, domain, split, pair), partial(_ranking, subject, domain, split, pair))
            if ranking is not None:
                result[subject.name, domain] = ranking
    return result


def _ranking(subject: Subject, domain: str, split: str, pair: tuple[int, int]) -> Ranking | None:
    from daexplore.analysis.metrics.bootstrap import group_weights, roc_band
    from daexplore.analysis.metrics.classification import precisions, roc, weighted_auc

    found = subject.evaluation
    mask = subject.rows(domain, split) & np.isin(found.labels, pair)
    positive = found.labels[mask] == pair[1]
    if not positive.any() or positive.all():
        return None
    # Of two classes the very numbers that are compared with the threshold elsewhere: the last digit decides where they are equal.
    score = (found.probabilities[:, pair[1]] if len(subject.run.classes) == 2 else found.pair_probability(pair))[mask]
    groups = found.group_ids[mask]
    curve, band = roc(positive, score), roc_band(positive, score, groups, RESAMPLES)
    weights = group_weights(groups, RESAMPLES)
    precision, average = precisions(curve, int(positive.sum()), int((~positive).sum()))
    drawn, low, high = _precision_draws(positive, score, weights)
    return Ranking(
        n=int(mask.sum()),
        positive=float(positive.mean()),
        fpr=curve.fpr,
        tpr=curve.tpr,
        precision=precision,
        thresholds=curve.thresholds,
        areas={
            "auc": _entry(curve.auc, weighted_auc(positive, score, weights), len(score)),
            "ap": _entry(average, drawn, len(score)),
        },
        roc_band=pd.DataFrame({"fpr": band.fpr, "low": band.low, "high": band.high}),
        precision_band=pd.DataFrame({"recall": _GRID, "low": low, "high": high}),
    )


def _precision_draws(
    positive: NDArray[np.bool_], score: Floats, weights: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(R,) average precision of each reweighting, and a pointwise 95% interval of the precision on the grid of recalls.

    At a recall stands the precision of the smallest set that reaches it: between points of a precision-recall curve a straight line would
    promise too much (Davis & Goadrich 2006, ICML, 233), and the sum of these steps is the average precision.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    true, false = (np.cumsum(weights[:, order] * side[order], axis=1)[:, last] for side in (positive, ~positive))
    usable = (true[:, -1] > 0) & (false[:, -1] > 0)
    true, false = true[usable], false[usable]
    precision = true / np.maximum(true + false, 1)
    recall = true / true[:, -1:]
    average = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(axis=1)
    at = np.array([np.searchsorted(row, _GRID - 1e-9) for row in recall])
    low, high = np.quantile(np.take_along_axis(precision, at, axis=1), [0.025, 0.975], axis=0)
    return average, low, high


def _entry(value: float, drawn: NDArray[np.float64], n: int) -> dict[str, float]:
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high), "n": n}


def thinned(found: dict[tuple[str, str], Ranking], x: str, y: str) -> pd.DataFrame:
    """The curves as a figure draws them: columns run, domain, n, auc, ap, threshold and the two axes.

    Of points that fall on the same pixel the first and the last are kept: the line looks the same and the page stays light.
    """
    frames = []
    for (run, domain), ranking in found.items():
        at = pd.DataFrame({x: getattr(ranking, x), y: getattr(ranking, y), "threshold": ranking.thresholds})
        pixel = np.rint(at[[x, y]].to_numpy() * _STEPS)
        step = (np.diff(pixel, axis=0) != 0).any(axis=1)
        kept = at[np.r_[True, step] | np.r_[step, True]]
        named = {"run": run, "domain": domain, "n": ranking.n, **{name: area["value"] for name, area in ranking.areas.items()}}
        frames.append(kept.assign(**named))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", "domain", "n", "auc", "ap", x, y, "threshold"])


def bands(found: dict[tuple[str, str], Ranking], name: str) -> pd.DataFrame:
    """One of the bands, "roc_band" or "precision_band", of all curves, with columns run and domain."""
    frames = [getattr(ranking, name).assign(run=run, domain=domain) for (run, domain), ranking in found.items()]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", "domain", "low", "high"])


def areas(found: dict[tuple[str, str], Ranking], name: str) -> pd.DataFrame:
    """Areas under the curves, "auc" or "ap": columns run, domain, value, low, high, n."""
    rows = [{"run": run, "domain": domain, **ranking.areas[name]} for (run, domain), ranking in found.items()]
    return pd.DataFrame(rows, columns=["run", "domain", "value", "low", "high", "n"])


def points(found: dict[tuple[str, str], Ranking], threshold: float) -> pd.DataFrame:
    """Where each curve stands: columns run, domain, fpr, tpr, precision, threshold. A few microseconds a curve."""
    rows = [{"run": run, "domain": domain, **ranking.at(threshold), "threshold": threshold} for (run, domain), ranking in found.items()]
    return pd.DataFrame(rows, columns=["run", "domain", "fpr", "tpr", "precision", "threshold"])
