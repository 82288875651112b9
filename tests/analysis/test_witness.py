"""The witness against a loop over its definition."""

import numpy as np
import pytest

from daexplore.analysis.distance.witness import witness
from daexplore.errors import InputError

BANDWIDTHS = (0.5, 2.0)


def kernel(a, b):
    return np.mean([np.exp(-((a - b) ** 2).sum() / (2 * bandwidth)) for bandwidth in BANDWIDTHS])


def samples(n=14, m=9, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.7


@pytest.mark.parametrize("chunk", [1, 4, 512])
def test_it_is_the_difference_of_mean_kernels_without_the_point_itself(chunk):
    x, y = samples()
    elsewhere = np.random.default_rng(5).normal(size=(3, 3))
    expected = [
        np.mean([kernel(a, b) for j, b in enumerate(x) if j != i])
        - np.mean([kernel(a, b) for b in y])
        for i, a in enumerate(x)
    ]
    expected += [
        np.mean([kernel(a, b) for b in x]) - np.mean([kernel(a, b) for b in y]) for a in elsewhere
    ]
    expected += [
        np.mean([kernel(a, b) for b in x])
        - np.mean([kernel(a, b) for j, b in enumerate(y) if j != i])
        for i, a in enumerate(y)
    ]
    np.testing.assert_allclose(
        witness(np.r_[x, elsewhere, y], x, y, BANDWIDTHS, chunk=chunk), expected, atol=1e-12
    )


def test_all_images_of_a_galaxy_are_left_out_of_both_samples():
    x, y = samples()
    ids_x, ids_y = np.arange(14) // 2, np.arange(9)
    found = witness(np.r_[x, y], x, y, BANDWIDTHS, groups=(np.r_[ids_x, ids_y], ids_x, ids_y))
    for row, (point, own) in enumerate(zip(np.r_[x, y], np.r_[ids_x, ids_y], strict=True)):
        means = [
            np.mean([kernel(point, b) for b in part[ids != own]])
            for part, ids in ((x, ids_x), (y, ids_y))
        ]
        assert found[row] == pytest.approx(means[0] - means[1], abs=1e-12)


def test_its_means_over_the_samples_add_up_to_the_mmd():
    from daexplore.kernels import mmd2

    x, y = samples(40, 30)
    found = witness(np.r_[x, y], x, y, BANDWIDTHS)
    assert found[:40].mean() - found[40:].mean() == pytest.approx(
        float(mmd2(x, y, BANDWIDTHS)), abs=1e-12
    )


def test_equal_latents_of_different_galaxies_leave_out_only_one():
    x, y = np.zeros((5, 2)), np.ones((4, 2))
    assert witness(x[:1], x, y, (1.0,))[0] == pytest.approx(1 - np.exp(-1))


def test_a_sample_with_nothing_left_has_no_mean():
    x, y = samples(1, 5)
    assert np.isnan(witness(x, x, y, BANDWIDTHS)[0])
    assert np.isfinite(witness(y, x, y, BANDWIDTHS)).all()


def test_diverged_latents_are_refused():
    x, y = samples()
    with pytest.raises(InputError, match="diverged"):
        witness(x * np.nan, x, y, BANDWIDTHS)
