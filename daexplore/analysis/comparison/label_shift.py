"""Class shares of the target without its labels: BBSE and EM."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.errors import InputError

__all__ = ["ClassShares", "bbse", "em_prior", "predicted_shares"]

Floats = NDArray[np.floating[Any]]
Classes = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ClassShares:
    """Shares of the classes among the target's galaxies.

    Attributes:
        shares: (K,) they sum to 1.
        low: (K,) lower ends of the intervals, over galaxies of both domains; NaN where undefined.
        high: (K,) upper ends.
        draws: (R, K) the estimate in each resample of galaxies; NaN where undefined.
        possible: whether some mixture of the classes, as the source shows them, could give what the
            network predicts for the target; if not, the estimate sits on the edge and the domains
            differ in more than their shares.
    """

    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    draws: NDArray[np.float64]
    possible: bool = True


def predicted_shares(
    predicted: Classes,
    classes: int,
    groups: NDArray[Any] | None = None,
    resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> ClassShares:
    """How often each class is called: not an estimate of the shares, but what a catalogue made with
    this network would hold.

    Args:
        predicted: (n,) classes.
        classes: K.
        groups: (n,) the galaxy each row shows; by default each its own.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.
    """
    called = (predicted[:, None] == np.arange(classes)).astype(np.float64)
    weights = group_weights(_groups(groups, len(predicted)), resamples, seed)
    drawn = weights @ called / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    return _shares(called.mean(axis=0), drawn, level)


def bbse(
    source_labels: Classes,
    source_predicted: Classes,
    target_predicted: Classes,
    classes: int,
    source_groups: NDArray[Any] | None = None,
    target_groups: NDArray[Any] | None = None,
    resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> ClassShares:
    """Black-box shift estimation: the shares that, with the source's confusions, give the classes
    called on the target.

    Solves ``C q = mu`` with ``C_ij = P(predicted i | class j)`` on labelled source galaxies that
    the network has not learned from and ``mu_i`` the share predicted i on the target (Lipton, Wang
    & Smola 2018, ICML, arXiv:1802.03916, sec. 4: the same system in terms of the weights ``q_j /
    p_j``). Exact for a pure change of shares, p(x | y) being the same in both domains; noise or
    blur break that, and the better an alignment has matched each class, the nearer it comes to
    holding. Negative shares are set to 0 and the rest scaled to 1.

    Args:
        source_labels: (n,) of validation galaxies; negative ones (missing) are left out.
        source_predicted: (n,) what the network calls them.
        target_predicted: (m,) what it calls the target's.
        classes: K.
        source_groups: (n,) the galaxy each row shows; by default each its own. A galaxy in both
            domains is drawn in both at once.
        target_groups: (m,) as above.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.

    Raises:
        InputError: a class without labelled source galaxies, or no target galaxies.
    """
    known = source_labels >= 0
    labels, called = source_labels[known], source_predicted[known]
    _check_classes(labels, classes, len(target_predicted))
    weights, target_weights = _joint_weights(
        source_groups, known, target_groups, len(target_predicted), resamples, seed
    )
    # (R, i, j): the weight of galaxies of class j called i.
    counts = np.stack(
        [
            [weights @ ((called == i) & (labels == j)) for j in range(classes)]
            for i in range(classes)
        ]
    ).transpose(2, 0, 1)
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    mu = (
        target_weights
        @ (target_predicted[:, None] == np.arange(classes))
        / np.maximum(target_weights.sum(axis=1, keepdims=True), 1e-12)
    )
    singular = np.flatnonzero(np.abs(np.linalg.det(rates)) < 1e-6)
    rates[singular] = np.eye(classes)
    raw = np.linalg.solve(rates, mu[:, :, None])[:, :, 0]
    raw[singular] = np.nan
    drawn = np.clip(raw, 0, None)
    drawn = drawn / drawn.sum(axis=1, keepdims=True)
    # Impossible beyond doubt only if the bootstrap agrees.
    outside = np.atleast_1d((raw < 0).any(axis=1))
    possible = not (bool(outside[0]) and float(outside[1:].mean()) > level)
    return _shares(drawn[0], drawn[1:], level, possible)


def em_prior(
    target_probabilities: Floats,
    source_shares: Floats,
    target_groups: NDArray[Any] | None = None,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
    tolerance: float = 1e-6,
    steps: int = 500,
) -> ClassShares:
    """The shares of greatest likelihood given calibrated probabilities, by expectation
    maximisation.

    ``q_k <- mean_x [ q_k / p_k * p(k | x) / sum_l q_l / p_l * p(l | x) ]`` (Saerens, Latinne &
    Decaestecker 2002, Neural Computation 14, 21, eq. 2.9). Needs probabilities that are calibrated
    on the source (Alexandari, Kundaje & Shrikumar 2020, ICML), and, like BBSE, that only the shares
    differ between the domains. The interval is over the target's galaxies alone.

    Args:
        target_probabilities: (m, K).
        source_shares: (K,) the shares for which the probabilities hold: those of the training
            galaxies; equal if classes were balanced.
        target_groups: (m,) the galaxy each row shows; by default each its own.
        resamples: of the bootstrap.
        seed: of its draws.
        level: coverage of the intervals.
        tolerance: the iteration ends when no share moves by more.
        steps: or after so many.

    Raises:
        InputError: a class that the source lacks, or no target galaxies.
    """
    if not len(target_probabilities) or (source_shares <= 0).any():
        raise InputError(
            "EM needs target galaxies and every class in the source; got"
            f" {len(target_probabilities)} and {source_shares}."
        )
    weights = np.vstack(
        [
            np.ones(len(target_probabilities)),
            group_weights(_groups(target_groups, len(target_probabilities)), resamples, seed),
        ]
    )
    total = np.maximum(weights.sum(axis=1), 1e-12)
    likelihood = target_probabilities.astype(np.float64) / source_shares
    q = np.tile(np.asarray(source_shares, np.float64) / np.sum(source_shares), (len(weights), 1))
    for _ in range(steps):
        evidence = np.maximum(q @ likelihood.T, 1e-300)
        new = q * ((weights / evidence) @ likelihood) / total[:, None]
        moved = float(np.abs(new - q).max())
        q = new
        if moved < tolerance:
            break
    return _shares(q[0] / q[0].sum(), q[1:], level)


def _groups(groups: NDArray[Any] | None, count: int) -> NDArray[Any]:
    return np.arange(count) if groups is None else groups


def _check_classes(labels: Classes, classes: int, target: int) -> None:
    absent = sorted(set(range(classes)) - set(labels.tolist()))
    if absent:
        raise InputError(
            f"No labelled source validation galaxy is of class {absent[0]}: the target's shares"
            " cannot be estimated from them."
        )
    if not target:
        raise InputError("There are no target galaxies whose shares could be estimated.")


def _joint_weights(
    source_groups: NDArray[Any] | None,
    known: NDArray[np.bool_],
    target_groups: NDArray[Any] | None,
    target: int,
    resamples: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(1 + R, n) and (1 + R, m): first every row once, then resamples of galaxies, drawn once for
    both domains where both name them.
    """
    count = int(known.sum())
    if source_groups is None or target_groups is None:
        names = np.arange(count + target)
        if source_groups is not None:
            names[:count] = np.unique(source_groups[known], return_inverse=True)[1]
        if target_groups is not None:
            names[count:] = count + np.unique(target_groups, return_inverse=True)[1]
    else:
        names = np.concatenate([source_groups[known].astype(str), target_groups.astype(str)])
    weights = np.vstack([np.ones(count + target), group_weights(names, resamples, seed)])
    return weights[:, :count], weights[:, count:]


def _shares(
    shares: NDArray[np.float64], drawn: NDArray[np.float64], level: float, possible: bool = True
) -> ClassShares:
    known = drawn[np.isfinite(drawn).all(axis=1)]
    if not len(known) or not np.isfinite(shares).all():
        nothing = np.full(len(shares), np.nan)
        return ClassShares(shares, nothing, nothing, drawn, possible)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ClassShares(shares, low, high, drawn, possible)
