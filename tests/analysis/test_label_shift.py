"""Class shares of the target without its labels, on simulated galaxies whose shares are known."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from daexplore.analysis.comparison.label_shift import bbse, em_prior, predicted_shares
from daexplore.errors import InputError


def galaxies(rng, shares, n, images=1):
    """(labels, calibrated probabilities for equal shares, groups): one number a galaxy, normal
    about +-1.
    """
    labels = rng.choice(len(shares), n, p=shares)
    x = np.repeat(2.0 * labels - 1 + rng.normal(size=n), images)
    p = 1 / (1 + np.exp(-2 * x))
    return (
        np.repeat(labels, images),
        np.stack([1 - p, p], axis=1),
        np.repeat(np.arange(n), images).astype(str),
    )


def test_bbse_solves_the_system_of_the_source_s_confusions():
    labels = np.repeat([0, 1], [80, 40])
    called = np.r_[np.zeros(60), np.ones(20), np.zeros(10), np.ones(30)].astype(int)
    target = np.repeat([0, 1], [45, 55])
    rates = np.array([[60 / 80, 10 / 40], [20 / 80, 30 / 40]])
    found = bbse(labels, called, target, 2)
    np.testing.assert_allclose(found.shares, np.linalg.solve(rates, [0.45, 0.55]))
    assert found.possible
    assert (found.low < found.shares).all()
    assert (found.high > found.shares).all()


def test_bbse_s_weights_are_lipton_s():
    """Their system: C_ij = p(called i, class j), C w = mu, and the target's shares are w_j p_j."""
    rng = np.random.default_rng(0)
    labels, called, target = (
        rng.integers(0, 3, 300),
        rng.integers(0, 3, 300),
        rng.integers(0, 3, 200),
    )
    called = np.where(rng.random(300) < 0.7, labels, called)
    joint = np.array([[np.mean((called == i) & (labels == j)) for j in range(3)] for i in range(3)])
    weights = np.linalg.solve(joint, np.bincount(target, minlength=3) / 200)
    np.testing.assert_allclose(
        bbse(labels, called, target, 3).shares, weights * np.bincount(labels) / 300, atol=1e-12
    )


def test_calls_that_no_mixture_gives_are_said_to_be_impossible():
    labels = np.repeat([0, 1], 200)
    called = np.where(np.arange(400) % 5 == 0, 1 - labels, labels)
    found = bbse(labels, called, np.zeros(300, int), 2)
    assert not found.possible
    np.testing.assert_allclose(found.shares, [1, 0])


def test_a_network_that_calls_all_classes_alike_tells_nothing():
    labels = np.repeat([0, 1], 50)
    found = bbse(labels, np.zeros(100, int), np.zeros(30, int), 2)
    assert np.isnan(found.shares).all()
    with pytest.raises(InputError, match="class 1"):
        bbse(np.zeros(5, int), np.zeros(5, int), np.zeros(5, int), 2)
    with pytest.raises(InputError, match="no target galaxies"):
        bbse(labels, labels, np.zeros(0, int), 2)


def test_em_finds_the_shares_of_greatest_likelihood():
    _, probabilities, _ = galaxies(np.random.default_rng(1), [0.8, 0.2], 500)
    prior = np.array([0.4, 0.6])
    likelihood = probabilities / prior

    def loss(q):
        return -np.log(likelihood @ np.array([1 - q, q])).sum()

    best = minimize_scalar(
        loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-9}
    ).x
    assert em_prior(probabilities, prior, resamples=2, tolerance=1e-10).shares[1] == pytest.approx(
        best, abs=1e-5
    )
    with pytest.raises(InputError, match="every class"):
        em_prior(probabilities, np.array([1.0, 0.0]))


def test_predicted_shares_and_their_interval():
    called = np.repeat([0, 1], [300, 100])
    found = predicted_shares(called, 2)
    np.testing.assert_allclose(found.shares, [0.75, 0.25])
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    np.testing.assert_allclose(found.high - found.low, [2 * half] * 2, rtol=0.15)
    doubled = predicted_shares(np.repeat(called, 4), 2, np.repeat(np.arange(400), 4))
    np.testing.assert_allclose(doubled.high - doubled.low, found.high - found.low)


@pytest.mark.parametrize("images", [1, 2])
def test_both_estimates_find_the_true_shares_where_calls_alone_do_not(images):
    rng = np.random.default_rng(2)
    source = galaxies(rng, [0.5, 0.5], 3000, images)
    _, probabilities, groups = galaxies(rng, [0.9, 0.1], 3000, images)
    called = probabilities.argmax(axis=1)
    by_calls = bbse(
        source[0], source[1].argmax(axis=1), called, 2, source[2], np.char.add("t", groups)
    )
    by_em = em_prior(probabilities, np.array([0.5, 0.5]), groups)
    assert called.mean() > 0.2
    for found in (by_calls, by_em):
        assert found.shares[1] == pytest.approx(0.1, abs=0.03)
        assert found.low[1] < 0.1 < found.high[1]
        assert found.shares.sum() == pytest.approx(1)


@pytest.mark.slow
def test_the_intervals_cover_the_true_share():
    rng = np.random.default_rng(3)
    covered = {"bbse": [], "em": []}
    for seed in range(300):
        source, target = galaxies(rng, [0.5, 0.5], 200, 2), galaxies(rng, [0.7, 0.3], 300, 2)
        names = np.char.add("t", target[2])
        by_calls = bbse(
            source[0],
            source[1].argmax(axis=1),
            target[1].argmax(axis=1),
            2,
            source[2],
            names,
            200,
            seed,
        )
        by_em = em_prior(target[1], np.array([0.5, 0.5]), names, 100, seed)
        for name, found in (("bbse", by_calls), ("em", by_em)):
            covered[name].append(found.low[1] <= 0.3 <= found.high[1])
    for values in covered.values():
        assert 0.91 <= np.mean(values) <= 0.99
