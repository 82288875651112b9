"""Temperature of the target without target labels: TransCal and PseudoCal."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.calibration.temperature import (
    apply_temperature,
    fit_temperature,
    root_temperature,
)
from daexplore.analysis.metrics.classification import auc
from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = [
    "TransCal",
    "density_ratio",
    "log_density_ratio",
    "mixing_pairs",
    "pseudocal",
    "transcal",
]

Floats = NDArray[np.floating[Any]]
_EFFECTIVE = 0.25
"""Least share of the source galaxies that the weights may amount to: below, a handful of galaxies
decides.
"""


@dataclass(frozen=True)
class TransCal:
    """A temperature for the target, and how far it can be trusted.

    Attributes:
        temperature: for the target's logits.
        accuracy: estimate of the target's accuracy, which the mean confidence is made to equal.
        exponent: power of the density ratio that was used, 0 (no weights) to 1.
        effective: number of source galaxies that the weights amount to, (sum w)^2 / sum w^2 (Kish
            1965).
        domain_auc: of the domain classifier on held-out galaxies: near 1 the domains hardly
            overlap, and no weighting can be right.
    """

    temperature: float
    accuracy: float
    exponent: float
    effective: float
    domain_auc: float

    def to_dict(self) -> dict[str, float]:
        """As JSON types."""
        return asdict(self)


def log_density_ratio(
    source: Floats,
    target: Floats,
    source_groups: NDArray[Any] | None = None,
    target_groups: NDArray[Any] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> tuple[NDArray[np.float64], float]:
    """Logarithm of target density over source density at each source galaxy.

    It is the odds of a logistic domain classifier that weighs both domains equally (Bickel et al.
    2009, JMLR 10, 2137). The odds of each galaxy come from a classifier fitted without it, in
    either domain.

    Args:
        source: (n, D) latents.
        target: (m, D) latents.
        source_groups: (n,) the galaxy each row shows; by default each row is its own.
        target_groups: (m,) as above; equal names are the same galaxy.
        folds: of the cross-fitting.
        seed: which galaxies are in which fold.

    Returns:
        (n,) logarithms, and the mean over folds of the held-out area under the ROC curve.

    Raises:
        InputError: latents that are not finite, or fewer galaxies than folds.
    """
    from sklearn.linear_model import LogisticRegression

    check_finite("Latents", source, target)
    # One spread for both, so that a direction without variance (a dead unit) stays without.
    z = np.concatenate([source, target]).astype(np.float64)
    deviation = z.std(axis=0)
    z = (z - z.mean(axis=0)) / np.where(
        deviation > 1e-6 * deviation.max(initial=0.0), deviation, 1.0
    )
    is_target = np.arange(len(z)) >= len(source)
    own = (
        np.array([f"source {i}" for i in range(len(source))]),
        np.array([f"target {i}" for i in range(len(target))]),
    )
    given = (source_groups, target_groups)
    groups = np.concatenate(
        [
            (one if one is not None else other).astype(str)
            for one, other in zip(given, own, strict=True)
        ]
    )
    names, index = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[index]
    odds, areas = np.zeros(len(z)), []
    for number in range(folds):
        out = fold == number
        if (
            min(
                (~out & is_target).sum(),
                (~out & ~is_target).sum(),
                (out & is_target).sum(),
                (out & ~is_target).sum(),
            )
            < 1
        ):
            raise InputError(
                f"A density ratio with {folds} folds needs validation galaxies of both domains in"
                " each; validate on more."
            )
        probe = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(
            z[~out], is_target[~out]
        )
        odds[out] = probe.decision_function(z[out])
        areas.append(auc(is_target[out], odds[out]))
    return odds[~is_target], float(np.mean(areas))


def density_ratio(
    source: Floats,
    target: Floats,
    source_groups: NDArray[Any] | None = None,
    target_groups: NDArray[Any] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> tuple[NDArray[np.float64], float]:
    """As :func:`log_density_ratio`, but the (n,) ratios themselves, divided by their mean."""
    logs, area = log_density_ratio(source, target, source_groups, target_groups, folds, seed)
    ratio = np.exp(logs - logs.max())
    return ratio / ratio.mean(), area


def transcal(
    source_logits: Floats,
    source_labels: NDArray[np.integer[Any]],
    target_logits: Floats,
    ratio: Floats,
    domain_auc: float = float("nan"),
    effective: float = _EFFECTIVE,
) -> TransCal:
    """The temperature at which the target's mean confidence equals its accuracy, estimated on
    weighted source galaxies.

    After Wang et al. 2020 (arXiv:2007.08259), with two changes. The exponent of the weights (their
    lambda) is not fitted with the temperature: a whole curve of pairs makes their loss zero, so
    that the answer depends on where a search starts. It is the largest one that leaves
    ``effective`` of the source galaxies. And the weights are normalised by their sum, which does
    what the first control variate does; the second is left out.

    Args:
        source_logits: (n, K) of source validation.
        source_labels: (n,) -1 where missing.
        target_logits: (m, K) of target validation; no target label is used.
        ratio: (n,) of :func:`density_ratio`.
        domain_auc: as above, to be kept with the result.
        effective: least Kish number over n.

    Raises:
        InputError: no labelled source galaxy, or logits that are not finite.
    """
    check_finite("Logits", source_logits, target_logits)
    known = source_labels >= 0
    if not known.any():
        raise InputError(
            "TransCal needs labelled source validation galaxies, but none has a label."
        )
    logs = np.log(np.maximum(ratio[known].astype(np.float64), np.finfo(np.float64).tiny))

    def weights(exponent: float) -> NDArray[np.float64]:
        power = np.exp(exponent * (logs - logs.max()))
        return np.asarray(power / power.sum())

    def kish(exponent: float) -> float:
        return float(1 / (weights(exponent) ** 2).sum())

    low, high = 0.0, 1.0
    if kish(1.0) >= effective * known.sum():
        low = 1.0
    else:
        # The number falls as weights grow more unequal.
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if kish(middle) >= effective * known.sum() else (low, middle)
    right = source_logits[known].argmax(axis=1) == source_labels[known]
    accuracy = float(weights(low) @ right)
    temperature = root_temperature(
        lambda value: float(apply_temperature(target_logits, value).max(axis=1).mean()) - accuracy
    )
    return TransCal(temperature, accuracy, low, kish(low), domain_auc)


def mixing_pairs(logits: Floats, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows that the network calls differently: each row with a partner drawn at random,
    kept where the calls differ.

    Args:
        logits: (n, K) of unlabelled galaxies.
        seed: of the draw.
    """
    called = logits.argmax(axis=1)
    partner = np.random.default_rng(seed).permutation(len(called))
    rows = np.flatnonzero(called != called[partner])
    return rows, partner[rows]


def pseudocal(mixed_logits: Floats, calls: NDArray[np.integer[Any]]) -> float:
    """PseudoCal (Hu et al. 2024, arXiv:2307.07489): temperature scaling on mixtures of two
    unlabelled images.

    A mixture ``0.65 x_a + 0.35 x_b`` of images called differently has the call of x_a for its
    label: how often the network keeps to it looks like how often it is right on the images
    themselves.

    Args:
        mixed_logits: (n, K) of the mixtures.
        calls: (n,) class that the network called x_a.

    Raises:
        InputError: no mixtures (all images were called alike).
    """
    if not len(calls):
        raise InputError(
            "PseudoCal mixes galaxies of different predictions, but the network predicts one class"
            " for all target galaxies. Use temperature."
        )
    return fit_temperature(mixed_logits, calls)
