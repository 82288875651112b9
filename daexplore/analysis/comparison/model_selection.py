"""Scores by which an epoch or a method can be chosen without target labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.metrics.classification import entropy

__all__ = [
    "batch_nuclear_norm",
    "call_diversity",
    "deep_embedded_validation",
    "diversity",
    "information",
    "majority_share",
    "mean_entropy",
    "soft_neighbourhood_density",
]

Floats = NDArray[np.floating[Any]]


def mean_entropy(probabilities: Floats) -> float:
    """Mean entropy of the predictions [nat]: small where a network is sure, rightly or wrongly
    (Grandvalet & Bengio 2004, NeurIPS 17).

    >>> round(mean_entropy(np.array([[0.5, 0.5], [1.0, 0.0]])), 4)
    0.3466

    Args:
        probabilities: (n, K).
    """
    return float(entropy(probabilities).mean())


def diversity(probabilities: Floats) -> float:
    """Entropy of the mean prediction [nat]: 0 where all galaxies are called alike.

    Args:
        probabilities: (n, K).
    """
    return float(entropy(probabilities.mean(axis=0)))


def information(probabilities: Floats) -> float:
    """Diversity less mean entropy: the mutual information of galaxy and class (Bridle et al. 1991,
    NeurIPS 4; Shi & Sha 2012, arXiv:1206.6438). Large where predictions are sure and differ; 0 for
    any constant prediction.

    Args:
        probabilities: (n, K).
    """
    return diversity(probabilities) - mean_entropy(probabilities)


def soft_neighbourhood_density(
    probabilities: Floats, temperature: float = 0.05, chunk: int = 1024
) -> float:
    """Mean entropy of each galaxy's likeness to the others (Saito et al. 2021, arXiv:2108.10860,
    eq. 2-4) [nat].

    Likeness is the cosine of two predictions; a galaxy is not like itself. Large where galaxies are
    in few dense clusters, which a constant prediction does best: never use it without a guard
    against that.

    Args:
        probabilities: (n, K), n >= 2.
        temperature: of the softmax over the others.
        chunk: rows of the matrix of likenesses at a time.
    """
    unit = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, len(unit), chunk):
        likeness = unit[start : start + chunk] @ unit.T / temperature
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -np.inf
        weights = np.exp(likeness - likeness.max(axis=1, keepdims=True))
        total += float(entropy(weights / weights.sum(axis=1, keepdims=True)).sum())
    return total / len(unit)


def batch_nuclear_norm(probabilities: Floats) -> float:
    """Sum of the singular values of the matrix of predictions over n, times sqrt(n / K) so that it
    is in [1 / sqrt(K), 1]: large where predictions are sure and differ (Cui et al. 2020,
    arXiv:2003.12237).

    >>> batch_nuclear_norm(np.eye(4))
    1.0

    Args:
        probabilities: (n, K).
    """
    n, classes = probabilities.shape
    return float(
        np.linalg.norm(probabilities, "nuc") / np.sqrt(n * classes) * np.sqrt(max(classes / n, 1.0))
    )


def deep_embedded_validation(losses: Floats, ratio: Floats) -> float:
    """Risk on the target, estimated from source losses (You et al. 2019, ICML 97, eq. 6-8):
    importance weighting with a control variate.

    ``mean(w l) + eta (mean(w) - 1)`` with ``eta = -cov(w l, w) / var(w)``, since the mean of a
    density ratio is known to be 1.

    Args:
        losses: (n,) of source galaxies that taught nothing.
        ratio: (n,) density of the target over that of the source at each of them.
    """
    weighted = losses * ratio
    variance = float(ratio.var())
    eta = (
        -float(((weighted - weighted.mean()) * (ratio - ratio.mean())).mean()) / variance
        if variance > 0
        else 0.0
    )
    return float(weighted.mean() + eta * (ratio.mean() - 1))


def majority_share(labels: NDArray[np.integer[Any]]) -> float:
    """Accuracy of the best constant prediction.

    Args:
        labels: (n,) class indices, none missing.
    """
    return float(np.bincount(labels).max() / len(labels))


def call_diversity(predicted: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]]) -> float:
    """Entropy of the shares of the classes that the target's galaxies are called, over that of the
    source's labels: near 0 where a network calls the whole survey one class.

    Args:
        predicted: (n,) predicted class, of target galaxies.
        labels: (m,) class of source galaxies, at least two classes.
    """
    called, known = (np.bincount(values) / len(values) for values in (predicted, labels))
    return float(entropy(called) / max(float(entropy(known)), 1e-12))
