"""Metrics of each method under the same resamples of galaxies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.temperature import apply_temperature, fit_temperature
from daexplore.analysis.comparison.label_shift import ClassShares, bbse, em_prior, predicted_shares
from daexplore.analysis.comparison.paired import metric_draws
from daexplore.analysis.distance.bootstrap import probe_auc_draws, reweighted_mmd2
from daexplore.analysis.distance.domain_probe import spread
from daexplore.analysis.metrics.intervals import edge_intervals
from daexplore.domains import DOMAINS
from daexplore.engine.comparison.grouping import CommonSample, Method, judged_by_source, row_order
from daexplore.errors import InputError
from daexplore.kernels import SCALES
from daexplore.runs import Evaluation, Run

__all__ = ["MethodResamples", "resample_method", "trained_shares", "uses_target_labels"]

Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class MethodResamples:
    """One method on the common galaxies.

    Attributes:
        method: whose.
        predicted: (S, n) the class each seed's network calls.
        probabilities: (S, n, K).
        draws: (domain, name) -> (S, 1 + R): a row a seed; first the sample's value, then that of
            each resample of galaxies.
        edges: (domain, name) -> (S, 2): each network's interval over galaxies, where the sample is
            too thin for resamples.
        shares: "predicted", "bbse" and "em" -> the target's class shares by each seed; only what
            could be estimated.
    """

    method: Method
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    draws: dict[Key, NDArray[np.float64]]
    edges: dict[Key, NDArray[np.float64]]
    shares: dict[str, list[ClassShares]]


def uses_target_labels(domain: str, name: str) -> bool:
    """Whether a number of this name rests on labels of the target."""
    return domain == "target" or name.startswith("mmd2_true/")


def resample_method(
    method: Method,
    sample: CommonSample,
    weights: NDArray[np.float64],
    few: int,
    seed: int,
    report: Callable[[], None] | None = None,
    level: float = 0.95,
) -> MethodResamples:
    """All numbers of a method's runs at their selected epochs.

    Args:
        method: its runs.
        sample: the galaxies.
        weights: (R, n) resamples of galaxies, the same ones for all methods.
        few: the distances between the domains take only so many of the resamples: they are slower.
        seed: of the resamples of class shares.
        report: called after each run.
        level: coverage of the intervals at the edges.
    """
    predicted, probabilities, numbers, edges = [], [], [], []
    shares: dict[str, list[ClassShares]] = {}
    for run in method.runs:
        evaluation = run.evaluation()
        rows = row_order(evaluation, sample)
        if not np.isfinite(evaluation.logits[rows]).all():
            raise InputError(
                f"The outputs of {run.label} ({run.id}) hold NaN or infinite values: it diverged."
                " Leave it out."
            )
        predicted.append(evaluation.predicted[rows].astype(np.int64))
        probabilities.append(evaluation.probabilities[rows])
        numbers.append(
            _metrics(evaluation, rows, sample, weights)
            | _distances(run, evaluation, rows, sample, weights[:few])
        )
        edges.append(_edges(evaluation, rows, sample, level))
        for name, found in _shares(run, evaluation, sample, rows, seed).items():
            shares.setdefault(name, []).append(found)
        if report:
            report()
    names = [key for key in numbers[0] if all(key in each for each in numbers)]
    draws = {key: np.stack([each[key] for each in numbers]) for key in names}
    thin = {
        key: np.array([found[key] for found in edges])
        for key in edges[0]
        if all(key in found for found in edges)
    }
    complete = {name: found for name, found in shares.items() if len(found) == len(method.runs)}
    return MethodResamples(
        method, np.stack(predicted), np.stack(probabilities), draws, thin, complete
    )


def _edges(
    evaluation: Evaluation, rows: NDArray[np.int64], sample: CommonSample, level: float
) -> dict[Key, tuple[float, float]]:
    found: dict[Key, tuple[float, float]] = {}
    for domain in DOMAINS:
        here = sample.inside(domain) & (sample.labels >= 0)
        if here.any():
            ends = edge_intervals(
                sample.labels[here],
                evaluation.probabilities[rows[here]],
                sample.groups[here],
                level,
            )
            found |= {(domain, name): each for name, each in ends.items()}
    return found


def _metrics(
    evaluation: Evaluation,
    rows: NDArray[np.int64],
    sample: CommonSample,
    weights: NDArray[np.float64],
) -> dict[Key, NDArray[np.float64]]:
    found: dict[Key, NDArray[np.float64]] = {}
    for domain in DOMAINS:
        here = sample.inside(domain) & (sample.labels >= 0)
        if here.any():
            values = metric_draws(
                sample.labels[here], evaluation.probabilities[rows[here]], weights[:, here]
            )
            found |= {
                (domain, name): drawn for name, drawn in values.items() if np.isfinite(drawn[0])
            }
    return found


def _distances(
    run: Run,
    evaluation: Evaluation,
    rows: NDArray[np.int64],
    sample: CommonSample,
    weights: NDArray[np.float64],
) -> dict[Key, NDArray[np.float64]]:
    """Squared MMD of all galaxies, of each class as called, and of each class as labelled; AUC of a
    domain probe.
    """
    latents, called = evaluation.latents[rows], evaluation.predicted[rows]
    one, other = sample.inside("source"), sample.inside("target")
    unit = spread(latents[one]) or 1.0
    masks = {"mmd2": np.ones(len(rows), bool)}
    for number, name in enumerate(run.classes):
        masks[f"mmd2_predicted/{name}"] = called == number
        masks[f"mmd2_true/{name}"] = sample.labels == number
    every = np.vstack([np.ones(len(rows)), weights])
    stacked = np.vstack([every * mask for mask in masks.values()])
    values = reweighted_mmd2(
        latents[one] / unit,
        latents[other] / unit,
        run.info.get("mmd_bandwidths") or SCALES,
        stacked[:, one],
        stacked[:, other],
        sample.groups[one],
        sample.groups[other],
    ).reshape(len(masks), len(every))
    found = {
        ("both", name): drawn
        for name, drawn in zip(masks, values, strict=True)
        if np.isfinite(drawn[0])
    }
    return found | {
        ("both", "domain_auc"): probe_auc_draws(latents, sample.domain, sample.groups, weights)
    }


def _shares(
    run: Run, evaluation: Evaluation, sample: CommonSample, rows: NDArray[np.int64], seed: int
) -> dict[str, ClassShares]:
    """The target's class shares as called, and as estimated from source validation; without any
    label of the target.
    """
    target = rows[sample.inside("target")]
    groups, classes = evaluation.group_ids[target], len(run.classes)
    found = {
        "predicted": predicted_shares(
            evaluation.predicted[target], classes, groups, _RESAMPLES, seed
        )
    }
    if run.config.train.supervision == "target" or not judged_by_source(run):
        # Source validation says nothing of a network that the target taught, or that was not
        # trained on source images as they are.
        return found
    check = np.flatnonzero(evaluation.mask("source", "validation") & (evaluation.labels >= 0))
    labels: NDArray[Any] = evaluation.labels[check]
    if len(set(labels.tolist())) < classes:
        return found
    found["bbse"] = bbse(
        labels,
        evaluation.predicted[check],
        evaluation.predicted[target],
        classes,
        evaluation.group_ids[check],
        groups,
        _RESAMPLES,
        seed,
    )
    calibrated = apply_temperature(
        evaluation.logits[target], fit_temperature(evaluation.logits[check], labels)
    )
    found["em"] = em_prior(calibrated, trained_shares(run, classes), groups, _RESAMPLES, seed)
    return found


_RESAMPLES = 200


def trained_shares(run: Run, classes: int) -> NDArray[np.float64]:
    """The class shares for which a network's probabilities hold: those of its training galaxies, or
    equal ones if they were balanced.
    """
    if run.config.train.class_balance != "none":
        return np.full(classes, 1 / classes)
    samples = run.samples
    labels = (
        samples["label"][(samples["domain"] == "source") & (samples["split"] == "train")]
        .dropna()
        .to_numpy(np.int64)
    )
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    return np.asarray((counts + 1) / (counts + 1).sum())
