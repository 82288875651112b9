"""The MMD permutation test against its definition, and its rate of false alarms in every design
that galaxies come in.
"""

import numpy as np
import pytest
from two_samples import definition, draw, naive_test

from daexplore.analysis.distance.domain_probe import spread
from daexplore.analysis.distance.mmd_test import mmd_test
from daexplore.analysis.images.ks_distance import permute_labels
from daexplore.errors import InputError
from daexplore.kernels import SCALES, median_heuristic

BANDWIDTHS = (0.5, 2.0, 8.0)


def rejections(design, repeats, seed=0, permutations=99, **options):
    rng = np.random.default_rng(seed)
    draws = (draw(design, rng, **options) for _ in range(repeats))
    return sum(
        mmd_test(*sample, permutations=permutations, seed=number).p_value <= 0.05
        for number, sample in enumerate(draws)
    )


@pytest.mark.parametrize("design", ["independent", "paired", "grouped", "mixed"])
def test_value_and_null_are_those_of_the_definition_for_the_same_relabellings(design):
    x, y, groups_x, groups_y = draw(design, np.random.default_rng(1), shift=0.5)
    found = mmd_test(x, y, groups_x, groups_y, BANDWIDTHS, permutations=20, seed=3)
    assert found.value == pytest.approx(definition(x, y, BANDWIDTHS), abs=1e-7)
    points = np.r_[x, y]
    labels = permute_labels(np.arange(len(points)) >= len(x), np.r_[groups_x, groups_y], 20, seed=3)
    expected = [definition(points[~second], points[second], BANDWIDTHS) for second in labels]
    np.testing.assert_allclose(found.null, expected, rtol=0, atol=1e-7)
    assert found.p_value == (1 + sum(value >= found.value for value in expected)) / 21
    assert found.effect == pytest.approx(
        (found.value - np.mean(expected)) / np.std(expected), rel=1e-4
    )
    assert (found.low, found.high) == pytest.approx(np.quantile(expected, (0.025, 0.975)), abs=1e-7)
    assert (found.n, found.m, found.permutations) == (len(x), len(y), 20)


@pytest.mark.parametrize("design", ["independent", "paired", "grouped", "mixed"])
def test_the_null_is_that_of_a_naive_test_with_relabellings_of_its_own(design):
    sample = draw(design, np.random.default_rng(2), shift=0.3)
    found = mmd_test(*sample, BANDWIDTHS, permutations=1000)
    value, p_value, null = naive_test(*sample, BANDWIDTHS, 600, np.random.default_rng(5))
    assert found.value == pytest.approx(value, abs=1e-7)
    share = np.sqrt(1 / 1000 + 1 / 600)
    assert found.null.mean() == pytest.approx(null.mean(), abs=4 * null.std() * share)
    assert found.null.std() == pytest.approx(null.std(), rel=4 * share)
    assert found.p_value == pytest.approx(p_value, abs=4 * 0.5 * share)


def test_float32_latents_far_from_the_origin_lose_nothing():
    x, y, *_ = draw("independent", np.random.default_rng(0), n=40, shift=0.5)
    one, other = (x + 1000).astype(np.float32), (y + 1000).astype(np.float32)
    expected = definition(one.astype(float) - 1000, other.astype(float) - 1000, BANDWIDTHS)
    assert mmd_test(
        one, other, bandwidths=list(np.array(BANDWIDTHS)), permutations=9
    ).value == pytest.approx(expected, abs=1e-7)


def test_blocks_of_the_kernel_matrix_join():
    # More rows than a block has, in numbers that do not divide.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(701, 3)), rng.normal(size=(530, 3)) + 0.2
    assert mmd_test(x, y, bandwidths=BANDWIDTHS, permutations=5).value == pytest.approx(
        definition(x, y, BANDWIDTHS), abs=1e-8
    )


def test_the_default_bandwidths_are_the_median_heuristic_of_the_pooled_sample():
    x, y, *_ = draw("independent", np.random.default_rng(0))
    given = mmd_test(
        x, y, bandwidths=[scale * median_heuristic(x, y) for scale in SCALES], permutations=9
    )
    assert mmd_test(x, y, permutations=9).value == pytest.approx(given.value, abs=1e-7)


def test_false_alarms_are_as_rare_as_promised():
    # 3.5 binomial deviations leave one failure in two thousand; the slow tests look closer, in
    # every design.
    assert abs(rejections("mixed", 200) - 10) < 3.5 * np.sqrt(200 * 0.05 * 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("design", ["independent", "paired", "grouped", "mixed"])
def test_the_rejection_rate_under_the_null_is_5_percent(design):
    assert 30 <= rejections(design, 1000, seed=1) <= 70


@pytest.mark.slow
@pytest.mark.parametrize("design", ["independent", "paired"])
def test_bandwidths_from_the_source_alone_leave_the_rejection_rate_as_it_is(design):
    rng = np.random.default_rng(4)
    count = 0
    for number in range(1000):
        x, y, *groups = draw(design, rng)
        count += mmd_test(x / spread(x), y / spread(x), *groups, SCALES, 99, number).p_value <= 0.05
    assert 30 <= count <= 70


@pytest.mark.slow
def test_images_dealt_out_instead_of_galaxies_would_raise_false_alarms():
    # What the groups are for: with them ignored, the same test on the same data is wrong about one
    # time in five.
    rng = np.random.default_rng(0)
    count = sum(
        mmd_test(*draw("grouped", rng)[:2], permutations=99, seed=number).p_value <= 0.05
        for number in range(200)
    )
    assert count > 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "shift"), [("independent", 1.2), ("paired", 0.8), ("grouped", 1.4)]
)
def test_it_is_as_powerful_as_a_naive_test(design, shift):
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    ours, theirs = [], []
    for number in range(60):
        sample = draw(design, rng, shift=shift)
        ours.append(mmd_test(*sample, BANDWIDTHS, 199, number).p_value)
        theirs.append(naive_test(*sample, BANDWIDTHS, 199, other)[1])
    p_values = np.array([ours, theirs])
    found = p_values <= 0.05
    assert 12 < found[1].sum() < 56
    # The two differ only in which relabellings they drew: each p-value by its binomial error, and
    # as often one way as the other.
    share = p_values.mean(axis=0).clip(0.01, 0.99)
    assert (abs(p_values[0] - p_values[1]) <= 4 * np.sqrt(2 * share * (1 - share) / 199)).all()
    assert abs(int(found[0].sum()) - int(found[1].sum())) <= 3.5 * np.sqrt(
        max((found[0] != found[1]).sum(), 1)
    )


def test_a_far_shift_gives_the_smallest_p_value_and_a_large_effect():
    found = mmd_test(*draw("paired", np.random.default_rng(0), shift=3.0), permutations=199)
    assert found.p_value == 1 / 200
    assert found.effect > 5
    assert found.value > found.high


def test_equal_points_are_no_evidence():
    same = np.ones((12, 3))
    found = mmd_test(same, same, permutations=50)
    assert (found.value, found.p_value, found.effect) == (0.0, 1.0, 0.0)


def test_a_seed_fixes_everything():
    sample = draw("paired", np.random.default_rng(0))
    one, again, other = (mmd_test(*sample, permutations=50, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.null, again.null)
    assert not np.array_equal(one.null, other.null)


def test_bad_input_is_refused():
    x = np.ones((5, 2))
    with pytest.raises(InputError, match="at least 2 images"):
        mmd_test(x[:1], x)
    with pytest.raises(InputError, match="diverged"):
        mmd_test(x * np.nan, x)
    with pytest.raises(InputError, match="go together"):
        mmd_test(x, x, groups_x=np.arange(5))
    with pytest.raises(InputError, match="at least 1 permutation"):
        mmd_test(x, x, permutations=0)
