"""Bootstrap intervals cover what they should, resample galaxies, and are fast."""

import time

import numpy as np
import pytest

from daexplore.analysis.metrics.bootstrap import group_weights, metrics_with_intervals, roc_band
from daexplore.analysis.metrics.classification import METRICS, classification_metrics, roc


def make_case(n, seed, accuracy=0.8):
    """Labels and probabilities of which a share ``accuracy`` is right in the mean."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    p = np.where(rng.random(n) < accuracy, labels, 1 - labels) * 0.5 + 0.5 * rng.random(n)
    return labels, np.c_[1 - p, p]


def test_weights_draw_whole_groups():
    groups = np.array(["b", "a", "b", "c", "a", "b", "d", "e", "d"], object)
    weights = group_weights(groups, 2000)
    for name in "abcde":
        assert (weights[:, groups == name] == weights[:, groups == name][:, :1]).all()
    firsts = weights[:, [0, 1, 3, 6, 7]]
    assert (firsts.sum(axis=1) == 5).all()
    # Drawn with replacement: multinomial, each group once in the mean with variance 1 - 1/5.
    np.testing.assert_allclose(firsts.mean(axis=0), 1, atol=0.1)
    np.testing.assert_allclose(firsts.var(axis=0), 4 / 5, atol=0.1)


@pytest.mark.parametrize("galaxies", [1, 2, 4, 5])
def test_a_few_galaxies_have_no_bootstrap(galaxies):
    """Many images of one galaxy are one galaxy: resampling it would give an interval of width 0."""
    labels, probabilities = make_case(60, 0)
    groups = np.arange(60) % galaxies
    found = metrics_with_intervals(labels, probabilities, groups)
    band = roc_band(labels, probabilities[:, 1], groups)
    assert np.isfinite(found["accuracy"]["value"])
    for ends in ([found["brier"][end] for end in ("low", "high")], band.low):
        assert np.isfinite(ends).all() == (galaxies >= 5)
        assert np.isnan(ends).all() == (galaxies < 5)


def test_intervals_agree_with_a_naive_bootstrap():
    labels, probabilities = make_case(300, 0)
    groups = np.arange(300) // 2
    found = metrics_with_intervals(labels, probabilities, groups, resamples=2000)
    rng = np.random.default_rng(99)
    drawn = []
    for _ in range(2000):
        rows = np.concatenate([(2 * g, 2 * g + 1) for g in rng.integers(0, 150, 150)])
        drawn.append(classification_metrics(labels[rows], probabilities[rows]))
    for name in METRICS:
        values = [d[name] for d in drawn]
        width = np.ptp(np.quantile(values, [0.025, 0.975]))
        assert found[name]["value"] == classification_metrics(labels, probabilities)[name]
        assert found[name]["n"] == 300
        assert found[name]["low"] == pytest.approx(np.quantile(values, 0.025), abs=0.1 * width)
        assert found[name]["high"] == pytest.approx(np.quantile(values, 0.975), abs=0.1 * width)


def test_intervals_cover_the_truth():
    covered = 0
    trials = 300
    for trial in range(trials):
        labels, probabilities = make_case(400, trial, accuracy=0.8)
        # The right class gets p > 0.5 always, the wrong one never: accuracy is 0.8 in the
        # population.
        interval = metrics_with_intervals(labels, probabilities, np.arange(400), seed=trial)[
            "accuracy"
        ]
        covered += interval["low"] <= 0.8 <= interval["high"]
    # 95% nominal; a percentile interval from 200 resamples loses about one percent, binomial
    # scatter is 1.3%.
    assert 0.90 <= covered / trials <= 0.985


def test_repeated_images_widen_intervals():
    labels, probabilities = make_case(200, 1)
    once = metrics_with_intervals(labels, probabilities, np.arange(200))
    rows = np.repeat(np.arange(200), 9)
    naive = metrics_with_intervals(labels[rows], probabilities[rows], np.arange(1800))
    grouped = metrics_with_intervals(labels[rows], probabilities[rows], rows)

    def width(found, name):
        return found[name]["high"] - found[name]["low"]

    for name in METRICS:
        # Nine copies tell no more than one, but look as if the interval were three times as narrow.
        assert width(grouped, name) == pytest.approx(width(once, name), rel=1e-6)
        assert width(naive, name) == pytest.approx(width(once, name) / 3, rel=0.25)


def test_a_seed_gives_the_same_intervals():
    case = (*make_case(100, 2), np.arange(100))
    assert metrics_with_intervals(*case, seed=4) == metrics_with_intervals(*case, seed=4)
    assert metrics_with_intervals(*case, seed=4) != metrics_with_intervals(*case, seed=5)


def test_one_class_and_none():
    labels, probabilities = make_case(40, 3)
    one = metrics_with_intervals(np.zeros(40, int), probabilities, np.arange(40))
    assert all(np.isnan(one["auc"][key]) for key in ("value", "low", "high"))
    assert one["accuracy"]["low"] <= one["accuracy"]["value"] <= one["accuracy"]["high"]
    none = metrics_with_intervals(np.full(40, -1), probabilities, np.arange(40))
    assert all(np.isnan(entry["value"]) and entry["n"] == 0 for entry in none.values())
    some = metrics_with_intervals(
        np.where(np.arange(40) < 30, labels, -1), probabilities, np.arange(40)
    )
    assert some["accuracy"]["n"] == 30


def test_the_roc_band_is_pointwise_and_holds_the_curve():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 400)
    scores = rng.normal(size=400) + labels
    groups = np.arange(400) // 2
    band = roc_band(labels, scores, groups, resamples=400)
    curve = roc(labels, scores)
    np.testing.assert_allclose(band.tpr, np.interp(band.fpr, curve.fpr, curve.tpr))
    assert ((band.low <= band.tpr) & (band.tpr <= band.high)).mean() > 0.97
    drawn = []
    for _ in range(400):
        rows = np.concatenate([(2 * g, 2 * g + 1) for g in rng.integers(0, 200, 200)])
        resampled = roc(labels[rows], scores[rows])
        drawn.append(np.interp(band.fpr, resampled.fpr, resampled.tpr))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(band.low, low, atol=0.05)
    np.testing.assert_allclose(band.high, high, atol=0.05)
    assert np.isnan(roc_band(np.ones(400, int), scores, groups).tpr).all()


def test_intervals_are_fast():
    labels, probabilities = make_case(2500, 6)
    groups = np.array([f"G{i:05d}" for i in range(2500)], object)
    metrics_with_intervals(labels, probabilities, groups)
    best = np.inf
    for _ in range(5):
        started = time.process_time()
        metrics_with_intervals(labels, probabilities, groups)
        best = min(best, time.process_time() - started)
    assert best < 0.3
