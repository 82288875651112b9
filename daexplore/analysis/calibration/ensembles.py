"""Ensembles of networks or of dropout passes: mean prediction and disagreement."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.classification import entropy
from daexplore.errors import InputError

__all__ = ["Ensemble", "combine_members"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Predictions of R members for n galaxies, combined.

    Attributes:
        probabilities: (n, K) mean over members (Lakshminarayanan et al. 2017, arXiv:1612.01474,
            sec. 2.4).
        spread: (n,) standard deviation over members (R - 1) of the probability of class 1, or for K
            > 2 of the class that is most probable in the mean; NaN for a single member.
        entropy: (n,) of the mean [nat]: all of the uncertainty.
        expected_entropy: (n,) mean of the members' entropies [nat]: the uncertainty each member
            admits.
        mutual_information: (n,) the difference [nat], >= 0: the members' disagreement (Houlsby et
            al. 2011, arXiv:1112.5745, eq. 2).
        members: R.
    """

    probabilities: NDArray[np.float64]
    spread: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected_entropy: NDArray[np.float64]
    mutual_information: NDArray[np.float64]
    members: int

    @property
    def logits(self) -> NDArray[np.float64]:
        """(n, K) logarithm of the mean, for a temperature to scale: pooled first (Rahaman & Thiery
        2021, arXiv:2007.08792).
        """
        return np.asarray(np.log(np.maximum(self.probabilities, np.finfo(np.float64).tiny)))


def combine_members(probabilities: Floats) -> Ensemble:
    """Combine members.

    Args:
        probabilities: (R, n, K) of the same galaxies in the same order.

    Raises:
        InputError: no member, or probabilities that are not finite.
    """
    if probabilities.ndim != 3 or not len(probabilities):
        raise InputError(
            "An ensemble needs probabilities of shape (members, galaxies, classes), got"
            f" {probabilities.shape}."
        )
    if not np.isfinite(probabilities).all():
        raise InputError(
            "Probabilities hold NaN or infinite values: a training diverged. Leave that run out."
        )
    p = probabilities.astype(np.float64)
    mean = p.mean(axis=0)
    called = np.ones(len(mean), np.int64) if mean.shape[1] == 2 else mean.argmax(axis=1)
    chosen = p[:, np.arange(len(mean)), called]
    total, expected = entropy(mean), entropy(p).mean(axis=0)
    return Ensemble(
        probabilities=mean,
        spread=chosen.std(axis=0, ddof=1) if len(p) > 1 else np.full(len(mean), np.nan),
        entropy=total,
        expected_entropy=expected,
        # Rounding can take a difference of equal numbers below zero.
        mutual_information=np.maximum(total - expected, 0.0),
        members=len(p),
    )
