"""Risk-coverage curves and ensembles, against naive loops and closed forms."""

import numpy as np
import pytest
from scipy.stats import entropy as shannon

from daexplore.analysis.calibration.ensembles import combine_members
from daexplore.analysis.metrics.classification import entropy
from daexplore.analysis.metrics.risk_coverage import risk_coverage
from daexplore.errors import InputError


def make_case(n=200, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, n), rng.dirichlet(np.ones(classes), n), np.arange(n)


def naive(labels, probabilities, confidence):
    """AURC as the mean over thresholds, galaxy by galaxy."""
    wrong = probabilities.argmax(axis=1) != labels
    return np.mean([wrong[confidence >= threshold].mean() for threshold in confidence])


def test_the_curve_agrees_with_a_naive_loop():
    labels, probabilities, groups = make_case()
    confidence = probabilities.max(axis=1)
    found = risk_coverage(labels, probabilities, groups, points=20)
    wrong = (probabilities.argmax(axis=1) != labels)[np.argsort(-confidence)]
    np.testing.assert_allclose(found.coverage, np.arange(1, 21) / 20)
    np.testing.assert_allclose(found.risk, [wrong[: 10 * k].mean() for k in range(1, 21)])
    assert found.aurc["value"] == pytest.approx(naive(labels, probabilities, confidence))
    assert found.aurc["n"] == 200
    assert (found.low <= found.risk).all()
    assert (found.risk <= found.high).all()


def test_ties_are_kept_together():
    labels, probabilities, groups = make_case()
    coarse = probabilities.max(axis=1).round(1)
    found = risk_coverage(labels, probabilities, groups, coarse)
    assert found.aurc["value"] == pytest.approx(naive(labels, probabilities, coarse))
    flat = risk_coverage(labels, probabilities, groups, np.zeros(200))
    assert flat.aurc["value"] == pytest.approx((probabilities.argmax(axis=1) != labels).mean())
    assert np.ptp(flat.risk) == 0


def test_the_best_order_has_no_excess_and_a_random_one_the_error_rate():
    labels, probabilities, groups = make_case(4000, 1)
    wrong = probabilities.argmax(axis=1) != labels
    order = np.random.default_rng(2).random(4000)
    best = risk_coverage(labels, probabilities, groups, order - wrong)
    # The closed form is the limit of many galaxies.
    assert best.excess["value"] == pytest.approx(0, abs=1e-3)
    assert risk_coverage(labels, probabilities, groups, order).aurc["value"] == pytest.approx(
        wrong.mean(), abs=0.03
    )
    assert risk_coverage(labels, probabilities, groups, order + wrong).aurc["value"] > wrong.mean()


def test_intervals_agree_with_a_naive_bootstrap_of_galaxies():
    labels, probabilities, _ = make_case(300, 3)
    groups = np.arange(300) // 2
    found = risk_coverage(labels, probabilities, groups, resamples=1500)
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(400):
        rows = np.concatenate([(2 * g, 2 * g + 1) for g in rng.integers(0, 150, 150)])
        drawn.append(naive(labels[rows], probabilities[rows], probabilities[rows].max(axis=1)))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.aurc["low"] == pytest.approx(low, abs=0.12 * (high - low))
    assert found.aurc["high"] == pytest.approx(high, abs=0.12 * (high - low))


def test_intervals_cover_the_truth():
    """Error rate 1 - confidence, confidence uniform on (1/2, 1): the risk at coverage c is c / 4,
    its mean 1/8.
    """
    covered = []
    for trial in range(120):
        rng = np.random.default_rng(trial)
        p = rng.uniform(0.5, 1, 300)
        labels = (rng.random(300) >= p).astype(np.int64)
        found = risk_coverage(
            labels, np.c_[p, 1 - p], np.arange(300), points=4, resamples=150, seed=trial
        )
        half = found.low[1] <= 1 / 8 <= found.high[1]
        covered.append((found.aurc["low"] <= 1 / 8 <= found.aurc["high"], half))
    rate = np.mean(covered, axis=0)
    assert ((rate > 0.88) & (rate < 1)).all()


def test_missing_labels_are_left_out():
    labels, probabilities, groups = make_case()
    some = np.where(np.arange(200) < 120, labels, -1)
    assert risk_coverage(some, probabilities, groups).aurc["value"] == pytest.approx(
        risk_coverage(labels[:120], probabilities[:120], groups[:120]).aurc["value"]
    )
    with pytest.raises(InputError, match="label"):
        risk_coverage(np.full(200, -1), probabilities, groups)
    with pytest.raises(InputError, match="NaN"):
        risk_coverage(labels, probabilities, groups, np.full(200, np.nan))


def test_members_combine_as_a_naive_loop_says():
    members = np.random.default_rng(5).dirichlet(np.ones(3), (4, 50))
    found = combine_members(members)
    for row in range(50):
        mean = members[:, row].mean(axis=0)
        called = mean.argmax()
        np.testing.assert_allclose(found.probabilities[row], mean)
        assert found.spread[row] == pytest.approx(np.std(members[:, row, called], ddof=1))
        assert found.entropy[row] == pytest.approx(shannon(mean))
        assert found.expected_entropy[row] == pytest.approx(
            np.mean([shannon(p) for p in members[:, row]])
        )
        # Equal to the mean divergence of the members from their mean.
        assert found.mutual_information[row] == pytest.approx(
            np.mean([shannon(p, mean) for p in members[:, row]])
        )
    np.testing.assert_allclose(np.exp(found.logits), found.probabilities)


def test_agreement_and_contradiction():
    agreed = combine_members(np.tile([[0.9, 0.1]], (5, 1))[:, None, :])
    assert agreed.mutual_information[0] == 0
    assert agreed.spread[0] == pytest.approx(0)
    opposed = combine_members(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    assert opposed.mutual_information[0] == pytest.approx(np.log(2))
    assert opposed.expected_entropy[0] == 0
    assert np.isnan(combine_members(np.array([[[1.0, 0.0]]])).spread[0])
    assert entropy(np.full((1, 4), 0.25))[0] == pytest.approx(np.log(4))
    with pytest.raises(InputError, match="members"):
        combine_members(np.zeros((0, 3, 2)))
    with pytest.raises(InputError, match="NaN"):
        combine_members(np.full((2, 3, 2), np.nan))
