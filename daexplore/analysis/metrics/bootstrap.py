"""Bootstrap intervals of metrics that resample galaxies, not images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.classification import METRICS, reweighted_metrics, roc
from daexplore.analysis.metrics.intervals import FEWEST, edge_intervals, share_interval

__all__ = [
    "FEWEST_GROUPS",
    "RocBand",
    "group_weights",
    "metrics_with_intervals",
    "roc_band",
    "share_with_interval",
    "too_few",
]

Floats = NDArray[np.floating[Any]]

FEWEST_GROUPS = 5
"""Galaxies below which nothing can be said about an interval."""

_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class RocBand:
    """A ROC curve on a grid, with a pointwise interval of its true positive rate.

    Attributes:
        fpr: (points,) the grid.
        tpr: (points,) of the sample.
        low: (points,) lower end of the interval.
        high: (points,) upper end.
    """

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def group_weights(groups: NDArray[Any], resamples: int, seed: int = 0) -> NDArray[np.float64]:
    """How often each row occurs in each bootstrap resample of whole groups (cluster bootstrap;
    Davison & Hinkley 1997, sec. 3.8).

    Images of one galaxy are not independent: resampling images would make intervals too narrow.

    Args:
        groups: (n,) the galaxy each row shows.
        resamples: R.
        seed: of the draws.

    Returns:
        (R, n) counts; all rows of a group have the same one. Of one group they are all alike: see
        ``too_few``.
    """
    names, index = np.unique(groups, return_inverse=True)
    count = len(names)
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    drawn += count * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count)
    return times[:, index].astype(np.float64)


def too_few(groups: NDArray[Any]) -> bool:
    """Whether these are too few galaxies for an interval: resamples of one are all alike, and would
    say that its value is known exactly.
    """
    return len(np.unique(groups)) < FEWEST_GROUPS


def metrics_with_intervals(
    labels: NDArray[np.integer[Any]],
    probabilities: Floats,
    groups: NDArray[Any],
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
    threshold: float = 0.5,
    names: Sequence[str] = METRICS,
) -> dict[str, dict[str, float]]:
    """The values of ``classification_metrics``, each with a percentile interval of the group
    bootstrap, or an exact one where the bootstrap has too little to draw from
    (``intervals.edge_intervals``).

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        probabilities: (n, K).
        groups: (n,) the galaxy each row shows.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.
        threshold: for two classes.
        names: of ``METRICS``, those that are wanted.

    Returns:
        Name -> {"value", "low", "high", "n"}, n the number of labelled images. Resamples in which a
        metric is undefined (one class only) do not count; below ``FEWEST_GROUPS`` galaxies the ends
        of the Brier score are NaN.
    """
    known = labels >= 0
    labels, probabilities, groups = labels[known], probabilities[known], groups[known]

    def values_of(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return reweighted_metrics(labels, probabilities, weights, threshold, names)

    values = {name: float(found[0]) for name, found in values_of(np.ones((1, len(labels)))).items()}
    if not len(labels):
        return {
            name: {"value": value, "low": value, "high": value, "n": 0}
            for name, value in values.items()
        }
    exact = {
        name: {"low": low, "high": high}
        for name, (low, high) in edge_intervals(
            labels, probabilities, groups, level, threshold, names
        ).items()
    }
    if too_few(groups):
        nothing = {"low": float("nan"), "high": float("nan")}
        return {
            name: {"value": value} | exact.get(name, nothing) | {"n": len(labels)}
            for name, value in values.items()
        }
    weights = group_weights(groups, resamples, seed)
    # A few resamples at a time: of a million galaxies the steps in between would fill the memory.
    step = max(1, _AT_ONCE // len(labels))
    parts = [values_of(weights[start : start + step]) for start in range(0, len(weights), step)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return {
        name: {"value": value}
        | (exact.get(name) or _interval(drawn[name], value, level))
        | {"n": len(labels)}
        for name, value in values.items()
    }


def share_with_interval(
    values: NDArray[Any],
    groups: NDArray[Any],
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, float]:
    """The mean of values within 0 and 1, such as a share of images, with its interval.

    Args:
        values: (n,) bool, or numbers within 0 and 1.
        groups: (n,) the galaxy each row shows.
        resamples: of the group bootstrap.
        seed: of its draws.
        level: coverage of the interval: the bootstrap's, or the exact one where fewer than
            ``intervals.FEWEST`` galaxies are above 0 or below 1.

    Returns:
        {"value", "low", "high"}; NaN without a row.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        return dict.fromkeys(("value", "low", "high"), float("nan"))
    value = float(values.mean())
    galaxies = len(np.unique(groups))
    if min(len(np.unique(groups[each])) for each in (values > 0, values < 1)) < FEWEST:
        low, high = share_interval(value, float(galaxies), level)
        return {"value": value, "low": low, "high": high}
    weights = group_weights(groups, resamples, seed)
    return {"value": value} | _interval(weights @ values / weights.sum(axis=1), value, level)


def roc_band(
    labels: NDArray[np.integer[Any]] | NDArray[np.bool_],
    scores: Floats,
    groups: NDArray[Any],
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
    points: int = 101,
) -> RocBand:
    """The ROC curve on an even grid of false positive rates, with the group bootstrap's interval at
    each (vertical averaging).

    Args:
        labels: (n,) 1 or True for positives; negative numbers (missing) are left out.
        scores: (n,) higher for positives.
        groups: (n,) the galaxy each row shows.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage at each grid point.
        points: of the grid.

    Returns:
        The band; NaN if one class is absent.
    """
    known = labels >= 0
    labels, scores, groups = labels[known], scores[known], groups[known]
    grid = np.linspace(0, 1, points)
    curve = roc(labels, scores)
    if not np.isfinite(curve.auc):
        nothing = np.full(points, np.nan)
        return RocBand(grid, nothing, nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    if too_few(groups):
        nothing = np.full(points, np.nan)
        return RocBand(grid, np.interp(grid, curve.fpr, curve.tpr), nothing, nothing)
    weights = group_weights(groups, resamples, seed)[:, order]
    positive = labels[order] == 1
    true, false = (np.cumsum(weights * side, axis=1)[:, last] for side in (positive, ~positive))
    usable = np.flatnonzero((true[:, -1] > 0) & (false[:, -1] > 0))
    curves = np.stack(
        [
            np.interp(grid, np.r_[0, false[r]] / false[r, -1], np.r_[0, true[r]] / true[r, -1])
            for r in usable
        ]
    )
    low, high = np.quantile(curves, _tails(level), axis=0)
    return RocBand(grid, np.interp(grid, curve.fpr, curve.tpr), low, high)


def _interval(drawn: NDArray[np.float64], value: float, level: float) -> dict[str, float]:
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(value):
        return {"low": float("nan"), "high": float("nan")}
    low, high = np.quantile(drawn, _tails(level))
    return {"low": float(low), "high": float(high)}


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]
