"""Predictors: one network, its dropout passes, or an ensemble of runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.domain_shift import (
    density_ratio,
    mixing_pairs,
    pseudocal,
    transcal,
)
from daexplore.analysis.calibration.ensembles import Ensemble, combine_members
from daexplore.analysis.calibration.temperature import TEMPERATURES, fit_temperature
from daexplore.domains import DOMAINS
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run

__all__ = ["METHODS", "Predictor", "TemperatureFit", "fit", "matched", "predictors"]

METHODS = ("temperature", "transcal", "pseudocal", "none")


@dataclass(frozen=True, eq=False)
class Predictor:
    """Something that gives probabilities for the galaxies of the evaluation sample.

    Attributes:
        name: for a reader.
        kind: "network", "MC dropout" or "ensemble".
        logits: (n, K).
        latents: (n, D) of each network behind it.
        runs: those networks' runs.
        disagreement: (n,) mutual information of its members [nat]; None for a single network.
    """

    name: str
    kind: str
    logits: NDArray[np.floating[Any]]
    latents: tuple[NDArray[np.floating[Any]], ...]
    runs: tuple[Run, ...]
    disagreement: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature, and on what it was fitted.

    Attributes:
        temperature: 1 for "none".
        at_bound: whether it is at the edge of what can be fitted: the validation galaxies do not
            determine it.
        n: images it was fitted on.
        galaxies: different galaxies among them.
        on: which they are.
        details: of TransCal: accuracy, exponent, effective, domain_auc.
    """

    temperature: float
    at_bound: bool
    n: int
    galaxies: int
    on: str
    details: dict[str, float]


def matched(runs: Sequence[Run], names: Sequence[str]) -> list[Evaluation]:
    """The runs' evaluations at their selected epochs, with the same galaxies in the same order.

    Raises:
        InputError: runs of other classes, galaxies, splits or labels; or a galaxy both in
            validation and in test.
    """
    first = runs[0].evaluation()
    held = [set(first.group_ids[first.mask(split=split)]) for split in ("validation", "test")]
    both = held[0] & held[1]
    if both:
        raise InputError(
            f"{names[0]}: the galaxy {min(both)!r} is in validation and in test ({len(both)} such)."
            " What is fitted on one would be scored on the same galaxies: split again by group_id,"
            " and train again."
        )
    found = [first]
    for run, name in zip(runs[1:], names[1:], strict=True):
        other = run.evaluation()
        if run.classes != runs[0].classes:
            raise InputError(
                f"{names[0]} has the classes {runs[0].classes}, {name} has {run.classes}. Only runs"
                " of the same can be joined."
            )
        place = {sample_id: row for row, sample_id in enumerate(other.sample_ids)}
        if set(place) != set(first.sample_ids):
            different = len(set(place) ^ set(first.sample_ids))
            raise InputError(
                f"{names[0]} and {name} were evaluated on other galaxies ({different} of them)."
                " Join runs of the same data."
            )
        rows = np.array([place[sample_id] for sample_id in first.sample_ids])
        arrays = {
            field: getattr(other, field)[rows]
            for field in first.__dataclass_fields__
            if field != "epoch"
        }
        for field in ("domain", "split", "group_ids", "labels"):
            if (arrays[field] != getattr(first, field)).any():
                at = first.sample_ids[int(np.argmax(arrays[field] != getattr(first, field)))]
                raise InputError(
                    f"{names[0]} and {name} differ in the {field} of {at!r}. Join runs of the same"
                    " data and data.split_seed."
                )
        found.append(replace(other, **arrays))
    return found


def predictors(
    runs: Sequence[Run],
    names: Sequence[str],
    evaluations: Sequence[Evaluation],
    passes: int = 0,
    seed: int = 0,
    report: Report = no_report,
) -> list[Predictor]:
    """Each run, with ``passes`` > 0 its passes with dropout beside it, and of several runs their
    ensemble.
    """
    found = []
    for run, name, evaluation in zip(runs, names, evaluations, strict=True):
        found.append(Predictor(name, "network", evaluation.logits, (evaluation.latents,), (run,)))
        if passes:
            together = _dropped(run, name, evaluation, passes, seed, report)
            kind = f"{name} · MC dropout"
            found.append(
                Predictor(
                    kind,
                    "MC dropout",
                    together.logits,
                    (evaluation.latents,),
                    (run,),
                    together.mutual_information,
                )
            )
    if len(runs) > 1:
        together = combine_members(
            np.stack([evaluation.probabilities for evaluation in evaluations])
        )
        latents = tuple(evaluation.latents for evaluation in evaluations)
        name = f"ensemble of {len(runs)}"
        found.append(
            Predictor(
                name, "ensemble", together.logits, latents, tuple(runs), together.mutual_information
            )
        )
    return found


def fit(
    predictor: Predictor,
    evaluation: Evaluation,
    method: str,
    seed: int = 0,
    report: Report = no_report,
) -> TemperatureFit:
    """The predictor's temperature by one of ``METHODS``, from validation galaxies alone; of the
    target no label is looked at.

    Raises:
        InputError: a method that is not known, or that cannot be used here.
    """
    if method not in METHODS:
        raise InputError(
            f"Unknown method of calibration {method!r}; there are {', '.join(METHODS)}."
        )
    if method == "none":
        return TemperatureFit(1.0, False, 0, 0, "nothing", {})
    source, target = (evaluation.mask(domain, "validation") for domain in DOMAINS)
    labelled = source & (evaluation.labels >= 0)
    if method == "temperature":
        value = fit_temperature(predictor.logits[source], evaluation.labels[source])
        return _fit(value, evaluation, labelled, "labelled source validation", {})
    if not target.any():
        raise InputError(
            f"The method {method} needs target validation galaxies, but the run evaluated none. Use"
            " temperature."
        )
    if method == "transcal":
        groups = evaluation.group_ids[source], evaluation.group_ids[target]
        found = [
            density_ratio(latents[source], latents[target], *groups, seed=seed)
            for latents in predictor.latents
        ]
        ratio, area = (
            np.mean([one for one, _ in found], axis=0),
            float(np.mean([area for _, area in found])),
        )
        result = transcal(
            predictor.logits[source],
            evaluation.labels[source],
            predictor.logits[target],
            ratio,
            area,
        )
        details = {name: value for name, value in result.to_dict().items() if name != "temperature"}
        return _fit(
            result.temperature,
            evaluation,
            labelled | target,
            "labelled source and unlabelled target validation",
            details,
        )
    if predictor.kind == "MC dropout":
        raise InputError(
            "PseudoCal is not defined for MC dropout here. Use --method temperature, transcal or"
            " none with --mc-dropout."
        )
    mixed, calls, rows = _mixed(predictor, evaluation, np.flatnonzero(target), seed, report)
    used = np.isin(np.arange(len(evaluation)), rows)
    return _fit(
        pseudocal(mixed, calls),
        evaluation,
        used,
        "mixtures of unlabelled target validation",
        {"mixtures": float(len(calls))},
    )


def _fit(
    temperature: float,
    evaluation: Evaluation,
    used: NDArray[np.bool_],
    on: str,
    details: dict[str, float],
) -> TemperatureFit:
    galaxies = len(set(evaluation.group_ids[used]))
    return TemperatureFit(
        temperature, temperature in TEMPERATURES, int(used.sum()), galaxies, on, details
    )


def _mixed(
    predictor: Predictor,
    evaluation: Evaluation,
    target: NDArray[np.int64],
    seed: int,
    report: Report,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Logits of the mixtures, the call each has for its label, and the rows that were mixed."""
    from daexplore.data import open_described
    from daexplore.data.preprocessing.pipeline import Preprocess
    from daexplore.engine.calibration.mixup import mixed_logits
    from daexplore.engine.inference import load_network

    one, other = mixing_pairs(predictor.logits[target], seed)
    members = []
    for number, run in enumerate(predictor.runs):
        galaxies = open_described(run.info["data"]["target"])
        pairs = tuple(galaxies.rows(evaluation.sample_ids[target[part]]) for part in (one, other))
        preprocess = Preprocess.from_dict(run.info["preprocessing"])
        members.append(
            mixed_logits(load_network(run), galaxies.images, (pairs[0], pairs[1]), preprocess)
        )
        report(Progress("mixing", number + 1, len(predictor.runs)))
    logits = members[0]
    if len(members) > 1:
        from daexplore.runs import softmax

        logits = (
            combine_members(np.stack([softmax(member) for member in members])).logits
            if len(one)
            else logits
        )
    calls = predictor.logits[target].argmax(axis=1)[one]
    return logits, calls, target[np.union1d(one, other)]


def _dropped(
    run: Run, name: str, evaluation: Evaluation, passes: int, seed: int, report: Report
) -> Ensemble:
    from daexplore.data import open_described
    from daexplore.data.preprocessing.pipeline import Preprocess
    from daexplore.engine.calibration.mc_dropout import mc_dropout
    from daexplore.engine.inference import load_network

    network, preprocess = load_network(run), Preprocess.from_dict(run.info["preprocessing"])
    found = np.zeros((passes, *evaluation.logits.shape))
    done = 0

    def count(images: int) -> None:
        nonlocal done
        done += images
        report(Progress(f"dropout {name}", done, len(evaluation)))

    for domain in DOMAINS:
        here = np.flatnonzero(evaluation.mask(domain))
        if len(here):
            galaxies = open_described(run.info["data"][domain])
            rows = galaxies.rows(evaluation.sample_ids[here])
            found[:, here] = mc_dropout(
                network, galaxies.images, rows, preprocess, domain, passes, seed, report=count
            )
    return combine_members(found)
