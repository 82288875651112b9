"""Verdicts: whether adaptation helped, with and without target labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from daexplore.analysis.comparison.paired import Interval

__all__ = [
    "ClassShare",
    "Evidence",
    "OracleEvidence",
    "Reason",
    "Verdict",
    "label_free_verdict",
    "oracle_verdict",
]

MARGIN = 0.02
"""How much source accuracy may be lost and still count as kept."""
COLLAPSE = 0.1
"""How much of it lost means that the network has unlearned its task; less may buy much."""
SUBSTANTIAL = 0.6
"""Chance-corrected agreement of seeds on the target up to which it is "moderate" at best (Landis &
Koch 1977, Biometrics 33, 159).
"""

Sign = Literal["for", "against", "warning", "unclear"]
_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Reason:
    """One piece of evidence in words, and which way it points."""

    sign: Sign
    text: str


@dataclass(frozen=True)
class Verdict:
    """Whether a method helped, in a word and a sentence, and why.

    Attributes:
        method: which.
        baseline: against what.
        outcome: "helped", "no evidence", "negative transfer", "misleading" (accuracy and AUC
            contradict each other; oracle only), and without labels, where help can at best be
            likely, "may have helped" or "warning".
        sentence: for a reader.
        reasons: what it rests on.
        oracle: whether target labels were used.
    """

    method: str
    baseline: str
    outcome: str
    sentence: str
    reasons: tuple[Reason, ...]
    oracle: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        about = {
            name: getattr(self, name)
            for name in ("method", "baseline", "outcome", "sentence", "oracle")
        }
        return about | {
            "reasons": [{"sign": reason.sign, "text": reason.text} for reason in self.reasons]
        }


@dataclass(frozen=True)
class ClassShare:
    """The target's share of one class by one method: as called, and as estimated without target
    labels.
    """

    name: str
    predicted: Interval
    bbse: Interval = _UNKNOWN
    em: Interval = _UNKNOWN
    possible: bool = True


@dataclass(frozen=True)
class Evidence:
    """What can be known of a method without target labels. Differences are method minus baseline on
    the same galaxies.

    Attributes:
        method: its name.
        baseline: the baseline's.
        source_accuracy: difference.
        mmd2: squared MMD of the latents, (baseline, method).
        mmd2_change: its difference.
        class_mmd2: the same by predicted class: (baseline, method, difference).
        domain_auc: of a linear domain probe: (baseline, method).
        shares: of each class in the target.
        seeds_changed: (source, target) share of images that two seeds of the method predict
            differently; NaN with one seed.
        baseline_seeds_changed: the same of the baseline.
        excess: images called otherwise than by the baseline, beyond what seeds change, on the
            target.
        seeds_kappa: chance-corrected agreement of the method's seeds on the target; NaN with one
            seed.
        ranks: rank correlation of the target's probabilities: with the baseline, between the
            method's seeds, between the baseline's.
        seeds: of the method and of the baseline.
        baseline_possible: whether some mixture of classes could give what the baseline calls the
            target.
        source_judges: whether the method was trained on source images as they are.
    """

    method: str
    baseline: str
    source_accuracy: Interval
    mmd2: tuple[float, float]
    mmd2_change: Interval
    class_mmd2: Mapping[str, tuple[float, float, Interval]]
    domain_auc: tuple[float, float]
    shares: tuple[ClassShare, ...]
    seeds_changed: tuple[float, float]
    baseline_seeds_changed: tuple[float, float]
    excess: Interval
    seeds_kappa: Interval
    ranks: tuple[float, float, float]
    seeds: tuple[int, int]
    baseline_possible: bool = True
    source_judges: bool = True


@dataclass(frozen=True)
class OracleEvidence:
    """What target labels say: differences of accuracy and AUC on the target, method minus baseline,
    on n images of so many galaxies.
    """

    method: str
    baseline: str
    accuracy: Interval
    auc: Interval
    n: int
    galaxies: int
    split: str
    fixed: float
    broken: float
    p_grouped: float
    seeds: tuple[int, int]


def label_free_verdict(evidence: Evidence) -> Verdict:
    """What the source, the latents and the predictions say. It can warn of swapped classes and of
    harm; it cannot prove help.
    """
    reasons = [
        *_source(evidence),
        *_domains(evidence),
        *_classes(evidence),
        *_shares(evidence),
        *_seeds(evidence),
    ]
    change = evidence.source_accuracy
    lost = evidence.source_judges and change.below and change.value < -MARGIN
    warned = [reason for reason in reasons if reason.sign == "warning"]
    closer = evidence.mmd2_change.below
    name = evidence.method
    if lost and (change.value < -COLLAPSE or not closer):
        outcome, sentence = "negative transfer", f"{name} lowers accuracy on the labelled source."
    elif lost:
        outcome, sentence = (
            "warning",
            (
                f"{name} brings the domains closer, but at a cost on the source that it must earn"
                " on the target."
            ),
        )
    elif warned and closer:
        outcome = "warning"
        sentence = (
            f"{name} brings the domains closer, but classes may be swapped: marginals that match do"
            " not prove that classes do."
        )
    elif warned:
        outcome, sentence = (
            "warning",
            (
                f"{name} does not bring the domains closer, and its predictions on the target give"
                " cause for doubt."
            ),
        )
    elif closer:
        outcome = "may have helped"
        cost = (
            "at no cost to the source"
            if reasons[0].sign == "for"
            else "at no clear cost to the source"
        )
        sentence = (
            f"{name} brings the domains closer {cost}, and nothing here speaks against it; only"
            " target labels can prove help."
        )
    else:
        outcome, sentence = "no evidence", f"Nothing shows that {name} brings the domains closer."
    return Verdict(name, evidence.baseline, outcome, sentence, tuple(reasons), oracle=False)


def oracle_verdict(evidence: OracleEvidence) -> Verdict:
    """What target labels say: accuracy at the usual threshold, and AUC, which no shift of the
    threshold can move.
    """
    accuracy, auc, name = evidence.accuracy, evidence.auc, evidence.method
    where = f"{evidence.n} target {evidence.split} images of {evidence.galaxies} galaxies"
    if accuracy.above and auc.below:
        outcome = "misleading"
        sentence = (
            f"{name} raises target accuracy but ranks the galaxies worse: a shifted threshold hides"
            " that classes are mixed."
        )
    elif accuracy.below and auc.above:
        outcome, sentence = (
            "misleading",
            (
                f"{name} ranks the target's galaxies better, yet its threshold is off and accuracy"
                " falls."
            ),
        )
    elif accuracy.below or auc.below:
        outcome, sentence = (
            "negative transfer",
            f"{name} does worse than {evidence.baseline} on the target.",
        )
    elif accuracy.above:
        ranking = (
            ""
            if auc.above
            else " at the usual threshold; that it ranks the galaxies better is not shown"
        )
        outcome, sentence = (
            "helped",
            f"{name} does better than {evidence.baseline} on the target{ranking}.",
        )
    elif auc.above:
        outcome, sentence = (
            "no evidence",
            f"{name} ranks the target's galaxies better, but its accuracy shows no clear change.",
        )
    else:
        outcome, sentence = (
            "no evidence",
            f"No difference between {name} and {evidence.baseline} on the target is significant.",
        )
    reasons = [
        Reason(_sign(accuracy), f"target accuracy {_signed(accuracy)} on {where}"),
        Reason(_sign(auc), f"target AUC {_signed(auc)}"),
        Reason(
            (
                "unclear"
                if evidence.p_grouped > 0.05
                else "for"
                if evidence.fixed > evidence.broken
                else "against"
            ),
            f"{evidence.fixed:.0f} images fixed, {evidence.broken:.0f} broken in the mean over"
            f" pairs of networks (McNemar over galaxies, p = {evidence.p_grouped:.2g})",
        ),
        *_few_seeds(evidence.seeds),
    ]
    return Verdict(name, evidence.baseline, outcome, sentence, tuple(reasons), oracle=True)


def _source(evidence: Evidence) -> list[Reason]:
    change = evidence.source_accuracy
    text = f"source accuracy {_signed(change)}"
    if not evidence.source_judges:
        told = (
            "the method was not trained on the source images as they are, so they do not judge it"
        )
        return [Reason("unclear", f"{text}: {told}")]
    if change.below and change.value < -MARGIN:
        return [Reason("against", f"{text}: lost")]
    if change.low > -MARGIN:
        return [Reason("for", f"{text}: kept to within {MARGIN}")]
    return [Reason("unclear", f"{text}: a loss of more than {MARGIN} cannot be excluded")]


def _domains(evidence: Evidence) -> list[Reason]:
    before, after = evidence.mmd2
    change = evidence.mmd2_change
    sign: Sign = "for" if change.below else "against" if change.above else "unclear"
    found = [
        Reason(sign, f"MMD² of the latents {before:.4f} → {after:.4f}, change {_signed(change, 4)}")
    ]
    before, after = evidence.domain_auc
    if np.isfinite(before) and np.isfinite(after):
        sign = "for" if abs(after - 0.5) < abs(before - 0.5) else "unclear"
        found.append(
            Reason(
                sign,
                f"AUC of a linear domain probe {before:.3f} → {after:.3f} (0.5: the domains cannot"
                " be separated)",
            )
        )
    return found


def _classes(evidence: Evidence) -> list[Reason]:
    found = []
    before, after = evidence.mmd2
    for name, (its_before, its_after, change) in evidence.class_mmd2.items():
        if not np.isfinite(its_after):
            found.append(
                Reason(
                    "warning",
                    f"{evidence.method} predicts hardly any galaxy of one domain as {name}",
                )
            )
            continue
        if np.isfinite(its_before):
            text = (
                f"MMD² of galaxies predicted as {name} {its_before:.4f} → {its_after:.4f}, change"
                f" {_signed(change, 4)}"
            )
        else:
            text = (
                f"MMD² of galaxies predicted as {name} {its_after:.4f}; {evidence.baseline} calls"
                " too few of one domain so to compare"
            )
        # A class that stays apart while the whole comes together: galaxies of another class have
        # taken its place.
        far = max(3 * after, (its_before if np.isfinite(its_before) else before) / 2)
        apart = evidence.mmd2_change.below and after < before / 2 and its_after > far
        if change.above or apart:
            found.append(Reason("warning", f"{text}: it does not follow the whole"))
        else:
            found.append(Reason("for" if change.below else "unclear", text))
    return found


def _shares(evidence: Evidence) -> list[Reason]:
    found = []
    if not evidence.baseline_possible and all(share.possible for share in evidence.shares):
        text = (
            f"no mixture of the classes would be predicted as {evidence.baseline} predicts the"
            f" target, but one would as {evidence.method} does"
        )
        found.append(Reason("for", text))
    for share in evidence.shares:
        called = f"{share.predicted.value:.1%} of the target predicted as {share.name}"
        if not share.possible:
            text = (
                f"{called}: no mixture of the classes, as the source shows them, would be predicted"
                " so; the domains differ in more than shares"
            )
            found.append(Reason("warning", text))
            continue
        estimates = [
            (kind, each)
            for kind, each in (("BBSE", share.bbse), ("EM", share.em))
            if np.isfinite(each.value)
        ]
        text = f"{called}; estimated share " + ", ".join(
            f"{each.value:.1%} [{each.low:.1%}, {each.high:.1%}] ({kind})"
            for kind, each in estimates
        )
        if not estimates:
            continue
        apart = len(estimates) == 2 and (
            share.bbse.low > share.em.high or share.em.low > share.bbse.high
        )
        outside = all(
            share.predicted.low > each.high + 0.1 or share.predicted.high < each.low - 0.1
            for _, each in estimates
        )
        if outside:
            found.append(Reason("warning", f"{text}: predictions and estimates are far apart"))
        else:
            more = ": the two estimates disagree, so more than shares differ" if apart else ""
            found.append(Reason("unclear", f"{text}{more}"))
    return found


def _seeds(evidence: Evidence) -> list[Reason]:
    source, target = evidence.seeds_changed
    base = evidence.baseline_seeds_changed[1]
    found = []
    if np.isfinite(target):
        text = (
            f"two seeds of {evidence.method} predict {target:.1%} of the target and {source:.1%} of"
            " the source differently"
        )
        bound = f"so at least {target / 2:.1%} of the target are misclassified on average"
        found.append(Reason("unclear", f"{text}, {bound}"))
    if np.isfinite(evidence.seeds_kappa.value):
        # What the data leave open the seed decides: the domains can be matched with the classes one
        # way or another.
        kappa = evidence.seeds_kappa
        doubtful = kappa.value <= SUBSTANTIAL
        text = (
            f"agreement of the seeds on the target beyond chance: kappa {kappa.value:.2f}"
            f" [{kappa.low:.2f}, {kappa.high:.2f}]"
        )
        more = (
            f"; up to {SUBSTANTIAL} it is moderate at best: which class a galaxy gets depends on"
            " the seed"
            if doubtful
            else ""
        )
        found.append(Reason("warning" if doubtful else "for", f"{text}{more}"))
    if np.isfinite(evidence.excess.value):
        text = (
            f"{evidence.excess.value:.1%} of the target change class beyond what seeds change"
            f" (seeds of {evidence.baseline}: {base:.1%})"
        )
        found.append(Reason("unclear", text))
    between, own, its = evidence.ranks
    if np.isfinite(own) and np.isfinite(its):
        text = (
            f"rank correlation of the target's probabilities between seeds {its:.2f} → {own:.2f},"
            f" between the methods {between:.2f}"
        )
        found.append(
            Reason(
                "warning" if own < its - 0.1 or between < min(own, its) - 0.3 else "unclear", text
            )
        )
    return [*found, *_few_seeds(evidence.seeds)]


def _few_seeds(seeds: tuple[int, int]) -> list[Reason]:
    if min(seeds) > 1:
        return []
    text = (
        f"{seeds[0]} and {seeds[1]} seeds: the intervals leave out how much one training differs"
        " from the next; train at least 3 of each"
    )
    return [Reason("unclear", text)]


def _sign(change: Interval) -> Sign:
    return "for" if change.above else "against" if change.below else "unclear"


def _signed(change: Interval, digits: int = 3) -> str:
    if not np.isfinite(change.low):
        return f"{change.value:+.{digits}f}"
    return f"{change.value:+.{digits}f} [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"
