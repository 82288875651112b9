"""Intervals of shares and areas that hold at the edges: no error seen, few calls, few mergers.

A bootstrap of a sample without errors has only resamples without errors: its interval would be a
point. Where fewer than ``FEWEST`` galaxies are of one kind, shares get the exact interval of
Clopper & Pearson (1934, Biometrika 26, 404) with galaxies as trials, and areas under the ROC curve
that of Newcombe (2006, Statistics in Medicine 25, 559, method 5).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "area_interval", "edge_intervals", "joined_interval", "share_interval"]

FEWEST = 20
"""Galaxies of one kind (right or wrong, called or not) below which a bootstrap says too little."""

Floats = NDArray[np.floating[Any]]
Pair = tuple[float, float]


def share_interval(share: float, trials: float, level: float = 0.95) -> Pair:
    """The exact interval of a binomial share; a part of a trial counts as that part.

    Args:
        share: observed, within 0 and 1.
        trials: how many independent ones, > 0: galaxies, not images.
        level: coverage, at least.

    Returns:
        Both ends; (NaN, NaN) without a trial.
    """
    from scipy.stats import beta

    if not trials > 0 or not np.isfinite(share):
        return float("nan"), float("nan")
    hits, tail = share * trials, (1 - level) / 2
    misses = trials - hits
    low = float(beta.ppf(tail, hits, misses + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, misses)) if misses > 0 else 1.0
    return low, high


def area_interval(area: float, positives: int, negatives: int, level: float = 0.95) -> Pair:
    """The score interval of an area under the ROC curve, which has a width at 1 too.

    The variance at an assumed area is that of Hanley & McNeil (1982, Radiology 143, 29) with both
    sample sizes replaced by their mean where they enter the covariances.

    Args:
        area: observed.
        positives: number of independent ones: galaxies, not images.
        negatives: number of galaxies of the other class.
        level: coverage.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if not np.isfinite(area) or min(positives, negatives) < 1:
        return float("nan"), float("nan")
    width = float(norm.ppf((1 + level) / 2))
    mean = (positives + negatives) / 2

    def beyond(assumed: float) -> float:
        spread = (mean - 1) * ((1 - assumed) / (2 - assumed) + assumed / (1 + assumed))
        variance = assumed * (1 - assumed) * (1 + spread) / (positives * negatives)
        return abs(area - assumed) - width * float(np.sqrt(variance))

    tiny = 1e-9
    inside = min(max(area, tiny), 1 - tiny)
    low = brentq(beyond, tiny, inside) if beyond(tiny) > 0 else 0.0
    high = brentq(beyond, inside, 1 - tiny) if beyond(1 - tiny) > 0 else 1.0
    return float(low), float(high)


def joined_interval(values: Floats, ends: Floats, weights: Floats) -> Pair:
    """The interval of a weighted sum of independent estimates from their own intervals (MOVER;
    Zou & Donner 2008, Statistics in Medicine 27, 1693).

    Args:
        values: (m,) estimates.
        ends: (m, 2) of their intervals.
        weights: (m,) >= 0.
    """
    value = float(weights @ values)
    below, above = (weights * (values - ends[:, 0])), (weights * (ends[:, 1] - values))
    return value - float(np.sqrt(below @ below)), value + float(np.sqrt(above @ above))


def edge_intervals(
    labels: NDArray[np.integer[Any]],
    probabilities: Floats,
    groups: NDArray[Any],
    level: float = 0.95,
    threshold: float = 0.5,
    names: Sequence[str] = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc"),
) -> dict[str, Pair]:
    """Intervals of those metrics whose sample is too thin for a bootstrap; others are left out.

    Args:
        labels: (n,) class indices, none missing.
        probabilities: (n, K).
        groups: (n,) the galaxy each row shows.
        level: coverage.
        threshold: for two classes.
        names: of ``classification.METRICS``, and "balanced_accuracy".

    Returns:
        Name -> both ends.
    """
    from daexplore.analysis.metrics.classification import auc

    count = probabilities.shape[1]
    called = (
        (probabilities[:, 1] > threshold).astype(np.int64)
        if count == 2
        else probabilities.argmax(axis=1)
    )
    present: list[int] = np.flatnonzero(np.bincount(labels, minlength=count)).tolist()
    shown = [1] if count == 2 else present
    galaxies = np.unique(groups, return_inverse=True)[1]
    truth = {number: labels == number for number in range(count)}
    calls = {number: called == number for number in range(count)}
    # The rows in which each share is counted, and those counted.
    parts = {
        "accuracy": [(np.ones(len(labels), bool), called == labels)],
        "balanced_accuracy": [(truth[k], calls[k]) for k in present],
        "recall": [(truth[k], calls[k]) for k in shown],
        "precision": [(calls[k], truth[k]) for k in shown],
        # F1 is 2 J / (1 + J) of the share J of rows called and true among those called or true.
        "f1": [(truth[k] | calls[k], truth[k] & calls[k]) for k in shown],
    }
    found = {}
    for name in names:
        if name == "auc":
            areas = [
                (auc(truth[k], probabilities[:, k]), _galaxies(galaxies, truth[k], ~truth[k]))
                for k in shown
            ]
            ends = _areas(areas, level)
        elif name in parts:
            ends = _shares(parts[name], galaxies, level, name == "f1")
        else:
            ends = None
        if ends is not None:
            found[name] = (float(max(ends[0], 0.0)), float(min(ends[1], 1.0)))
    return found


def _galaxies(galaxies: NDArray[np.int64], *masks: NDArray[np.bool_]) -> list[int]:
    return [int((np.bincount(galaxies[mask]) > 0).sum()) for mask in masks]


def _shares(
    parts: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    galaxies: NDArray[np.int64],
    level: float,
    dice: bool,
) -> Pair | None:
    """None where every share has enough galaxies of both kinds for a bootstrap."""
    values, ends, thin = [], [], False
    for where, hit in parts:
        total, hits, misses = _galaxies(galaxies, where, where & hit, where & ~hit)
        if not total:
            continue
        thin = thin or min(hits, misses) < FEWEST
        share = float(hit[where].mean())
        low, high = share_interval(share, float(total), level)
        if dice:
            share, low, high = (2 * each / (1 + each) for each in (share, low, high))
        values.append(share)
        ends.append((low, high))
    if not values or not thin:
        return None
    weights = np.full(len(values), 1 / len(values))
    return joined_interval(np.array(values), np.array(ends), weights)


def _areas(areas: list[tuple[float, list[int]]], level: float) -> Pair | None:
    """None where no class is small and no area near 1 or 0."""
    known = [(area, counts) for area, counts in areas if np.isfinite(area)]
    edge = [
        min(counts) * min(area, 1 - area) < FEWEST / 4 or min(counts) < FEWEST
        for area, counts in known
    ]
    if not any(edge):
        return None
    ends = np.array([area_interval(area, counts[0], counts[1], level) for area, counts in known])
    # The areas of several classes are of the same galaxies, so their errors are not independent.
    return float(ends[:, 0].mean()), float(ends[:, 1].mean())
