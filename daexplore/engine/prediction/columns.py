"""Columns and header of a predicted catalogue."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import daexplore
from daexplore.data import GalaxySet
from daexplore.data.catalogues.write import Column, Meta
from daexplore.data.preprocessing.steps import record_step
from daexplore.engine.prediction.class_shares import SurveyShares
from daexplore.engine.prediction.ensemble import EnsembleMember, Temperature

__all__ = ["header", "predicted_columns", "probability_names"]


_KEYS = (
    "FPRINT: fingerprint of the galaxies, as in run.json; TEMPER: temperature of the probabilities,"
    " fitted on NTEMPER labelled source validation images; for run n RUNn: its folder, WHASHn:"
    " SHA-256 of its weights, NVALIDn: source validation images that in_domain was fitted on,"
    " NSEENn: images of this survey that it was trained on; SHAREn: estimated share of the n-th of"
    " CLASSES, for which the corrected probabilities hold"
)


def probability_names(classes: Sequence[str]) -> list[str]:
    """p_<class> for each class, of letters, digits and underscores: "non-merger" -> "p_non_merger".
    Equal ones get numbers.
    """
    names = ["p_" + re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() for name in classes]
    counts = Counter(names)
    return [
        name if counts[name] == 1 and name != "p_" else f"{name.rstrip('_')}_{number}"
        for number, name in enumerate(names)
    ]


def predicted_columns(
    classes: Sequence[str],
    members: int,
    calibrated: bool,
    open_set: bool = False,
    corrected: bool = False,
) -> list[Column]:
    """The columns of what the runs say: predicted class, probabilities with their spread, entropy,
    in-domain score.

    Args:
        classes: names of the classes.
        members: number of runs.
        calibrated: whether a temperature was applied.
        open_set: whether all runs were trained to leave unknown classes apart; a large entropy then
            says so.
        corrected: whether probabilities under the survey's estimated class shares are given too.
    """
    mean = f", mean of {members} runs" if members > 1 else ""
    scaled = ", temperature-scaled" if calibrated else ""
    widest = max(map(len, classes))
    columns = [
        Column(
            "predicted_class", f"U{widest}", f"The most probable class{mean}", ucd="meta.code.class"
        )
    ]
    for name, column in zip(classes, probability_names(classes), strict=True):
        columns.append(
            Column(
                column,
                "f8",
                f"Probability of class {name!r}{mean}{scaled}, 0 to 1",
                ucd="stat.probability",
            )
        )
    for name, column in zip(classes, probability_names(classes), strict=True):
        if members > 1:
            text = (
                f"Standard deviation over {members} runs (n - 1) of the probability of {name!r}"
                + (", before the temperature" if calibrated else "")
            )
            columns.append(Column(f"{column}_std", "f8", text, ucd="stat.stdev;stat.probability"))
    for name, column in zip(classes, probability_names(classes), strict=True):
        if not corrected:
            break
        text = f"Probability of class {name!r} calibrated and under the survey's estimated shares"
        columns.append(Column(f"{column}_corrected", "f8", text, ucd="stat.probability"))
    unknown = (
        f"; above {math.log2(len(classes)) / 2:.3g} the galaxy counts as of no known class"
        if open_set
        else ""
    )
    text = f"Entropy of the probabilities; at most log2({len(classes)}){unknown}"
    columns.append(Column("entropy", "f8", text, "bit", "stat.uncertainty"))
    text = "1: latent as typical as a source validation image; near 0: unlike any"
    columns.append(
        Column(
            "in_domain",
            "f8",
            text + (f"; rank of the mean over {members} runs" if members > 1 else ""),
            ucd="stat.likelihood",
        )
    )
    return columns


def header(
    members: Sequence[EnsembleMember],
    galaxies: GalaxySet,
    fingerprint: str,
    temperature: Temperature | None,
    shares: SurveyShares | None = None,
) -> Meta:
    """The header's lines by keyword; the same for the same input, so it names no time and no
    path.
    """
    oracle = any(member.oracle for member in members)
    lines: dict[str, str | int | float | bool] = {
        "CREATOR": f"daexplore {daexplore.__version__} predict",
        "SURVEY": galaxies.name,
        "FPRINT": fingerprint,
        "NGAL": len(galaxies),
        "CLASSES": ", ".join(members[0].run.classes),
        "NRUNS": len(members),
        "ORACLE": oracle,
        "LABELS": "oracle: target labels taught a run" if oracle else "target labels were not used",
        "TEMPER": temperature.value if temperature else "none",
        "NTEMPER": temperature.images if temperature else 0,
        "PREPROC": _steps(members[0], galaxies),
        "KEYS": _KEYS,
    }
    for number, member in enumerate(members, 1):
        run = member.run
        lines |= {
            f"RUN{number}": run.id,
            f"EPOCH{number}": member.epoch,
            f"METHOD{number}": run.method,
            f"SEED{number}": run.seed,
            f"WHASH{number}": member.weights,
            f"NVALID{number}": member.validation,
            f"NSEEN{number}": member.seen,
        }
    for number, value in enumerate(shares.em.shares if shares else (), 1):
        lines[f"SHARE{number}"] = float(value)
    return {key: value for key, value in lines.items() if value != ""}


def _steps(member: EnsembleMember, galaxies: GalaxySet) -> str:
    preprocess = member.preprocess
    names = ", ".join(record_step(step)["step"] for step in preprocess.target.steps)
    height, width = preprocess.size
    return (
        f"As the target of RUN1, its statistics: {names}; to {width} x {height} pixel of"
        f" {', '.join(preprocess.bands)}, from {', '.join(galaxies.bands)}; numbers in run.json"
    )
