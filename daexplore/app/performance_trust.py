"""Whether the probabilities of the runs on screen mean what they say, and which galaxies can be kept: calibration and selective risk."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from daexplore.app.cache import Memo
from daexplore.app.performance_data import Subject
from daexplore.errors import InputError
from daexplore.views.style import DOMAINS

__all__ = ["STAGES", "calibrations", "coverages", "temperatures"]

STAGES = {"As trained": "before", "Temperature scaled": "after"}
"""What can be chosen, and its name in the tables."""

_BINS = 10
_Rows = dict[str, list[dict[str, Any]]]
_calibrations: Memo[_Rows] = Memo(128)
_coverages: Memo[_Rows] = Memo(128)


def calibrations(found: Sequence[Subject], split: str) -> dict[str, pd.DataFrame]:
    """Calibration of each run before and after its temperature, in both domains.

    The temperature is fitted on labelled source validation at the epoch shown, as ``daexplore calibrate`` does at the selected one.

    Returns:
        "bins": who, domain, split, n, stage, of, probability, frequency, low, high, counts, galaxies, as ``views.reliability`` draws them;
        "scores": who, domain, split, n, stage, name (ece, brier, nll), value, low, high; "fits": who, temperature, n, problem.
    """
    rows: _Rows = {"bins": [], "scores": [], "fits": []}
    for subject in found:
        made = _calibrations.get((*subject.key, split), partial(_calibration, subject, split))
        for name, lines in made.items():
            rows[name] += [{"who": subject.name, **line} for line in lines]
    for name in ("bins", "scores"):
        rows[name].sort(key=lambda row: DOMAINS.index(row["domain"]))
    return {name: pd.DataFrame(lines) for name, lines in rows.items()}


def _calibration(subject: Subject, split: str) -> _Rows:
    from daexplore.analysis.calibration.reliability import calibration_scores, reliability
    from daexplore.analysis.calibration.temperature import fit_temperature, tempered

    found = subject.evaluation
    fitted = subject.rows("source", "validation")
    rows: _Rows = {"bins": [], "scores": [], "fits": [{"temperature": float("nan"), "n": int(fitted.sum()), "problem": ""}]}
    stages = {"before": 1.0}
    try:
        stages["after"] = rows["fits"][0]["temperature"] = fit_temperature(found.logits[fitted], found.labels[fitted])
    except InputError as error:
        rows["fits"][0]["problem"] = str(error)
    for domain in DOMAINS:
        mask = subject.rows(domain, split)
        if not mask.any():
            continue
        labels, groups = found.labels[mask], found.group_ids[mask]
        for stage, temperature in stages.items():
            common = {"domain": domain, "split": split, "n": int(mask.sum()), "stage": stage}
            probabilities = tempered(found.logits[mask], temperature)
            diagram = reliability(labels, probabilities, groups, _BINS)
            rows["bins"] += [common | {"of": diagram.of} | row for row in diagram.rows()]
            scores = calibration_scores(labels, probabilities, groups, _BINS)
            rows["scores"] += [common | {"name": name} | entry for name, entry in scores.items() if name != "accuracy"]
    return rows


def temperatures(fits: pd.DataFrame, split: str) -> str:
    """The fitted temperatures in a sentence, and on what they were fitted."""
    known = fits[fits["problem"] == ""].to_dict("records") if len(fits) else []
    parts = []
    if known:
        values = ", ".join(f"{row['who']} {row['temperature']:.2f} (n = {row['n']})" for row in known)
        parts.append(f"Temperatures, fitted on labelled source validation galaxies: {values}; above 1 the network was too sure.")
        if split == "validation":
            parts.append("The source galaxies shown are those they were fitted on, so there the diagram flatters.")
    lost = fits[fits["problem"] != ""].to_dict("records") if len(fits) else []
    parts += [f"{row['who']} has no temperature: {row['problem']}" for row in lost]
    return " ".join(parts)


def coverages(found: Sequence[Subject], split: str) -> dict[str, pd.DataFrame]:
    """Risk-coverage curves by the probability of the class that is called, as ``views.reliability`` draws them.

    Returns:
        "curves": who, domain, split, n, ranking, coverage, risk, low, high; "selective": who, domain, split, n, ranking, name (aurc,
        excess), value, low, high.
    """
    rows: _Rows = {"curves": [], "selective": []}
    for domain in DOMAINS:
        for subject in found:
            made = _coverages.get((*subject.key, domain, split), partial(_coverage, subject, domain, split))
            for name, lines in made.items():
                rows[name] += [{"who": subject.name, **line} for line in lines]
    return {name: pd.DataFrame(lines) for name, lines in rows.items()}


def _coverage(subject: Subject, domain: str, split: str) -> _Rows:
    from daexplore.analysis.metrics.risk_coverage import risk_coverage

    mask = subject.rows(domain, split)
    if not mask.any():
        return {}
    found = subject.evaluation
    curve = risk_coverage(found.labels[mask], found.probabilities[mask], found.group_ids[mask])
    common = {"domain": domain, "split": split, "n": int(mask.sum()), "ranking": "confidence"}
    entries = (("aurc", curve.aurc), ("excess", curve.excess))
    return {"curves": [common | row for row in curve.rows()], "selective": [common | {"name": name} | entry for name, entry in entries]}
