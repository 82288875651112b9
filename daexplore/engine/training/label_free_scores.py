"""Label-free scores of an evaluated epoch; importing this imports no torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.domain_shift import log_density_ratio
from daexplore.analysis.comparison import model_selection
from daexplore.analysis.distance.domain_probe import domain_probe, mmd2_chunked, spread
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Evaluation, softmax

__all__ = ["SCORES", "label_free_scores", "run_scores"]

SCORES: dict[str, tuple[str, int]] = {
    "accuracy": ("source", 1),
    "entropy": ("target", -1),
    "diversity": ("target", 1),
    "information": ("target", 1),
    "snd": ("target", 1),
    "bnm": ("target", 1),
    "dev": ("both", -1),
    "mmd2": ("both", -1),
    "domain_auc": ("both", -1),
}
"""Scores by their name in the history: the domain under which they are, and whether more (1) or
less (-1) is better.
"""

_FOLDS = 5


def label_free_scores(
    logits: NDArray[np.floating[Any]],
    latents: NDArray[np.floating[Any]],
    domains: NDArray[Any],
    groups: NDArray[Any],
    source_labels: NDArray[np.integer[Any]],
) -> dict[tuple[str, str], float]:
    """(domain, name) -> value of every score, from the validation galaxies of an epoch.

    Args:
        logits: (n, K).
        latents: (n, D).
        domains: (n,) "source" or "target".
        groups: (n,) the galaxy each row shows.
        source_labels: (number of source rows,) their labels; those of the target are no argument.

    Returns:
        Scores that so few galaxies do not allow are left out.
    """
    source, target = domains == "source", domains == "target"
    probabilities = softmax(logits)
    known = source_labels >= 0
    found: dict[tuple[str, str], float] = {}
    if known.any():
        called = probabilities[source].argmax(axis=1)
        found["source", "accuracy"] = float((called == source_labels)[known].mean())
        found["source", "majority"] = model_selection.majority_share(source_labels[known])
    if target.sum() >= 2:
        p = probabilities[target]
        found["target", "entropy"] = model_selection.mean_entropy(p)
        found["target", "diversity"] = model_selection.diversity(p)
        found["target", "information"] = model_selection.information(p)
        found["target", "snd"] = model_selection.soft_neighbourhood_density(p)
        found["target", "bnm"] = model_selection.batch_nuclear_norm(p)
        if known.any():
            found["target", "call_diversity"] = model_selection.call_diversity(
                p.argmax(axis=1), source_labels[known]
            )
    if min(source.sum(), target.sum()) >= 2:
        unit = spread(latents[source]) or 1.0
        found["both", "mmd2"] = mmd2_chunked(latents[source] / unit, latents[target] / unit, SCALES)
    if not np.isfinite(latents).all():
        return found
    try:
        found["both", "domain_auc"] = domain_probe(latents, domains, groups, folds=_FOLDS).auc
    except InputError:
        return found
    if known.sum() >= 2:
        losses = -np.log(np.clip(probabilities[source, np.maximum(source_labels, 0)], 1e-12, 1))
        logs, _ = log_density_ratio(
            latents[source], latents[target], groups[source], groups[target], _FOLDS
        )
        # Not of mean 1: how far its mean is from 1 is what the control variate of this score
        # corrects for.
        ratio = np.exp(np.clip(logs, -20, 20))
        found["both", "dev"] = model_selection.deep_embedded_validation(losses[known], ratio[known])
    return found


def run_scores(evaluation: Evaluation) -> dict[tuple[str, str], float]:
    """``label_free_scores`` of a stored evaluation."""
    chosen = evaluation.mask(split="validation")
    domains = evaluation.domain[chosen]
    labels = evaluation.labels[chosen][domains == "source"]
    return label_free_scores(
        evaluation.logits[chosen],
        evaluation.latents[chosen],
        domains,
        evaluation.group_ids[chosen],
        labels,
    )
