"""Kolmogorov-Smirnov distance of one quantity between the domains, with intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["basic_bootstrap_interval", "ks_distances", "ks_interval", "medians", "permute_labels"]

Floats = NDArray[np.floating[Any]]


def ks_distances(
    values: Floats, target: NDArray[np.bool_], weights: Floats | None = None
) -> NDArray[np.float64]:
    """Largest difference of the two domains' cumulative distributions (Kolmogorov-Smirnov), for
    many weightings or labellings at once.

    Args:
        values: (n,), NaN where undefined; those count nowhere.
        target: (n,) or (R, n), which rows are the target's.
        weights: (R, n), by default 1 each.

    Returns:
        (R,), or (1,); NaN where a domain has no values.
    """
    known = np.isfinite(values)
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    if not len(order):
        return np.full(len(np.atleast_2d(target if weights is None else weights)), np.nan)
    last = np.flatnonzero(np.r_[np.diff(values[order]) != 0, True])
    side = np.atleast_2d(target)[:, order]
    weight = np.ones((1, len(order))) if weights is None else weights[:, order]
    ones, others = (np.cumsum(weight * part, axis=1) for part in (side, ~side))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.abs(ones[:, last] / ones[:, -1:] - others[:, last] / others[:, -1:]).max(axis=1)
        )


def medians(values: Floats, weights: Floats) -> NDArray[np.float64]:
    """Weighted medians.

    Args:
        values: (n,), NaN where undefined; those count nowhere.
        weights: (R, n).

    Returns:
        (R,); NaN where no value has weight.
    """
    order = np.argsort(values)[: int(np.isfinite(values).sum())]
    if not len(order):
        return np.full(len(weights), np.nan)
    grown = np.cumsum(weights[:, order], axis=1)
    low, high = (
        (grown >= share * grown[:, -1:] + tiny).argmax(axis=1)
        for share, tiny in ((0.5, 0.0), (0.5, 1e-9))
    )
    return np.where(grown[:, -1] > 0, (values[order][low] + values[order][high]) / 2, np.nan)


def permute_labels(
    target: NDArray[np.bool_], groups: NDArray[Any], times: int, seed: int = 0
) -> NDArray[np.bool_]:
    """The domains permuted as if they were one population: a permutation of galaxies, not of
    images.

    A galaxy that both domains show has its domains swapped or not; galaxies of one domain exchange
    their domains among each other.

    Args:
        target: (n,) which rows are the target's.
        groups: (n,) the galaxy each row shows.
        times: R.
        seed: of the draws.

    Returns:
        (R, n).
    """
    names, index = np.unique(groups.astype(str), return_inverse=True)
    share = np.bincount(index, target) / np.bincount(index)
    both = (share > 0) & (share < 1)
    rng = np.random.default_rng(seed)
    result = np.empty((times, len(target)), bool)
    single = np.flatnonzero(~both)
    for draw in range(times):
        swapped = rng.random(len(names)) < 0.5
        dealt = share.copy()
        dealt[single] = share[rng.permutation(single)]
        result[draw] = np.where(both[index], target ^ swapped[index], dealt[index] > 0.5)
    return result


def ks_interval(
    value: float, drawn: NDArray[np.float64], dealt: NDArray[np.float64]
) -> tuple[float, float]:
    """The 95% interval of a Kolmogorov-Smirnov distance: the basic bootstrap's, from 0 where chance
    alone explains the distance.

    Args:
        value: the distance.
        drawn: (R,) distances in resamples of galaxies.
        dealt: (R,) distances where the domains are permuted, see ``permute_labels``.
    """
    low, high = basic_bootstrap_interval(value, drawn, 0.0, 1.0)
    return (0.0 if value <= np.nanquantile(dealt, 0.95) else low), max(high, value)


def basic_bootstrap_interval(
    value: float, drawn: NDArray[np.float64], low: float = -np.inf, high: float = np.inf
) -> tuple[float, float]:
    """The 95% basic bootstrap interval (Davison & Hinkley 1997, sec. 5.2), within bounds.

    It takes off the bias that a resample has against its sample as the sample has it against the
    truth: a distance that noise can only make larger may then come down to 0.
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not np.isfinite(value):
        return float("nan"), float("nan")
    upper, lower = np.quantile(drawn, (0.975, 0.025))
    return float(np.clip(2 * value - upper, low, high)), float(
        np.clip(2 * value - lower, low, high)
    )
