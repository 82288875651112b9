"""Agreement of saliency maps across outcomes and networks, with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.analysis.saliency.maps import iou
from daexplore.errors import InputError

__all__ = [
    "OUTCOMES",
    "Agreement",
    "OutcomeMap",
    "agreement",
    "chance_iou",
    "mean_by_outcome",
    "mean_interval",
    "other_galaxies",
    "outcomes",
    "rank_correlation",
]

OUTCOMES = ("TP", "FP", "TN", "FN")
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class OutcomeMap:
    """The mean saliency map of the galaxies with one outcome.

    Attributes:
        outcome: of ``OUTCOMES``.
        mean: (rows, cols) mean over the galaxies; NaN if there are none.
        n: maps in the mean.
        blank: of them, those that are zero everywhere: no evidence for the class.
    """

    outcome: str
    mean: NDArray[np.float64]
    n: int
    blank: int


@dataclass(frozen=True)
class Agreement:
    """A mean over galaxies with a percentile interval of the group bootstrap.

    Attributes:
        value: the mean; NaN without galaxies.
        low: lower end of the interval.
        high: upper end.
        n: maps that count.
        blank: maps that do not: one of the two points nowhere.
    """

    value: float
    low: float
    high: float
    n: int
    blank: int


def outcomes(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], positive: int = 1
) -> NDArray[np.object_]:
    """(n,) "TP", "FP", "TN" or "FN" of one class against all others; "" where the label is missing
    (negative).

    Args:
        labels: (n,) class indices; those of the target make the result an oracle's.
        predicted: (n,) class indices.
        positive: the class that counts as positive.
    """
    true, called = labels == positive, predicted == positive
    found = np.where(called, np.where(true, "TP", "FP"), np.where(true, "FN", "TN"))
    return np.where(labels < 0, "", found).astype(object)


def mean_by_outcome(
    maps: Floats, outcome: NDArray[np.object_], shares: bool = False
) -> dict[str, OutcomeMap]:
    """The mean map of each outcome.

    Args:
        maps: (n, rows, cols) >= 0.
        outcome: (n,) as ``outcomes`` gives them.
        shares: divide each map by its sum first, so that strong maps do not outweigh weak ones;
            blank maps are then left out of the mean.

    Returns:
        One entry for each of ``OUTCOMES``, in their order.
    """
    sums = maps.sum(axis=(1, 2), dtype=np.float64)
    found = {}
    for name in OUTCOMES:
        chosen = outcome == name
        blank = int((chosen & (sums == 0)).sum())
        if shares:
            chosen &= sums > 0
        kept = maps[chosen].astype(np.float64)
        if shares:
            kept /= sums[chosen, None, None]
        mean = kept.mean(axis=0) if len(kept) else np.full(maps.shape[1:], np.nan)
        found[name] = OutcomeMap(name, mean, int(chosen.sum()), blank)
    return found


def rank_correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Spearman's rank correlation of the cells of two maps (Adebayo et al. 2018, arXiv:1810.03292,
    sec. 3.1), with mean ranks for ties.

    Args:
        a: (n, rows, cols).
        b: the same shape.

    Returns:
        (n,) from -1 to 1; NaN where a map is constant, since it then has no order.
    """
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, b)]
    x, y = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.where(lengths > 0, (x * y).sum(axis=1) / np.where(lengths > 0, lengths, 1.0), np.nan)


def mean_interval(
    values: Floats, groups: NDArray[Any], resamples: int = 400, seed: int = 0, level: float = 0.95
) -> Agreement:
    """The mean of finite values, with an interval that resamples galaxies.

    Args:
        values: (n,) or (draws, n), such as the pairs of networks a galaxy was compared in: all
            draws of a galaxy come and go together.
        groups: (n,) the galaxy each map shows.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the interval.
    """
    table = np.atleast_2d(values)
    if table.shape[1] != len(groups):
        raise InputError(
            f"Expected one group for each of the {table.shape[1]} values, got {len(groups)}."
        )
    finite = np.isfinite(table)
    count, total = finite.sum(axis=0), np.where(finite, table, 0.0).sum(axis=0)
    n, blank = int((count > 0).sum()), int((count == 0).sum())
    if not n:
        return Agreement(float("nan"), float("nan"), float("nan"), 0, blank)
    weights = group_weights(groups, resamples, seed)
    drawn = weights @ count
    means = (weights @ total)[drawn > 0] / drawn[drawn > 0]
    if not len(means):
        return Agreement(float(total.sum() / count.sum()), float("nan"), float("nan"), n, blank)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Agreement(float(total.sum() / count.sum()), float(low), float(high), n, blank)


def agreement(
    pairs: list[tuple[Floats, Floats]],
    groups: NDArray[Any],
    fraction: float = 0.2,
    resamples: int = 400,
    seed: int = 0,
) -> tuple[Agreement, Agreement]:
    """How far networks agree on where the evidence is, beside what any two galaxies have in
    common.

    Most galaxies are at their stamp's centre: maps of different galaxies overlap too. What counts
    is how far the first exceeds the second.

    Args:
        pairs: maps (n, rows, cols) of the same n galaxies by two networks, one entry a pair of
            networks.
        groups: (n,) the galaxy each map shows.
        fraction: see ``iou``.
        resamples: of the bootstrap.
        seed: of its draws and of the exchange.

    Returns:
        Mean IoU of the same galaxy's maps, and of one network's map with the other's of another
        galaxy.
    """
    other = other_galaxies(groups, seed)
    same = np.stack([iou(a, b, fraction) for a, b in pairs])
    mixed = np.stack([np.where(other < 0, np.nan, iou(a, b[other], fraction)) for a, b in pairs])
    return mean_interval(same, groups, resamples, seed), mean_interval(
        mixed, groups, resamples, seed
    )


def chance_iou(cells: int, fraction: float = 0.2) -> float:
    """Expected ``iou`` of two masks that know nothing of each other: their overlap is
    hypergeometric.

    Args:
        cells: of a map.
        fraction: see ``iou``.
    """
    from scipy.stats import hypergeom

    large = max(1, round(fraction * cells))
    overlap = np.arange(large + 1)
    return float(
        (hypergeom(cells, large, large).pmf(overlap) * overlap / (2 * large - overlap)).sum()
    )


def other_galaxies(groups: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """(n,) for each row one of another galaxy, the rows exchanged among themselves; -1 where only
    its own galaxy is left.
    """
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    # Groups side by side in a random order: a shift by the largest group's size then pairs
    # different galaxies, unless one galaxy makes up half the sample.
    order = np.argsort(np.random.default_rng(seed).permutation(len(names))[index], kind="stable")
    other = np.empty(len(groups), np.int64)
    other[order] = np.roll(order, -int(counts.max(initial=0)))
    return np.where(groups[other] == groups, -1, other)
