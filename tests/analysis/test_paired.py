"""Paired intervals over galaxies and seeds, McNemar's test by galaxies, flips, and distances under
resampling.
"""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr, t, ttest_ind, ttest_rel
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from daexplore.analysis.comparison.flips import (
    disagreement,
    flips,
    rank_agreement,
    seed_disagreement,
    seed_kappa,
    seed_rank_agreement,
)
from daexplore.analysis.comparison.paired import (
    combine_over_seeds,
    difference_draws,
    difference_p_value,
    holm,
    interval,
    mcnemar,
    metric_draws,
    paired_difference,
)
from daexplore.analysis.distance.bootstrap import probe_auc_draws, reweighted_mmd2
from daexplore.analysis.distance.domain_probe import domain_probe
from daexplore.analysis.metrics.bootstrap import group_weights
from daexplore.errors import InputError
from daexplore.kernels import SCALES, gaussian_kernel, mmd2, squared_distances


def sample(seed=0, groups=40):
    rng = np.random.default_rng(seed)
    galaxies = np.repeat([f"G{i}" for i in range(groups)], 2).astype(object)
    labels = np.repeat(rng.integers(0, 2, groups), 2)
    score = 1 / (1 + np.exp(-(2 * labels - 1 + rng.normal(size=len(labels)))))
    return labels, np.stack([1 - score, score], axis=1), galaxies


def test_draws_are_those_of_rows_written_out_as_often_as_they_were_drawn():
    labels, probabilities, galaxies = sample()
    labels[3] = -1
    weights = group_weights(galaxies, 5)
    found = metric_draws(labels, probabilities, weights)
    for number, counts in enumerate([np.ones(len(labels)), *weights]):
        rows = [
            row for row in range(len(labels)) for _ in range(int(counts[row])) if labels[row] >= 0
        ]
        truth, score = labels[rows], probabilities[rows, 1]
        assert found["auc"][number] == pytest.approx(roc_auc_score(truth, score))
        assert found["balanced_accuracy"][number] == pytest.approx(
            balanced_accuracy_score(truth, score > 0.5)
        )
        assert found["accuracy"][number] == pytest.approx(np.mean(truth == (score > 0.5)))


def test_the_difference_of_single_runs_is_a_naive_paired_bootstrap_of_galaxies():
    labels, first, galaxies = sample()
    second = first[:, ::-1] ** 0.7
    weights = group_weights(galaxies, 60)
    draws = [
        metric_draws(labels, each / each.sum(axis=1, keepdims=True), weights)["auc"][None]
        for each in (first, second)
    ]
    found = paired_difference(*draws)
    naive = []
    for counts in weights:
        rows = np.repeat(np.arange(len(labels)), counts.astype(int))
        naive.append(
            roc_auc_score(labels[rows], first[rows, 1])
            - roc_auc_score(labels[rows], second[rows, 1])
        )
    assert found.value == pytest.approx(
        roc_auc_score(labels, first[:, 1]) - roc_auc_score(labels, second[:, 1])
    )
    np.testing.assert_allclose(
        [found.low, found.high], np.quantile(naive, [0.025, 0.975]), atol=1e-12
    )


def test_without_scatter_of_galaxies_the_interval_is_welch_s_t_interval_over_seeds():
    first, second = np.array([0.7, 0.74, 0.69]), np.array([0.52, 0.61, 0.56])
    found = paired_difference(
        *(np.repeat(each[:, None], 200_001, axis=1) for each in (first, second))
    )
    squares = [each.var(ddof=1) / 3 for each in (first, second)]
    freedom = sum(squares) ** 2 / sum(square**2 / 2 for square in squares)
    half = t.ppf(0.975, freedom) * np.sqrt(sum(squares))
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)


def test_one_method_against_itself_differs_by_nothing_where_it_has_one_seed():
    draws = np.random.default_rng(0).normal(size=(1, 101))
    found = paired_difference(draws, draws)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_undefined_draws_do_not_count_and_unequal_resamples_are_refused():
    found = interval(np.r_[0.5, np.nan, 0.4, 0.6])
    assert (found.low, found.high) == pytest.approx((0.405, 0.595))
    assert np.isnan(interval(np.array([0.5, np.nan])).low)
    with pytest.raises(InputError, match="share their resamples"):
        combine_over_seeds([np.zeros((2, 5)), np.zeros((2, 6))], np.subtract)


def test_mcnemar_of_single_images_is_the_textbook_s():
    rng = np.random.default_rng(1)
    fixed, broken = rng.random(200) < 0.2, np.zeros(200, bool)
    broken[~fixed] = rng.random((~fixed).sum()) < 0.1
    found = mcnemar(fixed, broken, np.arange(200))
    b, c = int(fixed.sum()), int(broken.sum())
    assert (found.fixed, found.broken) == (b, c)
    assert found.p_exact == pytest.approx(binomtest(b, b + c).pvalue)
    from scipy.stats import chi2

    assert found.p_grouped == pytest.approx(chi2.sf((b - c) ** 2 / (b + c), 1))
    nothing = mcnemar(np.zeros(4, bool), np.zeros(4, bool), np.arange(4))
    assert (nothing.p_exact, nothing.p_grouped) == (1.0, 1.0)


def test_mcnemar_is_not_impressed_by_images_shown_twice_or_by_a_pair_of_networks_given_twice():
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 5, 60)
    once = mcnemar(kind == 0, kind == 1, np.arange(60))
    twice = mcnemar(np.repeat(kind == 0, 3), np.repeat(kind == 1, 3), np.repeat(np.arange(60), 3))
    pairs = mcnemar(np.tile(kind == 0, (4, 1)), np.tile(kind == 1, (4, 1)), np.arange(60))
    for each in (twice, pairs):
        assert (each.p_exact, each.p_grouped) == pytest.approx((once.p_exact, once.p_grouped))
    assert twice.fixed == 3 * once.fixed


@pytest.mark.slow
def test_mcnemar_by_galaxies_rejects_one_in_twenty_where_nothing_changed():
    rng = np.random.default_rng(3)
    grouped, naive = [], []
    for _ in range(1000):
        # All four images of a galaxy tend to flip together, as often one way as the other.
        way = np.repeat(rng.choice([-1, 0, 1], 120, p=[0.25, 0.5, 0.25]), 4) * (
            rng.random(480) < 0.8
        )
        grouped.append(mcnemar(way == 1, way == -1, np.repeat(np.arange(120), 4)).p_grouped < 0.05)
        naive.append(binomtest(int((way == 1).sum()), int((way != 0).sum())).pvalue < 0.05)
    assert 0.03 <= np.mean(grouped) <= 0.07
    assert np.mean(naive) > 0.2


def test_flips_and_disagreement_are_those_of_a_naive_loop():
    rng = np.random.default_rng(4)
    labels, before, after = (
        rng.integers(0, 3, 30),
        rng.integers(0, 3, (2, 30)),
        rng.integers(0, 3, (3, 30)),
    )
    found = flips(labels, before, after)
    pairs = [(a, b) for a in before for b in after]
    np.testing.assert_array_equal(found.fixed, [(a != labels) & (b == labels) for a, b in pairs])
    np.testing.assert_array_equal(found.broken, [(a == labels) & (b != labels) for a, b in pairs])
    assert (found.fixed.astype(int) + found.broken + found.right + found.wrong == 1).all()
    np.testing.assert_allclose(
        disagreement(before, after), np.mean([a != b for a, b in pairs], axis=0)
    )
    own = [after[i] != after[j] for i in range(3) for j in range(3) if i != j]
    np.testing.assert_allclose(seed_disagreement(after), np.mean(own, axis=0))
    assert np.isnan(seed_disagreement(after[:1])).all()


def test_rank_agreement_is_spearman_s():
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 9, (2, 50)).astype(float), rng.normal(size=(3, 50))
    expected = np.mean([spearmanr(a, b).statistic for a in first for b in second])
    assert rank_agreement(first, second) == pytest.approx(expected)
    own = [spearmanr(second[i], second[j]).statistic for i in range(3) for j in range(i)]
    assert seed_rank_agreement(second) == pytest.approx(np.mean(own))
    assert np.isnan(seed_rank_agreement(second[:1]))


def test_mmd_under_weights_is_a_naive_sum_over_pairs_of_different_galaxies():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(14, 3)), rng.normal(0.5, 1, (10, 3))
    groups_x, groups_y = np.repeat(np.arange(7), 2), np.repeat(np.arange(4, 9), 2)
    weights_x, weights_y = group_weights(groups_x, 4), group_weights(groups_y, 4)
    found = reweighted_mmd2(x, y, SCALES, weights_x, weights_y, groups_x, groups_y)

    def mean(a, b, w, v, same):
        kernel = gaussian_kernel(squared_distances(a, b), SCALES) * np.outer(w, v) * ~same
        return kernel.sum() / (np.outer(w, v) * ~same).sum()

    for number in range(4):
        w, v = weights_x[number], weights_y[number]
        own = [
            mean(p, p, u, u, g[:, None] == g) for p, u, g in ((x, w, groups_x), (y, v, groups_y))
        ]
        assert found[number] == pytest.approx(
            sum(own) - 2 * mean(x, y, w, v, groups_x[:, None] == groups_y), abs=1e-6
        )
    whole = reweighted_mmd2(
        x, y, SCALES, np.ones((1, 14)), np.ones((1, 10)), np.arange(14), np.arange(20, 30)
    )
    assert whole[0] == pytest.approx(mmd2(x, y, SCALES), abs=1e-6)
    subset = reweighted_mmd2(
        x,
        y,
        SCALES,
        np.eye(14)[:1] + np.eye(14)[3:4],
        np.ones((1, 10)),
        np.arange(14),
        np.arange(20, 30),
    )
    assert subset[0] == pytest.approx(mmd2(x[[0, 3]], y, SCALES), abs=1e-6)
    assert np.isnan(
        reweighted_mmd2(
            x, y, SCALES, np.eye(14)[:1], np.ones((1, 10)), np.arange(14), np.arange(20, 30)
        )[0]
    )


def test_the_probe_s_draws_begin_with_its_own_auc():
    rng = np.random.default_rng(7)
    latents = np.concatenate([rng.normal(size=(60, 4)), rng.normal(0.8, 1, (60, 4))])
    domains, groups = np.repeat(["source", "target"], 60).astype(object), np.tile(np.arange(60), 2)
    draws = probe_auc_draws(latents, domains, groups, group_weights(groups, 50))
    assert draws[0] == pytest.approx(domain_probe(latents, domains, groups).auc)
    assert 0 < draws[1:].std() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "scatter"), [(1, 0.0), (3, 0.3), (5, 0.3)])
def test_the_paired_interval_covers_the_true_difference(seeds, scatter):
    """Galaxies of two images and networks of several seeds at random: the interval holds the
    difference of all galaxies and seeds.
    """
    from scipy.stats import norm

    rng = np.random.default_rng(8)
    width = np.sqrt(1 + 0.49 + scatter**2)
    truth = norm.cdf(0.8 / width) - norm.cdf(0.5 / width)
    covered, resampled = [], []
    for repeat in range(400):
        galaxy = np.repeat(rng.normal(size=150), 2)
        weights = np.vstack(
            [np.ones(300), group_weights(np.repeat(np.arange(150), 2), 300, repeat)]
        )
        draws = []
        for skill in (0.8, 0.5):
            right = (
                galaxy
                + skill
                + scatter * rng.normal(size=(seeds, 1))
                + 0.7 * rng.normal(size=(seeds, 300))
                > 0
            )
            draws.append(right @ weights.T / weights.sum(axis=1))
        found = paired_difference(*draws, seed=repeat)
        covered.append(found.low <= truth <= found.high)
        # What resampling the few seeds would give instead.
        means = [
            np.take_along_axis(each[:, 1:].T, rng.integers(seeds, size=(300, seeds)), axis=1).mean(
                axis=1
            )
            for each in draws
        ]
        low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
        resampled.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.995
    if seeds > 1:
        assert np.mean(resampled) < 0.92


@pytest.mark.parametrize("classes", [2, 4])
def test_agreement_beyond_chance_is_cohens_kappa_of_all_ordered_pairs_of_seeds(classes):
    # Taken in both orders, two raters have the same shares: Cohen's kappa is then Fleiss's.
    called = _called(classes)
    pairs = list(itertools.permutations(called, 2))
    counts = np.random.default_rng(1).integers(0, 3, called.shape[1])
    ones = np.ones_like(counts)
    for weights in (ones, counts):
        first, second = (
            np.concatenate([np.repeat(pair[side], weights) for pair in pairs]) for side in (0, 1)
        )
        assert seed_kappa(called, weights[None].astype(float))[0] == pytest.approx(
            cohen_kappa_score(first, second)
        )
    assert np.isnan(seed_kappa(called[:1], np.ones((1, 300)))).all()
    assert np.isnan(seed_kappa(np.zeros((3, 10), int), np.ones((2, 10)))).all()


def _called(classes):
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, 300)
    return np.where(rng.random((4, 300)) < 0.7, truth, rng.integers(0, classes, (4, 300)))


def constant(values, resamples=2000):
    """Draws without any scatter of galaxies."""
    return np.repeat(np.asarray(values, float)[:, None], resamples + 1, axis=1)


def test_paired_seeds_without_an_assumption_are_the_paired_t_test():
    first, second = np.array([0.7, 0.64, 0.8, 0.71]), np.array([0.6, 0.55, 0.72, 0.6])
    expected = ttest_rel(first, second)
    draws = constant(first, 40_000), constant(second, 40_000)
    assert difference_p_value(*draws, 500, paired=True) == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    found = paired_difference(*draws, paired=True)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=0.03)
    unpaired = difference_p_value(*draws, 500)
    assert unpaired == pytest.approx(ttest_ind(first, second, equal_var=False).pvalue)


def test_an_assumed_scatter_is_the_moderated_variance():
    gains, scatter = np.array([0.12, 0.22, 0.33]), 0.057
    square = (3 * 2 * scatter**2 + 2 * gains.var(ddof=1)) / 5
    expected = 2 * t.sf(gains.mean() / np.sqrt(square / 3), 5)
    found = difference_p_value(constant(gains), constant(0 * gains), 500, True, scatter)
    assert found == pytest.approx(expected)
    # Three seeds that gain 12 to 33 points are shown to gain, also for accuracy and AUC together.
    assert 2 * found < 0.05


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.05, 0.08])
def test_equal_methods_are_seldom_told_apart(seeds, spread):
    rng = np.random.default_rng(seeds)
    wrong = []
    for _ in range(1500):
        galaxies = 0.02 * rng.normal(size=61)
        change = spread * rng.normal(size=(seeds, 1)) + galaxies[0]
        draws = np.hstack([change, change + galaxies[1:]])
        wrong.append(difference_p_value(draws, 0 * draws, 500, True, 0.057) < 0.05)
    assert np.mean(wrong) <= 0.05


def test_no_difference_at_all_still_has_a_width():
    draws = constant([0.9])
    found = interval(difference_draws(draws, draws, floor=1 / 52))
    assert found.low < 0 < found.high
    assert difference_p_value(draws, draws, 50, floor=1 / 52) == 1


def test_holm_is_that_of_statsmodels_by_hand():
    # Sorted: .01 x 4, .02 x 3, .03 x 2 (at least as large as the one before), .5.
    found = holm(np.array([0.02, np.nan, 0.5, 0.01, 0.03]))
    np.testing.assert_allclose(found, [0.06, np.nan, 0.5, 0.04, 0.06])
    assert holm(np.array([])).shape == (0,)
