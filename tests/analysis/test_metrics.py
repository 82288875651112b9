"""Metrics agree with published confusion matrices, with scikit-learn and with naive counting."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from daexplore.analysis.metrics.classification import (
    METRICS,
    auc,
    classification_metrics,
    confusion,
    reweighted_metrics,
    roc,
)
from daexplore.errors import InputError


def from_confusion(counts):
    """Labels and probabilities of two classes that give these counts, rows the true class."""
    labels = np.repeat([0, 0, 1, 1], np.ravel(counts))
    p = np.repeat([0.2, 0.9, 0.3, 0.8], np.ravel(counts))
    return labels, np.c_[1 - p, p]


def make_case(n=500, classes=2, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + 1.2 * np.eye(classes)[labels]
    if ties:
        logits = logits.round()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities


@pytest.mark.parametrize(
    ("counts", "accuracy", "precision", "recall", "f1"),
    [
        # Ćiprijanović et al. 2021 (arXiv:2103.01373), their notebook: noDA on the source, then on
        # the target domain.
        ([[567, 52], [47, 534]], 0.9175, 0.911, 0.919, 0.915),
        ([[111, 479], [125, 485]], 0.4967, 0.503, 0.795, 0.616),
    ],
)
def test_published_confusions(counts, accuracy, precision, recall, f1):
    labels, probabilities = from_confusion(counts)
    found = classification_metrics(labels, probabilities)
    assert found["accuracy"] == pytest.approx(accuracy, abs=5e-5)
    assert found["precision"] == pytest.approx(precision, abs=6e-4)
    assert found["recall"] == pytest.approx(recall, abs=6e-4)
    assert found["f1"] == pytest.approx(f1, abs=6e-4)
    np.testing.assert_array_equal(
        confusion(labels, (probabilities[:, 1] > 0.5).astype(int), 2), counts
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("threshold", [0.5, 0.31])
def test_two_classes_agree_with_scikit_learn(threshold, ties):
    labels, probabilities = make_case(ties=ties)
    weights = np.random.default_rng(1).integers(0, 4, len(labels)).astype(float)
    predicted = probabilities[:, 1] > threshold
    for given, w in ((None, None), (weights, weights)):
        found = classification_metrics(labels, probabilities, given, threshold)
        assert tuple(found) == METRICS
        assert found["accuracy"] == pytest.approx(
            sk.accuracy_score(labels, predicted, sample_weight=w)
        )
        assert found["precision"] == pytest.approx(
            sk.precision_score(labels, predicted, sample_weight=w)
        )
        assert found["recall"] == pytest.approx(sk.recall_score(labels, predicted, sample_weight=w))
        assert found["f1"] == pytest.approx(sk.f1_score(labels, predicted, sample_weight=w))
        assert found["brier"] == pytest.approx(
            sk.brier_score_loss(labels, probabilities[:, 1], sample_weight=w)
        )
        assert found["auc"] == pytest.approx(
            sk.roc_auc_score(labels, probabilities[:, 1], sample_weight=w)
        )


@pytest.mark.parametrize("ties", [False, True])
def test_more_classes_agree_with_scikit_learn(ties):
    labels, probabilities = make_case(classes=4, ties=ties)
    found = classification_metrics(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["precision"] == pytest.approx(
        sk.precision_score(labels, predicted, average="macro")
    )
    assert found["recall"] == pytest.approx(sk.recall_score(labels, predicted, average="macro"))
    assert found["f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found["auc"] == pytest.approx(
        sk.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    )
    naive = np.mean(
        [
            sum((p - (k == label)) ** 2 for k, p in enumerate(row))
            for label, row in zip(labels, probabilities, strict=True)
        ]
    )
    assert found["brier"] == pytest.approx(naive)


def test_integer_weights_are_repeated_rows():
    labels, probabilities = make_case(classes=3, n=60)
    times = np.random.default_rng(2).integers(0, 3, (5, 60))
    found = reweighted_metrics(labels, probabilities, times.astype(float))
    for row in range(5):
        rows = np.repeat(np.arange(60), times[row])
        expected = classification_metrics(labels[rows], probabilities[rows])
        for name in METRICS:
            assert found[name][row] == pytest.approx(expected[name]), name


def test_missing_labels_are_left_out():
    labels, probabilities = make_case(n=100)
    known = np.arange(100) % 3 > 0
    assert classification_metrics(
        np.where(known, labels, -1), probabilities
    ) == classification_metrics(labels[known], probabilities[known])
    predicted = (probabilities[:, 1] > 0.5).astype(int)
    assert confusion(np.where(known, labels, -1), predicted, 2).sum() == known.sum()


def test_undefined_values_are_nan_without_warnings():
    _, probabilities = make_case(n=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = classification_metrics(np.zeros(50, int), probabilities)
        none = classification_metrics(np.full(50, -1), probabilities)
        never = classification_metrics(np.arange(50) % 2, np.tile([1.0, 0.0], (50, 1)))
        curve = roc(np.zeros(50, int), probabilities[:, 1])
        three = classification_metrics(np.arange(50) % 2, np.tile([0.1, 0.7, 0.2], (50, 1)))
    assert np.isnan(one["auc"])
    assert np.isnan(one["recall"])
    assert one["accuracy"] == (probabilities[:, 1] <= 0.5).mean()
    assert all(np.isnan(value) for value in none.values())
    assert np.isnan(never["precision"])
    assert never["recall"] == never["f1"] == 0
    assert np.isnan(curve.auc)
    assert np.isnan(curve.tpr).all()
    # Of three classes only two occur, of which class 1 is always called.
    assert three["precision"] == pytest.approx((0 + 0.5) / 2)
    assert three["recall"] == pytest.approx((0 + 1) / 2)
    assert three["auc"] == 0.5


def test_diverged_probabilities_are_refused():
    with pytest.raises(InputError, match="diverged"):
        classification_metrics(np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, np.nan]]))


@pytest.mark.parametrize("ties", [False, True])
def test_roc_agrees_with_scikit_learn(ties):
    labels, probabilities = make_case(ties=ties)
    scores = probabilities[:, 1]
    curve = roc(labels, scores)
    fpr, tpr, thresholds = sk.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.fpr, fpr)
    np.testing.assert_allclose(curve.tpr, tpr)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    assert curve.auc == pytest.approx(sk.roc_auc_score(labels, scores))
    np.testing.assert_allclose(np.trapezoid(curve.tpr, curve.fpr), curve.auc)


def test_the_roc_point_of_a_threshold_is_that_of_the_confusion_matrix():
    labels, probabilities = make_case(ties=True)
    scores = probabilities[:, 1]
    curve = roc(labels, scores)
    for threshold in [0.0, 1.0, 0.5, *np.unique(scores)]:
        (tn, fp), (fn, tp) = confusion(labels, (scores > threshold).astype(int), 2)
        assert curve.at(threshold) == pytest.approx((fp / (fp + tn), tp / (tp + fn)))


def test_auc_is_the_chance_that_a_positive_scores_higher():
    labels, probabilities = make_case(n=80, ties=True)
    scores = probabilities[:, 1]
    pairs = [(p > q) + 0.5 * (p == q) for p in scores[labels == 1] for q in scores[labels == 0]]
    assert auc(labels == 1, scores) == pytest.approx(np.mean(pairs))
    assert auc(labels == 1, -scores) == pytest.approx(1 - np.mean(pairs))
