"""How much wider the resamples of a domain probe must be for its training galaxies to count."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.analysis.metrics.classification import weighted_auc

__all__ = ["training_factor"]

Floats = NDArray[np.floating[Any]]
Moments = tuple[Floats, Floats, Floats]

MOST_DIMENSIONS = 64
"""Beyond which refitting takes too long, and the factor of domains that are alike is taken."""
_REFITS = 60


def training_factor(
    latents: Floats,
    domains: NDArray[Any],
    groups: NDArray[Any],
    fold: NDArray[np.int64],
    held_variance: float,
    shrinkage: float = 1e-3,
    seed: int = 0,
) -> float:
    """What to multiply the spread of a probe's resamples by.

    Resamples of held-out galaxies know nothing of the training galaxies. Where the domains are
    alike, each pair of folds enters twice, once each way, so the variance of the mean area is
    twice that of independent folds, and resamples give half of it. Resamples in which the probes
    are fitted again give too much there: a bootstrap of a degenerate statistic (Arcones & Gine
    1992, Annals of Statistics 20, 655). The mean of both variances is taken; where the domains
    differ, both agree. Coverage: docs/results/statistics.md.

    Args:
        latents: (n, D).
        domains: (n,) "source" or "target".
        groups: (n,) the galaxy each row shows.
        fold: (n,) which probe was fitted without that row.
        held_variance: of the resamples without refitting.
        shrinkage: of the probe.
        seed: of the resamples.
    """
    if not held_variance > 0:
        return 1.0
    if latents.shape[1] > MOST_DIMENSIONS:
        return float(np.sqrt(2))
    z = latents.astype(np.float64) - latents.mean(axis=0, dtype=np.float64)
    target = domains == "target"
    weights = group_weights(groups, _REFITS, seed)
    areas = [_area(z, target, fold, each, shrinkage) for each in weights]
    known = np.array([area for area in areas if np.isfinite(area)])
    refitted = float(known.var(ddof=1)) if len(known) > 2 else held_variance
    return float(np.sqrt(max((held_variance + refitted) / (2 * held_variance), 1.0)))


def _area(
    z: Floats, target: NDArray[np.bool_], fold: NDArray[np.int64], weights: Floats, ridge: float
) -> float:
    """Mean over folds of the area under the ROC curve, the probes fitted to the resample."""
    folds = range(int(fold.max()) + 1)
    parts = [
        [_moments(z[rows], weights[rows]) for number in folds for rows in [side & (fold == number)]]
        for side in (~target, target)
    ]
    areas = []
    for number in folds:
        found = []
        for side in parts:
            others = [part for each, part in enumerate(side) if each != number]
            mass, first, second = (sum(part[i] for part in others) for i in range(3))
            mean = first / np.maximum(mass, 1e-12)
            found.append((mean, second / np.maximum(mass, 1e-12) - np.outer(mean, mean)))
        covariance = (found[0][1] + found[1][1]) / 2
        floor = max(ridge * np.trace(covariance) / len(covariance), np.finfo(float).tiny)
        direction = np.linalg.solve(
            covariance + floor * np.eye(len(covariance)), found[1][0] - found[0][0]
        )
        held = fold == number
        areas.append(weighted_auc(target[held], z[held] @ direction, weights[None, held])[0])
    known = [area for area in areas if np.isfinite(area)]
    return float(np.mean(known)) if known else float("nan")


def _moments(z: Floats, weights: Floats) -> Moments:
    weighted = z * weights[:, None]
    return np.array(weights.sum()), weighted.sum(axis=0), weighted.T @ z
