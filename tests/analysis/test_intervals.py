"""Intervals at the edges: exact values, no width of zero, and their coverage."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from daexplore.analysis.metrics.bootstrap import metrics_with_intervals
from daexplore.analysis.metrics.intervals import (
    FEWEST,
    area_interval,
    edge_intervals,
    joined_interval,
    share_interval,
)

NAMES = ("accuracy", "precision", "recall", "f1", "auc")


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (1, 40), (13, 20)])
def test_a_share_has_the_exact_binomial_interval(hits, trials):
    found = share_interval(hits / trials, float(trials))
    exact = binomtest(hits, trials).proportion_ci(method="exact")
    assert found == pytest.approx((exact.low, exact.high))


def test_an_area_at_the_edge_is_the_published_score_interval():
    low, high = area_interval(1.0, 50, 50)
    # At the lower end the distance to 1 is 1.96 standard errors of Hanley and McNeil there.
    variance = low * (1 - low) * (1 + 49 * ((1 - low) / (2 - low) + low / (1 + low))) / 2500
    assert 1 - low == pytest.approx(norm.ppf(0.975) * np.sqrt(variance), rel=1e-6)
    assert high == pytest.approx(1, abs=1e-6)
    assert area_interval(0.0, 50, 50) == pytest.approx((1 - high, 1 - low), abs=1e-6)
    assert np.isnan(area_interval(0.7, 0, 10)).all()


def test_a_mean_of_independent_shares_has_the_joined_interval():
    ends = np.array([[0.4, 0.9], [0.1, 0.3]])
    low, high = joined_interval(np.array([0.7, 0.2]), ends, np.array([0.5, 0.5]))
    assert low == pytest.approx(0.45 - 0.5 * np.hypot(0.3, 0.1))
    assert high == pytest.approx(0.45 + 0.5 * np.hypot(0.2, 0.1))


def calls(rng, right, galaxies, views, mergers=0.5):
    """Labels, probabilities and galaxies of networks that call all views of a galaxy alike."""
    labels = np.repeat((rng.random(galaxies) < mergers).astype(int), views)
    correct = np.repeat(rng.random(galaxies) < right, views)
    score = np.where(np.where(correct, labels, 1 - labels) == 1, 0.9, 0.1)
    return labels, np.stack([1 - score, score], 1), np.repeat(np.arange(galaxies), views)


@pytest.mark.parametrize("galaxies", [1, 3, 5, 60])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_no_interval_has_a_width_of_zero(galaxies, right):
    case = calls(np.random.default_rng(galaxies), right, galaxies, views=4)
    found = metrics_with_intervals(*case, resamples=50)
    known = [found[name] for name in NAMES if np.isfinite(found[name]["low"])]
    assert known
    assert all(each["low"] < each["high"] for each in known)


def test_galaxies_count_and_not_their_images():
    once = calls(np.random.default_rng(0), 1.0, 12, views=1)
    often = [np.repeat(each, 50, axis=0) for each in once]
    first, second = edge_intervals(*once), edge_intervals(*often)
    assert first.keys() == second.keys() == {*NAMES, "balanced_accuracy"}
    for name, ends in first.items():
        assert second[name] == pytest.approx(ends)


def test_large_samples_keep_the_bootstrap():
    rng = np.random.default_rng(1)
    labels, probabilities, groups = calls(rng, 0.8, 40 * FEWEST, views=1)
    assert edge_intervals(labels, probabilities, groups, names=NAMES[:4]) == {}


def gaussian(rng, area, galaxies, mergers):
    """Scores with a known area under the ROC curve, two images per galaxy."""
    labels = np.repeat((rng.random(galaxies) < mergers).astype(int), 2)
    score = np.repeat(0.8 * rng.normal(size=galaxies), 2) + 0.6 * rng.normal(size=2 * galaxies)
    score += np.sqrt(2) * norm.ppf(area) * labels
    chance = 1 / (1 + np.exp(-score))
    return labels, np.stack([1 - chance, chance], 1), np.repeat(np.arange(galaxies), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "truth", "make"),
    [
        ("accuracy", 0.99, lambda rng: calls(rng, 0.99, 250, 2)),
        ("recall", 0.02, lambda rng: calls(rng, 0.02, 250, 2)),
        ("recall", 0.005, lambda rng: calls(rng, 0.005, 250, 2)),
        ("precision", 0.08 / 0.26, lambda rng: calls(rng, 0.8, 250, 2, 0.1)),
        ("f1", 0.16 / 0.36, lambda rng: calls(rng, 0.8, 250, 2, 0.1)),
        ("accuracy", 0.8, lambda rng: calls(rng, 0.8, 1, 2)),
        ("auc", 0.9997, lambda rng: gaussian(rng, 0.9997, 250, 0.5)),
        ("auc", 0.9, lambda rng: gaussian(rng, 0.9, 500, 0.1)),
    ],
)
def test_at_the_edges_an_interval_covers(name, truth, make):
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(250):
        found = metrics_with_intervals(*make(rng), resamples=100, names=(name,))[name]
        if np.isfinite(found["low"]):
            covered.append(found["low"] <= truth <= found["high"])
    assert len(covered) > 200
    assert np.mean(covered) >= 0.92
