"""Class-conditional MMD: the MMD of each class, and what it sees that the marginal one does not."""

import numpy as np
import pytest
from two_samples import definition

from daexplore.analysis.distance.class_conditional import (
    class_conditional_mmd,
    class_conditional_tests,
)
from daexplore.analysis.distance.domain_probe import spread
from daexplore.analysis.distance.mmd_test import mmd_test

BANDWIDTHS = (0.25, 1.0, 4.0)


def two_classes(n=80, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return rng.normal(size=(n, 3)) + 4 * labels[:, None], labels


def test_each_class_has_the_mmd_of_its_galaxies_in_units_of_the_whole_sources_spread():
    (x, kinds_x), (y, kinds_y) = two_classes(), two_classes(60, seed=1)
    found = class_conditional_mmd(10 * x, kinds_x, 10 * y, kinds_y, BANDWIDTHS)
    assert list(found) == [0, 1]
    for kind, value in found.items():
        unit = spread(x)
        assert value == pytest.approx(
            definition(x[kinds_x == kind] / unit, y[kinds_y == kind] / unit, BANDWIDTHS), abs=1e-12
        )


def test_swapped_classes_are_seen_though_the_marginals_match():
    (x, kinds_x), (y, kinds_y) = two_classes(), two_classes(seed=1)
    groups = np.arange(80), np.arange(80, 160)
    assert mmd_test(x, y, *groups, permutations=99).p_value > 0.05
    right = class_conditional_tests(x, kinds_x, y, kinds_y, BANDWIDTHS, *groups, permutations=99)
    swapped = class_conditional_tests(
        x, kinds_x, y, 1 - kinds_y, BANDWIDTHS, *groups, permutations=99
    )
    assert all(test.p_value > 0.05 for test in right.values())
    assert all(test.p_value == 0.01 and test.effect > 10 for test in swapped.values())


def test_tests_and_values_agree():
    (x, kinds_x), (y, kinds_y) = two_classes(), two_classes(60, seed=1)
    values = class_conditional_mmd(x, kinds_x, y, kinds_y, BANDWIDTHS)
    tests = class_conditional_tests(x, kinds_x, y, kinds_y, BANDWIDTHS, permutations=9)
    for kind, test in tests.items():
        assert test.value == pytest.approx(values[kind], abs=1e-7)
        assert (test.n, test.m) == (40, 30)


def test_a_class_that_a_domain_lacks_is_undefined_and_missing_labels_are_none():
    (x, kinds_x), (y, _) = two_classes(), two_classes(seed=1)
    kinds_y = np.r_[np.zeros(70, int), np.full(9, -1), 2]
    found = class_conditional_mmd(x, kinds_x, y, kinds_y, BANDWIDTHS)
    assert list(found) == [0, 1, 2]
    assert np.isfinite(found[0])
    assert np.isnan([found[1], found[2]]).all()
    tests = class_conditional_tests(x, kinds_x, y, kinds_y, BANDWIDTHS, permutations=9)
    assert (tests[1], tests[2]) == (None, None)


def test_predictions_in_both_domains_are_a_fair_null_and_labels_against_predictions_are_not():
    # A prediction cuts the overlapping classes at the boundary, a label does not: equal domains
    # would look different.
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, 1600)
    latents = rng.normal(size=(1600, 1)) + kinds[:, None]
    predicted = (latents[:, 0] > 0.5).astype(int)
    one, other = latents[:800], latents[800:]
    fair = class_conditional_mmd(one, predicted[:800], other, predicted[800:], BANDWIDTHS)
    unfair = class_conditional_mmd(one, kinds[:800], other, predicted[800:], BANDWIDTHS)
    assert all(abs(value) < 0.01 for value in fair.values())
    assert all(value > 0.02 for value in unfair.values())
