"""Detection of galaxies whose class the source does not contain."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.classification import entropy
from daexplore.errors import InputError

__all__ = ["h_score", "unknown_score"]


def unknown_score(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Entropy of each prediction as a share of the largest possible, from 0 (sure) to 1. After a
    training with the ``openset`` alignment, galaxies above its ``threshold`` (one half) count as
    unknown (Saito et al. 2020, arXiv:2002.07953, sec. 3.3); without it, the score says only how
    undecided the network is.

    >>> unknown_score(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]

    Args:
        probabilities: (n, K), K >= 2.
    """
    return np.asarray(entropy(probabilities) / np.log(probabilities.shape[1]) + 0.0)


def h_score(
    labels: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    unknown: NDArray[np.bool_],
) -> float:
    """Harmonic mean of the accuracy on known classes and the share of unknown galaxies called so
    (Fu et al. 2020, arXiv:2007.09384).

    Uses labels of the target: an oracle.

    Args:
        labels: (n,) class index, -1 for a class that the source does not have.
        predicted: (n,) predicted class.
        unknown: (n,) whether the galaxy is called unknown instead.

    Raises:
        InputError: no galaxy of a known class, or none of an unknown one.
    """
    known = labels >= 0
    if known.all() or not known.any():
        raise InputError(
            f"An H-score needs galaxies of known and of unknown classes; got {int(known.sum())} and"
            f" {int((~known).sum())}."
        )
    of_known = float(((predicted == labels) & ~unknown)[known].mean())
    of_unknown = float(unknown[~known].mean())
    total = of_known + of_unknown
    return 2 * of_known * of_unknown / total if total else 0.0
