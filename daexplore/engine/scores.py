"""The scores of one evaluated epoch that need no target label, on validation galaxies alone; torch-free, so that old runs can be scored."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis import selection
from daexplore.analysis.two_sample import domain_probe, mmd2_chunked, spread
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Evaluation, softmax

__all__ = ["SCORES", "density_ratio", "label_free_scores", "run_scores"]

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
"""Scores by their name in the history: the domain under which they stand, and whether more (1) or less (-1) is better."""

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
        found["source", "majority"] = selection.majority_share(source_labels[known])
    if target.sum() >= 2:
        p = probabilities[target]
        found["target", "entropy"] = selection.mean_entropy(p)
        found["target", "diversity"] = selection.diversity(p)
        found["target", "information"] = selection.information(p)
        found["target", "snd"] = selection.soft_neighbourhood_density(p)
        found["target", "bnm"] = selection.batch_nuclear_norm(p)
        if known.any():
            found["target", "call_diversity"] = selection.call_diversity(p.argmax(axis=1), source_labels[known])
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
        ratio = density_ratio(latents, domains, groups)[source]
        found["both", "dev"] = selection.deep_embedded_validation(losses[known], ratio[known])
    return found


def density_ratio(
    latents: NDArray[np.floating[Any]], domains: NDArray[Any], groups: NDArray[Any], folds: int = _FOLDS, seed: int = 0
) -> NDArray[np.float64]:
    """(n,) density of the target over that of the source at each latent, from a logistic regression that did not see its galaxy.

    Bickel et al. 2009 (JMLR 10, 2137): the odds of the domains, times the source's number over the target's.

    Args:
        latents: (n, D), finite.
        domains: (n,) "source" or "target".
        groups: (n,) the galaxy each row shows; all its images are in one fold.
        folds: of the cross-fitting.
        seed: which galaxies are in which fold.
    """
    from sklearn.linear_model import LogisticRegression

    names, index = np.unique(groups.astype(str), return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[index]
    target = domains == "target"
    z = (latents - latents.mean(axis=0)) / np.maximum(latents.std(axis=0), 1e-9)
    odds = np.ones(len(z))
    for number in range(folds):
        rest = fold != number
        if len(np.unique(target[rest])) < 2 or not (~rest).any():
            continue
        fit = LogisticRegression(C=1.0, max_iter=1000).fit(z[rest], target[rest])
        odds[~rest] = np.exp(np.clip(fit.decision_function(z[~rest]), -20, 20)) * (~target[rest]).sum() / target[rest].sum()
    return odds


def run_scores(evaluation: Evaluation) -> dict[tuple[str, str], float]:
    """``label_free_scores`` of a stored evaluation."""
    chosen = evaluation.where(split="validation")
    domains = evaluation.domain[chosen]
    labels = evaluation.labels[chosen][domains == "source"]
    return label_free_scores(evaluation.logits[chosen], evaluation.latents[chosen], domains, evaluation.group_ids[chosen], labels)
