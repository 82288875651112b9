"""What the evidence for and against a method says, piece by piece."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from daexplore.analysis.comparison.paired import Interval

__all__ = [
    "COLLAPSE",
    "MARGIN",
    "ClassShare",
    "Evidence",
    "OracleEvidence",
    "Reason",
    "class_reasons",
    "domain_reasons",
    "few_seeds",
    "seed_reasons",
    "share_reasons",
    "sign_of",
    "signed",
    "source_reasons",
]

MARGIN = 0.02
"""How much source accuracy may be lost and still count as kept."""
COLLAPSE = 0.1
"""How much of it lost means that the network has unlearned its task; less may buy much."""
MISMATCH = 0.1
"""How far an estimated class share of the target must be from that of training to be named."""
SUBSTANTIAL = 0.6
"""Chance-corrected agreement of seeds on the target up to which it is "moderate" at best (Landis &
Koch 1977, Biometrics 33, 159).
"""

Sign = Literal["for", "against", "warning", "unclear"]
_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Reason:
    """One piece of evidence in words, and which way it points.

    Attributes:
        sign: which way.
        text: for a reader.
        shared: a warning that holds of the baseline just as well.
    """

    sign: Sign
    text: str
    shared: bool = False


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
        class_low: lower ends of the method's ``class_mmd2``, for all classes together.
        domain_auc: of a linear domain probe: (baseline, method).
        shares: of each class in the target.
        seeds_changed: (source, target) share of images that two seeds of the method predict
            differently; NaN with one seed.
        baseline_seeds_changed: the same of the baseline.
        excess: images called otherwise than by the baseline, beyond what seeds change, on the
            target.
        seeds_kappa: chance-corrected agreement of the method's seeds on the target; NaN with one
            seed.
        baseline_kappa: the same of the baseline.
        ranks: rank correlation of the target's probabilities: with the baseline, between the
            method's seeds, between the baseline's.
        seeds: of the method and of the baseline.
        baseline_possible: whether some mixture of classes could give what the baseline calls the
            target.
        source_judges: whether the method was trained on source images as they are.
        baseline_shares: as ``shares``, by the baseline.
        trained_shares: class -> share for which the network's probabilities hold; empty if unknown.
        aligns: whether the method aligns the domains.
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
    baseline_kappa: float = float("nan")
    baseline_shares: tuple[ClassShare, ...] = ()
    trained_shares: Mapping[str, float] = field(default_factory=dict)
    aligns: bool = False
    class_low: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class OracleEvidence:
    """What target labels say: differences of accuracy and AUC on the target, method minus baseline,
    on n images of so many galaxies.

    Attributes:
        method: its name.
        baseline: the baseline's.
        accuracy: difference of what ``quantity`` names.
        auc: difference.
        n: images.
        galaxies: shown by them.
        split: of the galaxies.
        fixed: images that only the method gets right, in the mean over pairs of networks.
        broken: images that only the baseline gets right.
        p_grouped: of McNemar's test over galaxies.
        seeds: of the method and of the baseline.
        quantity: "accuracy", or "balanced accuracy" where class shares are unequal.
        tests: how many p-values Holm's correction took together.
        smallest: a true difference that these seeds and galaxies would show four times in five.
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
    quantity: str = "accuracy"
    tests: int = 2
    smallest: float = float("nan")


def source_reasons(evidence: Evidence) -> list[Reason]:
    """The cost on the labelled source."""
    change = evidence.source_accuracy
    text = f"source accuracy {signed(change)}"
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


def domain_reasons(evidence: Evidence) -> list[Reason]:
    """Whether the domains came closer."""
    before, after = evidence.mmd2
    change = evidence.mmd2_change
    sign: Sign = "for" if change.below else "against" if change.above else "unclear"
    found = [
        Reason(sign, f"MMD² of the latents {before:.4f} → {after:.4f}, change {signed(change, 4)}")
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


def class_reasons(evidence: Evidence) -> list[Reason]:
    """Whether each class did, as called."""
    found = []
    before, after = evidence.mmd2
    for name, (its_before, its_after, change) in evidence.class_mmd2.items():
        if not np.isfinite(its_after):
            text = f"{evidence.method} predicts hardly any galaxy of one domain as {name}"
            found.append(Reason("warning", text, shared=not np.isfinite(its_before)))
            continue
        if np.isfinite(its_before):
            text = (
                f"MMD² of galaxies predicted as {name} {its_before:.4f} → {its_after:.4f}, change"
                f" {signed(change, 4)}"
            )
        else:
            text = (
                f"MMD² of galaxies predicted as {name} {its_after:.4f}; {evidence.baseline} calls"
                " too few of one domain so to compare"
            )
        # A class that stays apart while the whole comes together: galaxies of another class have
        # taken its place. What the baseline never called, it cannot be compared with.
        known = np.isfinite(its_before)
        far = max(3 * after, its_before / 2) if known else np.inf
        apart = (
            evidence.mmd2_change.below
            and after < before / 2
            and evidence.class_low.get(name, its_after) > far
        )
        if change.above or apart:
            found.append(Reason("warning", f"{text}: it does not follow the whole"))
        else:
            found.append(Reason("for" if change.below else "unclear", text))
    return found


def share_reasons(evidence: Evidence) -> list[Reason]:
    """Class shares of the target, as called and as estimated."""
    found = []
    if not evidence.baseline_possible and all(share.possible for share in evidence.shares):
        text = (
            f"no mixture of the classes would be predicted as {evidence.baseline} predicts the"
            f" target, but one would as {evidence.method} does"
        )
        found.append(Reason("for", text))
    base = {share.name: share for share in evidence.baseline_shares}
    for share in evidence.shares:
        called = f"{share.predicted.value:.1%} of the target predicted as {share.name}"
        if not share.possible:
            text = (
                f"{called}: no mixture of the classes, as the source shows them, would be predicted"
                " so; the domains differ in more than shares"
            )
            found.append(Reason("warning", text, shared=not evidence.baseline_possible))
            continue
        estimates = _estimates(share)
        text = f"{called}; estimated share " + ", ".join(
            f"{each.value:.1%} [{each.low:.1%}, {each.high:.1%}] ({kind})"
            for kind, each in estimates
        )
        if not estimates:
            continue
        apart = len(estimates) == 2 and (
            share.bbse.low > share.em.high or share.em.low > share.bbse.high
        )
        if _outside(share):
            shared = share.name in base and _outside(base[share.name])
            text = f"{text}: predictions and estimates are far apart"
            found.append(Reason("warning", text, shared))
        else:
            more = ": the two estimates disagree, so more than shares differ" if apart else ""
            found.append(Reason("unclear", f"{text}{more}"))
        found += _mismatch(evidence, share)
    return found


def _estimates(share: ClassShare) -> list[tuple[str, Interval]]:
    both = (("BBSE", share.bbse), ("EM", share.em))
    return [(kind, each) for kind, each in both if np.isfinite(each.value)]


def _outside(share: ClassShare) -> bool:
    """Whether as many are called so as neither estimate allows."""
    estimates = _estimates(share)
    return bool(estimates) and all(
        share.predicted.low > each.high + 0.1 or share.predicted.high < each.low - 0.1
        for _, each in estimates
    )


def _mismatch(evidence: Evidence, share: ClassShare) -> list[Reason]:
    """Class shares that differ between the domains, to which a match of whole distributions moves
    galaxies of one class into the other (Zhao et al. 2019, ICML, 7523)."""
    trained = evidence.trained_shares.get(share.name)
    estimates = _estimates(share)
    if trained is None or len(estimates) < 2 or not evidence.aligns:
        return []
    less = all(each.high < trained - MISMATCH for _, each in estimates)
    more = all(each.low > trained + MISMATCH for _, each in estimates)
    if not less and not more:
        return []
    text = (
        f"class shares differ between the domains: {share.name} is {trained:.0%} of the source as"
        f" trained, but an estimated {share.bbse.value:.0%} (BBSE) and {share.em.value:.0%} (EM) of"
        " the target; aligning whole distributions can swap classes"
    )
    return [Reason("warning", text, shared=True)]


def seed_reasons(evidence: Evidence) -> list[Reason]:
    """How far seeds agree."""
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
        shared = evidence.baseline_kappa <= kappa.value + 0.1
        found.append(Reason("warning" if doubtful else "for", f"{text}{more}", shared))
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
    return [*found, *few_seeds(evidence.seeds)]


def few_seeds(seeds: tuple[int, int]) -> list[Reason]:
    """What too few seeds leave open."""
    if min(seeds) > 2:
        return []
    text = f"{seeds[0]} and {seeds[1]} seeds"
    if min(seeds) == 1:
        text += (
            ": the intervals leave out how much one training differs from the next; train at least"
            " 3 of each"
        )
    else:
        text += ": only a large difference shows itself; train at least 3 of each"
    return [Reason("unclear", text)]


def sign_of(change: Interval) -> Sign:
    """Which way a difference points, where more is better."""
    return "for" if change.above else "against" if change.below else "unclear"


def signed(change: Interval, digits: int = 3) -> str:
    """A difference with its sign and interval."""
    if not np.isfinite(change.low):
        return f"{change.value:+.{digits}f}"
    return f"{change.value:+.{digits}f} [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"
