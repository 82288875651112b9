"""Verdicts: whether adaptation helped, with and without target labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from daexplore.analysis.comparison.paired import SIGNIFICANT, Interval
from daexplore.engine.comparison.reasons import (
    COLLAPSE,
    MARGIN,
    Evidence,
    OracleEvidence,
    Reason,
    class_reasons,
    domain_reasons,
    few_seeds,
    seed_reasons,
    share_reasons,
    sign_of,
    signed,
    source_reasons,
)

__all__ = ["Verdict", "label_free_verdict", "oracle_verdict"]

ENOUGH_SEEDS = 3
"""Seeds below which "no difference was found" says little."""
COARSE = 0.15
"""A difference that must not stay hidden where a comparison says that it found none."""


@dataclass(frozen=True)
class Verdict:
    """Whether a method helped, in a word and a sentence, and why.

    Attributes:
        method: which.
        baseline: against what.
        outcome: "helped", "no evidence", "negative transfer", "misleading" (accuracy and AUC
            contradict each other; oracle only), and without labels, where help can at best be
            likely, "may have helped" or "warning"; "too few seeds" where one network each cannot
            speak for its method, or where seeds differ so much that nothing shows.
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


def label_free_verdict(evidence: Evidence) -> Verdict:
    """What the source, the latents and the predictions say. It can warn of swapped classes and of
    harm; it cannot prove help. One network of a method says nothing of the method.
    """
    reasons = [
        *source_reasons(evidence),
        *domain_reasons(evidence),
        *class_reasons(evidence),
        *share_reasons(evidence),
        *seed_reasons(evidence),
    ]
    change = evidence.source_accuracy
    lost = evidence.source_judges and change.below and change.value < -MARGIN
    warned = [reason for reason in reasons if reason.sign == "warning"]
    # What is as true of the baseline speaks against neither, unless the method claims a gain.
    its_own = [reason for reason in warned if not reason.shared]
    closer = evidence.mmd2_change.below
    name = evidence.method
    if min(evidence.seeds) < 2:
        outcome, sentence = "too few seeds", _two_networks(evidence, closer, lost)
    elif lost and (change.value < -COLLAPSE or not closer):
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
    elif its_own:
        outcome, sentence = (
            "warning",
            (
                f"{name} does not bring the domains closer, and its predictions on the target give"
                " cause for doubt."
            ),
        )
    elif closer:
        outcome = "may have helped"
        cost = " at no cost to the source" if reasons[0].sign == "for" else _CLEAR
        cost = cost if evidence.source_judges else ""
        sentence = (
            f"{name} brings the domains closer{cost}, and nothing here speaks against it; only"
            " target labels can prove help."
        )
    else:
        outcome, sentence = "no evidence", f"Nothing shows that {name} brings the domains closer."
    return Verdict(name, evidence.baseline, outcome, sentence, tuple(reasons), oracle=False)


_CLEAR = " at no clear cost to the source"


def _two_networks(evidence: Evidence, closer: bool, lost: bool) -> str:
    found = "has its domains closer together" if closer else "does not show the domains closer"
    cost = ", and loses accuracy on the source" if lost else ""
    return (
        f"This network of {evidence.method} {found} than that of {evidence.baseline}{cost}; whether"
        " the method does takes at least 2 seeds of each, better 3."
    )


def oracle_verdict(evidence: OracleEvidence) -> Verdict:
    """What target labels say: accuracy at the usual threshold, and AUC, which no shift of the
    threshold can move. One network of a method says nothing of the method.
    """
    if min(evidence.seeds) < 2:
        outcome, sentence = "too few seeds", _networks_on_target(evidence)
    else:
        outcome, sentence = _judged(evidence)
    where = f"{evidence.n} target {evidence.split} images of {evidence.galaxies} galaxies"
    reasons = [
        Reason(
            sign_of(evidence.accuracy),
            f"target {evidence.quantity} {signed(evidence.accuracy)}{_p(evidence.accuracy)} on"
            f" {where}",
        ),
        Reason(sign_of(evidence.auc), f"target AUC {signed(evidence.auc)}{_p(evidence.auc)}"),
        Reason(
            (
                "unclear"
                if evidence.p_grouped > SIGNIFICANT
                else "for"
                if evidence.fixed > evidence.broken
                else "against"
            ),
            f"{evidence.fixed:.0f} images fixed, {evidence.broken:.0f} broken in the mean over"
            f" pairs of networks (McNemar over galaxies, for these networks, p ="
            f" {evidence.p_grouped:.2g})",
        ),
        *_power(evidence),
        *few_seeds(evidence.seeds),
    ]
    return Verdict(
        evidence.method, evidence.baseline, outcome, sentence, tuple(reasons), oracle=True
    )


def _judged(evidence: OracleEvidence) -> tuple[str, str]:
    accuracy, auc, name, what = evidence.accuracy, evidence.auc, evidence.method, evidence.quantity
    if accuracy.above and auc.below:
        return "misleading", (
            f"{name} raises target {what} but ranks the galaxies worse: a shifted threshold hides"
            " that classes are mixed."
        )
    if accuracy.below and auc.above:
        return "misleading", (
            f"{name} ranks the target's galaxies better, yet its threshold is off and {what} falls."
        )
    if accuracy.below or auc.below:
        return "negative transfer", f"{name} does worse than {evidence.baseline} on the target."
    if accuracy.above:
        ranking = (
            ""
            if auc.above
            else " at the usual threshold; that it ranks the galaxies better is not shown"
        )
        return "helped", f"{name} does better than {evidence.baseline} on the target{ranking}."
    if auc.above:
        return "no evidence", (
            f"{name} ranks the target's galaxies better, but its {what} shows no clear change."
        )
    if min(evidence.seeds) < ENOUGH_SEEDS or evidence.smallest > COARSE:
        return "too few seeds", (
            f"{name} and {evidence.baseline} may differ on the target: with these seeds a"
            f" difference below {evidence.smallest:.2f} in {what} would often be missed."
        )
    return "no evidence", (
        f"No difference between {name} and {evidence.baseline} on the target is significant."
    )


def _networks_on_target(evidence: OracleEvidence) -> str:
    value = evidence.accuracy.value
    than = "higher" if value > 0 else "lower"
    found = (
        f"has a target {evidence.quantity} {abs(value):.3f} {than} than that of"
        if value
        else f"has the same target {evidence.quantity} as that of"
    )
    return (
        f"This network of {evidence.method} {found} {evidence.baseline}; whether the method helps"
        " takes at least 2 seeds of each, better 3."
    )


def _p(change: Interval) -> str:
    return "" if np.isnan(change.p) else f", p = {change.p:.2g} after Holm's correction"


def _power(evidence: OracleEvidence) -> list[Reason]:
    if not np.isfinite(evidence.smallest):
        return []
    text = (
        f"a true difference of {evidence.smallest:.3f} in {evidence.quantity} would be shown four"
        f" times in five; {evidence.tests} tests are corrected for"
    )
    return [Reason("unclear", text)]
