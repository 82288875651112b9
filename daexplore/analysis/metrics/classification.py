"""Classification metrics of one sample or of many reweightings of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.utils.checks import check_finite

__all__ = [
    "METRICS",
    "RocCurve",
    "auc",
    "classification_metrics",
    "confusion",
    "entropy",
    "precision_recall",
    "reweighted_metrics",
    "roc",
    "weighted_auc",
]

METRICS = ("accuracy", "precision", "recall", "f1", "brier", "auc")
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class RocCurve:
    """A receiver operating characteristic with a point for each distinct score.

    Attributes:
        fpr: (m + 1,) false positive rate, from 0 to 1; NaN if there are no negatives.
        tpr: (m + 1,) true positive rate; NaN if there are no positives.
        thresholds: (m + 1,) falling, the first infinite: a point counts scores >= its threshold as
            positive.
        auc: area under the curve, NaN if one class is absent.
    """

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    auc: float

    def at(self, threshold: float) -> tuple[float, float]:
        """False and true positive rate of the decision ``score > threshold``."""
        point = int(np.searchsorted(-self.thresholds, -threshold, side="left")) - 1
        return float(self.fpr[max(point, 0)]), float(self.tpr[max(point, 0)])


def classification_metrics(
    labels: NDArray[np.integer[Any]],
    probabilities: Floats,
    weights: Floats | None = None,
    threshold: float = 0.5,
) -> dict[str, float]:
    """How well probabilities meet labels.

    For two classes precision, recall, F1 and AUC are those of class 1, called where its probability
    exceeds ``threshold``, and the Brier score is the mean of ``(p_1 - y)^2``. For more, the class
    of largest probability is called, the four are means over the classes that occur (AUC one
    against the rest; the precision of a class that is never called counts as 0), and the Brier
    score sums the squared error over classes (Brier 1950, Monthly Weather Review 78, 1).

    Args:
        labels: (n,) class indices; negative ones (missing) are left out.
        probabilities: (n, K).
        weights: (n,) >= 0, by default 1.
        threshold: for two classes.

    Returns:
        The values of ``METRICS``; NaN where undefined, e.g. AUC with one class only.

    Raises:
        InputError: a probability is not finite.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    return {
        name: float(values[0])
        for name, values in reweighted_metrics(
            labels, probabilities, weights[None, :], threshold
        ).items()
    }


def reweighted_metrics(
    labels: NDArray[np.integer[Any]],
    probabilities: Floats,
    weights: Floats,
    threshold: float = 0.5,
    names: Sequence[str] = METRICS,
) -> dict[str, NDArray[np.float64]]:
    """As ``classification_metrics``, for R sets of weights at once.

    Args:
        labels: (n,).
        probabilities: (n, K).
        weights: (R, n).
        threshold: for two classes.
        names: of ``METRICS``, those that are wanted; the area under the curve takes longest.

    Returns:
        Name -> (R,).
    """
    check_finite("Probabilities", probabilities)
    known = labels >= 0
    labels, probabilities, weights = labels[known], probabilities[known], weights[:, known]
    n, classes = probabilities.shape
    if not n:
        return {name: np.full(len(weights), np.nan) for name in names}
    predicted = (
        (probabilities[:, 1] > threshold).astype(np.int64)
        if classes == 2
        else probabilities.argmax(axis=1)
    )
    truth = labels[:, None] == np.arange(classes)
    if classes == 2:
        squared_error = (probabilities[:, 1] - truth[:, 1]) ** 2
        truth, called, scores = truth[:, 1:], predicted[:, None] == 1, probabilities[:, 1:]
    else:
        squared_error = ((probabilities - truth) ** 2).sum(axis=1)
        called, scores = predicted[:, None] == np.arange(classes), probabilities
    total = weights.sum(axis=1)
    hits, calls, actual = weights @ (truth & called), weights @ called, weights @ truth
    precision = _ratio(hits, calls)
    if classes > 2:
        precision = np.where(calls == 0, 0.0, precision)

    def areas() -> NDArray[np.float64]:
        return np.stack(
            [weighted_auc(truth[:, k], scores[:, k], weights) for k in range(truth.shape[1])],
            axis=1,
        )

    make: dict[str, Callable[[], NDArray[np.float64]]] = {
        "accuracy": lambda: _ratio(weights @ (predicted == labels), total),
        "precision": lambda: _mean_over_classes(precision, actual, classes),
        "recall": lambda: _mean_over_classes(_ratio(hits, actual), actual, classes),
        "f1": lambda: _mean_over_classes(_ratio(2 * hits, calls + actual), actual, classes),
        "brier": lambda: _ratio(weights @ squared_error, total),
        "auc": lambda: _mean_over_classes(areas(), actual, classes),
    }
    return {name: make[name]() for name in names}


def weighted_auc(
    positive: NDArray[np.bool_], scores: Floats, weights: Floats
) -> NDArray[np.float64]:
    """Area under the ROC curve for R sets of weights: the chance that a positive scores above a
    negative, ties counting half.

    One sorting serves all sets (Mann & Whitney 1947 with weights).

    Args:
        positive: (n,).
        scores: (n,).
        weights: (R, n).

    Returns:
        (R,), NaN where a set has no positives or no negatives.
    """
    order = np.argsort(scores, kind="stable")
    ordered, positive = scores[order], positive[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weights = weights[:, order]
    positives, negatives = weights * positive, weights * ~positive
    if len(starts) < len(scores):
        positives, negatives = (
            np.add.reduceat(each, starts, axis=1) for each in (positives, negatives)
        )
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return _ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def auc(positive: NDArray[np.bool_], scores: Floats) -> float:
    """Area under the ROC curve; NaN if one class is absent."""
    return (
        float(weighted_auc(positive, scores, np.ones((1, len(scores))))[0])
        if len(scores)
        else float("nan")
    )


def roc(labels: NDArray[np.integer[Any]] | NDArray[np.bool_], scores: Floats) -> RocCurve:
    """The ROC curve of scores for being of class 1.

    Args:
        labels: (n,) 1 or True for positives; negative numbers (missing) are left out.
        scores: (n,) higher for positives.
    """
    known = labels >= 0
    positive, scores = labels[known] == 1, scores[known].astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], positive[order]
    last = (
        np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
        if len(ordered)
        else np.zeros(0, np.int64)
    )
    true, false = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return RocCurve(
        fpr=_ratio(np.r_[0.0, false], np.array(float((~positive).sum()))),
        tpr=_ratio(np.r_[0.0, true], np.array(float(positive.sum()))),
        thresholds=np.r_[np.inf, ordered[last]],
        auc=auc(positive, ordered),
    )


def precision_recall(
    curve: RocCurve, positives: int, negatives: int
) -> tuple[NDArray[np.float64], float]:
    """The precision at each point of a ROC curve, and the average precision: the sum of the steps
    in recall, each at its end's precision.

    Between points a straight line would promise too much (Davis & Goadrich 2006, ICML, 233).

    Args:
        curve: of m + 1 points.
        positives: how many positives it was made of, at least one.
        negatives: as above.

    Returns:
        (m + 1,) precision, 1 at the first point, where nothing is called yet; and the average
        precision.
    """
    true, false = curve.tpr * positives, curve.fpr * negatives
    precision = np.r_[1.0, true[1:] / (true[1:] + false[1:])]
    return precision, float(np.diff(curve.tpr) @ precision[1:])


def confusion(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """(K, K) counts, rows the true class and columns the predicted one; rows with a missing
    (negative) label are left out.
    """
    known = labels >= 0
    counts = np.bincount(labels[known] * classes + predicted[known], minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _ratio(numerator: Floats, denominator: Floats) -> NDArray[np.float64]:
    """NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    return np.asarray(
        np.divide(
            numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0
        )
    )


def _mean_over_classes(
    values: NDArray[np.float64], actual: Floats, classes: int
) -> NDArray[np.float64]:
    """(R, columns) -> (R,): the single column of two classes, else the mean over the classes that
    occur and have a value.
    """
    if classes == 2:
        return values[:, 0]
    counts = (actual > 0) & np.isfinite(values)
    return _ratio(np.where(counts, values, 0.0).sum(axis=1), counts.sum(axis=1).astype(np.float64))


def entropy(probabilities: Floats) -> NDArray[np.float64]:
    """(…, K) -> (…): Shannon entropy [nat], with 0 log 0 = 0."""
    p = np.asarray(probabilities, np.float64)
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))
