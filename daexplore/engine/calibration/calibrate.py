"""Calibration of runs: reliability, selective risk and typicality, fitted on validation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.reliability import (
    calibration_scores,
    paired_changes,
    reliability,
)
from daexplore.analysis.calibration.temperature import apply_temperature
from daexplore.analysis.distance.domain_probe import spread
from daexplore.analysis.latents.typicality import SourceTypicality
from daexplore.analysis.metrics.bootstrap import share_with_interval
from daexplore.analysis.metrics.risk_coverage import risk_coverage
from daexplore.domains import DOMAINS
from daexplore.engine.calibration.predictors import METHODS, Predictor, fit, matched, predictors
from daexplore.engine.progress import Progress, Report, no_report
from daexplore.engine.result_cache import outputs_digest
from daexplore.errors import InputError
from daexplore.runs import Evaluation, Run
from daexplore.utils.files import read_json, to_json, write_if_possible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METHODS", "Uncertainty", "uncertainty"]

_FORMAT = 1
_ATYPICAL = 0.05


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Calibration of runs before and after a temperature, as rows of plain numbers (None where
    undefined).

    Every row says ``who`` (a run, its MC dropout, or the ensemble), ``domain``, ``split``, ``n``
    images, ``galaxies`` among them, and ``oracle``: whether target labels were used.

    Attributes:
        method: of calibration.
        runs: id, name and epoch of each run.
        fits: temperature of each predictor, and what it was fitted on: never a test galaxy, never a
            target label.
        scores: ece, brier, nll, accuracy on test, stage "before" and "after", with intervals; ece
            also with its biased "plugin".
        changes: nll and brier after minus before, paired, with intervals.
        reliability: bins of the reliability diagrams: probability, frequency, low, high, counts
            (images), galaxies.
        risk_coverage: points of the curves (stage "after"), ranked by "confidence", "in-domain"
            and, of several members, "agreement".
        selective: aurc and excess of these curves, with intervals.
        in_domain: in-domain scores of each domain's test galaxies: median, and share below 0.05
            with its interval. No labels are used.
        level: coverage of the intervals.
    """

    method: str
    runs: list[dict[str, Any]]
    fits: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    reliability: list[dict[str, Any]]
    risk_coverage: list[dict[str, Any]]
    selective: list[dict[str, Any]]
    in_domain: list[dict[str, Any]]
    level: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Uncertainty":
        """The inverse of ``to_dict``.

        Raises:
            InputError: not such a dictionary, or of another version.
        """
        names = [field.name for field in fields(cls)]
        if state.get("format") != _FORMAT or not set(names) <= set(state):
            raise InputError(
                f'Expected uncertainties of "format": {_FORMAT}, got {state.get("format")!r}.'
                " Compute them again."
            )
        return cls(**{name: state[name] for name in names})

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Each list of rows as a table, by its name."""
        import pandas as pd

        return {
            name: pd.DataFrame(value)
            for name, value in self.to_dict().items()
            if isinstance(value, list)
        }


def uncertainty(
    runs: Sequence[Run],
    method: str = "temperature",
    bins: int = 10,
    passes: int = 0,
    resamples: int = 400,
    seed: int = 0,
    level: float = 0.95,
    cache: bool = True,
    report: Report = no_report,
) -> Uncertainty:
    """Fit a temperature on validation, and scores test galaxies of each domain before and after; of
    several runs also their ensemble.

    Args:
        runs: of the same galaxies, at their selected epochs; seeds of one method make a deep
            ensemble.
        method: "temperature" (labelled source validation), "transcal" (weighted by how
            target-like), "pseudocal" (mixtures of unlabelled target images; needs the images) or
            "none".
        bins: of ECE and of the reliability diagrams.
        passes: of MC dropout; 0 does without. Needs the images.
        resamples: of the group bootstrap.
        seed: of resamples, folds, mixtures and drops.
        level: coverage of the intervals.
        cache: keeps the result in the first run's ``derived`` folder, by everything it depends on.
        report: progress.

    Raises:
        InputError: no run, runs of other galaxies or splits, or a method that cannot be used here.
    """
    if not runs:
        raise InputError("Uncertainties need at least one run.")
    if method not in METHODS:
        raise InputError(
            f"Unknown method of calibration {method!r}; there are {', '.join(METHODS)}."
        )
    labels = [run.label for run in runs]
    names = [
        run.label if labels.count(run.label) == 1 else f"{run.label} ({run.id})" for run in runs
    ]
    evaluations = matched(runs, names)
    settings = {
        "method": method,
        "bins": bins,
        "passes": passes,
        "resamples": resamples,
        "seed": seed,
        "level": level,
    }
    file = runs[0].derived(
        f"uncertainty-{outputs_digest((_FORMAT, list(names), settings), evaluations)}.json"
    )
    if cache and file.is_file():
        try:
            return Uncertainty.from_dict(read_json(file))
        except InputError:
            pass
    sample = evaluations[0]
    rows: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in (
            "fits",
            "scores",
            "changes",
            "reliability",
            "risk_coverage",
            "selective",
            "in_domain",
        )
    }
    found = predictors(runs, names, evaluations, passes, seed, report)
    for number, predictor in enumerate(found):
        fitted = fit(predictor, sample, method, seed, report)
        typical = _in_domain(predictor, sample)
        rows["fits"].append(
            {
                "who": predictor.name,
                "kind": predictor.kind,
                "method": method,
                **asdict(fitted),
                "oracle": False,
            }
        )
        for domain in DOMAINS:
            test = sample.mask(domain, "test")
            if test.any():
                _typical(rows, predictor, sample, domain, typical, (resamples, seed, level))
                if (sample.labels[test] >= 0).any():
                    _told(
                        rows,
                        predictor,
                        sample,
                        domain,
                        typical,
                        fitted.temperature,
                        bins,
                        (resamples, seed, level),
                    )
        report(Progress("calibrating", number + 1, len(found)))
    told = [
        {"id": run.id, "name": name, "epoch": sample.epoch}
        for run, name, sample in zip(runs, names, evaluations, strict=True)
    ]
    # As read from the file, so that a kept result and a fresh one are the same.
    result = Uncertainty.from_dict(
        json.loads(
            to_json({"format": _FORMAT, "method": method, "runs": told, **rows, "level": level})
        )
    )
    if cache:
        with write_if_possible(file) as temporary:
            temporary.write_text(to_json(result.to_dict()), encoding="utf-8")
    return result


def _told(
    rows: dict[str, list[dict[str, Any]]],
    predictor: Predictor,
    sample: Evaluation,
    domain: str,
    typical: NDArray[np.float64],
    temperature: float,
    bins: int,
    draws: tuple[int, int, float],
) -> None:
    """What needs the test labels, which for the target makes it an oracle's."""
    test = sample.mask(domain, "test") & (sample.labels >= 0)
    labels, groups = sample.labels[test], sample.group_ids[test]
    common = {
        "who": predictor.name,
        "domain": domain,
        "split": "test",
        "n": int(test.sum()),
        "oracle": domain == "target",
    }
    counted = common | {"galaxies": len(set(groups))}
    before, after = (
        apply_temperature(predictor.logits[test], value) for value in (1.0, temperature)
    )
    for stage, probabilities in (("before", before), ("after", after)):
        for name, value in calibration_scores(labels, probabilities, groups, bins, *draws).items():
            rows["scores"].append(counted | {"stage": stage, "name": name} | value)
        diagram = reliability(labels, probabilities, groups, bins, *draws)
        rows["reliability"] += [
            common | {"stage": stage, "of": diagram.of} | row for row in diagram.rows()
        ]
    for name, value in paired_changes(labels, before, after, groups, *draws).items():
        rows["changes"].append(counted | {"name": name} | value)
    rankings = {"confidence": after.max(axis=1), "in-domain": typical[test]}
    if predictor.disagreement is not None:
        rankings["agreement"] = -predictor.disagreement[test]
    for ranking, confidence in rankings.items():
        curve = risk_coverage(labels, after, groups, confidence, 50, *draws)
        rows["risk_coverage"] += [counted | {"ranking": ranking} | row for row in curve.rows()]
        for name, value in (("aurc", curve.aurc), ("excess", curve.excess)):
            rows["selective"].append(counted | {"ranking": ranking, "name": name} | value)


def _typical(
    rows: dict[str, list[dict[str, Any]]],
    predictor: Predictor,
    sample: Evaluation,
    domain: str,
    typical: NDArray[np.float64],
    draws: tuple[int, int, float],
) -> None:
    """How typical of the source a domain's test galaxies are; no label is used, so it is known for
    any survey.
    """
    if predictor.kind == "MC dropout":
        return  # Its latents are the network's.
    resamples, seed, level = draws
    test = sample.mask(domain, "test")
    scores, groups = typical[test], sample.group_ids[test]
    found = share_with_interval(scores < _ATYPICAL, groups, resamples, seed, level)
    share = {"median": float(np.median(scores)), "share": found["value"]}
    share |= {end: found[end] for end in ("low", "high")}
    counts = {"n": int(test.sum()), "galaxies": len(set(groups))}
    rows["in_domain"].append(
        {
            "who": predictor.name,
            "domain": domain,
            "split": "test",
            "below": _ATYPICAL,
            "oracle": False,
        }
        | counts
        | share
    )


def _in_domain(predictor: Predictor, sample: Evaluation) -> NDArray[np.float64]:
    """(n,) in-domain scores; for several networks in their latents side by side, each in units of
    its own spread.
    """
    known = sample.mask("source", "validation")
    latents = np.concatenate(
        [latents / (spread(latents[known]) or 1.0) for latents in predictor.latents], axis=1
    )
    return SourceTypicality.fit(
        latents[known], sample.labels[known], sample.group_ids[known]
    ).score(latents)
