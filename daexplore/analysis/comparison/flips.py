"""Predictions that change between two networks: fixed, broken and unchanged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Flips",
    "disagreement",
    "flips",
    "rank_agreement",
    "seed_disagreement",
    "seed_kappa",
    "seed_rank_agreement",
]

Classes = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Flips:
    """What becomes of labelled images from one method to another, over all pairs of their networks.

    Attributes:
        fixed: (pairs, n) wrong before, right after.
        broken: (pairs, n) right before, wrong after.
        right: (pairs, n) right both times.
        wrong: (pairs, n) wrong both times.
    """

    fixed: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


def flips(labels: Classes, before: Classes, after: Classes) -> Flips:
    """Each image of each pair of networks is fixed, broken, right both times or wrong both times.

    Args:
        labels: (n,) class indices, none missing.
        before: (S, n) predicted by the first method's networks, one row a seed.
        after: (T, n) by the second's.
    """
    first = np.repeat(before == labels, len(after), axis=0)
    second = np.tile(after == labels, (len(before), 1))
    return Flips(~first & second, first & ~second, first & second, ~first & ~second)


def disagreement(first: Classes, second: Classes) -> NDArray[np.float64]:
    """(n,) share of pairs of networks that call an image differently. Uses no labels.

    Args:
        first: (S, n) predicted classes.
        second: (T, n) as above.
    """
    return np.asarray((first[:, None] != second[None]).mean(axis=(0, 1)), np.float64)


def seed_disagreement(predicted: Classes) -> NDArray[np.float64]:
    """(n,) share of pairs of different seeds of one method that call an image differently; NaN with
    one seed. Uses no labels.

    The control for every comparison: what two trainings of the same method change. At least half of
    it is error, since of two networks that disagree at most one is right.

    Args:
        predicted: (S, n).
    """
    count = len(predicted)
    if count < 2:
        return np.full(predicted.shape[1], np.nan)
    return disagreement(predicted, predicted) * count / (count - 1)


def seed_kappa(predicted: Classes, weights: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Agreement of the seeds of one method beyond what their class shares give by chance, under R
    sets of weights. Uses no labels.

    ``1 - D / (1 - sum_k p_k^2)``: D the share of pairs of seeds that call an image differently, p_k
    that of class k among all calls (Fleiss 1971, Psychological Bulletin 76, 378, with seeds as
    raters). 1 is agreement throughout, 0 what chance gives.

    Args:
        predicted: (S, n) classes.
        weights: (R, n).

    Returns:
        (R,), NaN with one seed or where all calls are of one class.
    """
    total = weights.sum(axis=1)
    differ = weights @ seed_disagreement(predicted) / total
    shares = np.stack(
        [weights @ (predicted == kind).mean(axis=0) / total for kind in np.unique(predicted)]
    )
    chance = 1 - (shares**2).sum(axis=0)
    return np.asarray(
        1 - np.divide(differ, chance, out=np.full(len(weights), np.nan), where=chance > 1e-12)
    )


def rank_agreement(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> float:
    """Mean over pairs of networks of the rank correlation of their scores (Spearman 1904). Uses no
    labels.

    Args:
        first: (S, n) a score of each image, such as the probability of a class.
        second: (T, n) as above.
    """
    return float(np.mean(_ranked(first) @ _ranked(second).T))


def seed_rank_agreement(scores: NDArray[np.floating[Any]]) -> float:
    """As ``rank_agreement``, of different seeds of one method; NaN with one seed.

    Args:
        scores: (S, n).
    """
    count = len(scores)
    if count < 2:
        return float("nan")
    ranked = _ranked(scores)
    every = ranked @ ranked.T
    return float((every.sum() - np.trace(every)) / (count * (count - 1)))


def _ranked(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Ranks with mean 0 and length 1, ties sharing theirs; zeros where all are tied."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(scores, axis=1), np.float64)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.asarray(np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0))
