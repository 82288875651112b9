"""Class shares of a survey without its labels, and probabilities corrected for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.ensembles import combine_members
from daexplore.analysis.calibration.temperature import apply_temperature, fit_temperature
from daexplore.analysis.comparison.label_shift import ClassShares, bbse, em_prior
from daexplore.engine.comparison.grouping import judged_by_source
from daexplore.engine.comparison.resampling import trained_shares
from daexplore.engine.prediction.ensemble import EnsembleMember, shared_rows
from daexplore.engine.prediction.parts import Parts
from daexplore.errors import InputError

__all__ = [
    "SurveyShares",
    "correct_for_shares",
    "estimate_shares",
    "no_shares",
    "sampled_probabilities",
    "share_notes",
]

MOST = 20_000
"""Images of a survey from which shares are estimated, drawn at random."""
FEWEST = 20
"""Labelled source validation images below which nothing is estimated."""
APART = 0.1
"""How far shares must be from those of training to be named."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class SurveyShares:
    """Class shares of a survey.

    Attributes:
        classes: names.
        trained: (K,) shares for which the networks' probabilities hold.
        called: (K,) shares of the classes as predicted.
        bbse: estimated from hard calls and the source's confusions.
        em: estimated from calibrated probabilities.
        temperature: of the calibration on source validation images.
        validation: how many of these.
        images: of the survey, from which the estimates are.
    """

    classes: tuple[str, ...]
    trained: NDArray[np.float64]
    called: NDArray[np.float64]
    bbse: ClassShares
    em: ClassShares
    temperature: float
    validation: int
    images: int

    @property
    def agree(self) -> bool:
        """Whether both estimates could be right, and some mixture of classes gives the calls."""
        overlap = (self.bbse.low <= self.em.high) & (self.em.low <= self.bbse.high)
        return bool(self.bbse.possible and overlap.all())


def estimate_shares(
    members: Sequence[EnsembleMember],
    probabilities: Floats,
    seed: int = 0,
) -> SurveyShares | None:
    """The survey's class shares, from labelled source validation images and what the networks
    predict; no label of the survey.

    Args:
        members: the runs.
        probabilities: (n, K) of the survey's images, or of ``MOST`` drawn at random, without a
            temperature.
        seed: of the resamples.

    Returns:
        None where target labels taught a run, where source images as they are do not judge it, too
        few of them are known, or the classes are not told apart on them.
    """
    unjudged = any(member.oracle or not judged_by_source(member.run) for member in members)
    if unjudged or not len(probabilities):
        return None
    classes = tuple(members[0].run.classes)
    evaluations = [member.run.evaluation(member.epoch) for member in members]
    rows = shared_rows(members, "source", "validation")
    labels = evaluations[0].labels[rows[0]]
    known = labels >= 0
    if known.sum() < FEWEST or len(set(labels[known].tolist())) < len(classes):
        return None
    pooled = combine_members(
        np.stack(
            [one.probabilities[own[known]] for one, own in zip(evaluations, rows, strict=True)]
        )
    )
    temperature = fit_temperature(pooled.logits, labels[known])
    called = probabilities.argmax(axis=1)
    trained = np.mean([trained_shares(one.run, len(classes)) for one in members], axis=0)
    groups = evaluations[0].group_ids[rows[0]][known]
    by_calls = bbse(
        labels[known],
        pooled.probabilities.argmax(axis=1),
        called,
        len(classes),
        groups,
        resamples=200,
        seed=seed,
    )
    if not np.isfinite(by_calls.shares).all():
        return None
    return SurveyShares(
        classes,
        trained,
        np.bincount(called, minlength=len(classes)) / len(called),
        by_calls,
        em_prior(_calibrated(probabilities, temperature), trained, resamples=200, seed=seed),
        temperature,
        int(known.sum()),
        len(called),
    )


def no_shares() -> InputError:
    """Why shares could not be estimated."""
    return InputError(
        "The class shares of the survey cannot be estimated: that takes"
        f" {FEWEST} labelled source validation images of all classes, shared by all runs. No run"
        " may be taught by target labels, adapted without the source, or trained under observing"
        " conditions, since source images as they are do not judge it; and on these images the"
        " networks must tell the classes apart. Leave --correct-shares out."
    )


def sampled_probabilities(
    parts: Parts, names: Sequence[str], temperature: float = 1.0
) -> NDArray[np.float64]:
    """(n, K) probabilities of images drawn at random from the parts, before a temperature."""
    count = min(MOST, parts.total)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(parts.total, count, replace=False, shuffle=False))
    found = [np.zeros((0, len(names)))]
    for number in range(parts.count):
        rows = parts.range(number)
        here = chosen[(chosen >= rows.start) & (chosen < rows.stop)] - rows.start
        if len(here):
            values = parts.read(number, tuple(names))
            found.append(np.stack([values[name][here] for name in names], axis=1))
    return _calibrated(np.concatenate(found), 1 / temperature)


def correct_for_shares(
    probabilities: Floats, found: SurveyShares, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Probabilities under the survey's shares: calibrated, then times the ratio of the shares
    estimated by EM to those of training (Saerens et al. 2002, Neural Computation 14, 21, eq. 2.4).

    Args:
        probabilities: (n, K).
        found: of the survey.
        temperature: by which the probabilities were scaled already.
    """
    calibrated = _calibrated(probabilities, found.temperature / temperature)
    weighed = calibrated * (found.em.shares / found.trained)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))


def share_notes(found: SurveyShares, corrected: bool) -> list[str]:
    """The shares in sentences; a warning where those of training do not hold."""
    rows = list(range(len(found.classes)))
    # Of two classes the share of the second says that of the first.
    rows = rows[1:] if len(rows) == 2 else rows
    told = "; ".join(
        f"{found.classes[k]} {found.called[k]:.1%} as predicted, {found.trained[k]:.1%} as trained,"
        f" estimated {_text(found.bbse, k)} (BBSE), {_text(found.em, k)} (EM)"
        for k in rows
    )
    on = (
        f"from {found.images} images of the survey and {found.validation} labelled source"
        " validation images; no label of the survey was used"
    )
    apart = np.abs(found.em.shares - found.trained).max() > APART
    if not found.agree:
        more = (
            " The estimates disagree, or no mixture of the classes would be predicted so: the"
            " survey differs in more than class shares. Do not rely on them."
        )
    elif apart and not corrected:
        more = " Probabilities hold for the shares as trained: --correct-shares corrects them."
    else:
        more = ""
    warning = "Warning: " if more else ""
    return [f"{warning}class shares: {told}; {on}.{more}"]


def _calibrated(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    logits = np.log(np.clip(np.asarray(probabilities, np.float64), 1e-12, None))
    return apply_temperature(logits, temperature)


def _text(shares: ClassShares, number: int) -> str:
    value, low, high = (
        100 * float(each[number]) for each in (shares.shares, shares.low, shares.high)
    )
    return f"{value:.1f}% [{low:.1f}, {high:.1f}]"
