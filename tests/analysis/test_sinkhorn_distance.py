"""The Sinkhorn distance against POT: the same regularised transports, and the exact one that it
tends to.
"""

import numpy as np
import ot
import pytest

from daexplore.analysis.distance.sinkhorn import sinkhorn_distance, sinkhorn_test
from daexplore.errors import InputError


def samples(n=40, m=30, d=3, shift=0.8, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, d)) / np.sqrt(d),
        rng.normal(size=(m, d)) / np.sqrt(d) + np.eye(d)[0] * shift,
    )


def regularised(x, y, blur):
    """``min <g, C> + e KL(g, a x b)`` with C half the squared distances and e = blur^2, from POT's
    plan.
    """
    cost = ot.dist(x, y) / 2
    a, b = ot.unif(len(x)), ot.unif(len(y))
    plan = ot.sinkhorn(
        a, b, cost, reg=blur**2, method="sinkhorn_log", stopThr=1e-12, numItermax=20_000
    )
    return (plan * cost).sum() + blur**2 * (
        plan * np.log(np.maximum(plan, 1e-300) / np.outer(a, b))
    ).sum()


@pytest.mark.parametrize("blur", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_it_is_the_debiased_divergence_of_pots_transports(blur, shift):
    x, y = samples(shift=shift)
    divergence = regularised(x, y, blur) - (regularised(x, x, blur) + regularised(y, y, blur)) / 2
    assert sinkhorn_distance(x, y, blur, scaling=0.99) ** 2 == pytest.approx(
        2 * divergence, rel=1e-3
    )
    # What is reported anneals faster.
    assert sinkhorn_distance(x, y, blur) == pytest.approx(np.sqrt(2 * divergence), rel=5e-3)


def test_without_blur_it_is_the_wasserstein_distance():
    x, y = samples()
    expected = np.sqrt(ot.emd2(ot.unif(len(x)), ot.unif(len(y)), ot.dist(x, y)))
    assert sinkhorn_distance(x, y, blur=0.01, scaling=0.95) == pytest.approx(expected, rel=5e-3)


def test_a_mere_shift_is_its_length_and_nothing_is_0():
    x, _ = samples(60)
    assert sinkhorn_distance(x, x + np.array([0.6, 0.0, 0.8]), blur=0.5) == pytest.approx(
        1, rel=2e-2
    )
    assert sinkhorn_distance(x, x) == pytest.approx(0, abs=1e-3)


def test_relabelled_galaxies_say_what_chance_gives():
    effects = [
        sinkhorn_test(*samples(20, 20, shift=0.0, seed=seed), permutations=19).effect
        for seed in range(8)
    ]
    assert abs(np.mean(effects)) < 3.5 * np.std(effects, ddof=1) / np.sqrt(8)
    x, y = samples(20, 20, shift=0.0)
    far = sinkhorn_test(x, y + 1, permutations=19)
    assert far.p_value == 1 / 20
    assert far.value == pytest.approx(sinkhorn_distance(x, y + 1))
    assert far.effect > 3


def test_a_limit_keeps_both_images_of_a_galaxy():
    x, y = samples(40, 40)
    found = sinkhorn_test(x, y, np.arange(40), np.arange(40), permutations=9, most=15)
    assert (found.n, found.m, found.permutations) == (15, 15, 9)


def test_bad_input_is_refused():
    x, y = samples()
    with pytest.raises(InputError, match="diverged"):
        sinkhorn_distance(x * np.nan, y)
    with pytest.raises(InputError, match="both samples"):
        sinkhorn_distance(x[:0], y)
