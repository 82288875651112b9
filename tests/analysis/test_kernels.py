"""Kernels and the MMD agree with naive loops and, for Gaussians, with the closed form."""

import numpy as np
import pytest
import torch

from daexplore.kernels import SCALES, gaussian_kernel, median_heuristic, mmd2, squared_distances


def draw(n, m, d=4, seed=0, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) * 1.3 + shift


def gaussian_mmd2(mean_x, var_x, mean_y, var_y, bandwidth):
    """Population MMD^2 of N(mean, var I) under exp(-d2 / 2s): E k = (s / (s + v))^(D/2) exp(-|m|^2
    / 2(s + v)), v the summed variances.
    """

    def mean_kernel(difference, variance):
        d = len(difference)
        return (bandwidth / (bandwidth + variance)) ** (d / 2) * np.exp(
            -(difference @ difference) / (2 * (bandwidth + variance))
        )

    nothing = np.zeros_like(mean_x)
    return (
        mean_kernel(nothing, 2 * var_x)
        + mean_kernel(nothing, 2 * var_y)
        - 2 * mean_kernel(mean_x - mean_y, var_x + var_y)
    )


def test_squared_distances_far_from_the_origin():
    x, y = draw(7, 5)
    expected = np.array(
        [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in y] for p in x]
    )
    np.testing.assert_allclose(squared_distances(x, y), expected, rtol=1e-12)
    np.testing.assert_allclose(squared_distances(x + 1e4, y + 1e4), expected, rtol=1e-8)
    assert (squared_distances(x, x) >= 0).all()


def test_kernel_is_the_mean_over_bandwidths():
    d2 = np.array([[0.0, 1.0], [2.0, 50.0]])
    expected = [
        [np.mean([np.exp(-value / (2 * s)) for s in (0.5, 3.0)]) for value in row] for row in d2
    ]
    np.testing.assert_allclose(gaussian_kernel(d2, (0.5, 3.0)), expected)


def test_median_heuristic_leaves_out_the_diagonal():
    x, y = draw(6, 5)
    pooled = np.r_[x, y]
    pairs = sorted(
        ((p - q) ** 2).sum() for i, p in enumerate(pooled) for j, q in enumerate(pooled) if i != j
    )
    assert median_heuristic(x, y) == pytest.approx(pairs[len(pairs) // 2] / 2)
    assert median_heuristic(np.ones((4, 2)), np.ones((3, 2))) > 0


def test_mmd2_agrees_with_a_naive_loop():
    x, y = draw(9, 6)
    bandwidths = (0.5, 2.0)

    def k(p, q):
        return np.mean([np.exp(-((p - q) ** 2).sum() / (2 * s)) for s in bandwidths])

    within = [
        np.mean([k(p, q) for i, p in enumerate(z) for j, q in enumerate(z) if i != j])
        for z in (x, y)
    ]
    between = np.mean([k(p, q) for p in x for q in y])
    assert mmd2(x, y, bandwidths) == pytest.approx(sum(within) - 2 * between)


def test_mmd2_agrees_with_the_closed_form_for_gaussians():
    d, var_x, var_y, bandwidth = 3, 1.0, 1.7, 2.0
    mean_x, mean_y = np.zeros(d), np.array([0.8, -0.3, 0.1])
    rng = np.random.default_rng(0)
    estimates = [
        mmd2(
            mean_x + rng.normal(size=(300, d)),
            mean_y + np.sqrt(var_y) * rng.normal(size=(250, d)),
            (bandwidth,),
        )
        for _ in range(100)
    ]
    expected = gaussian_mmd2(mean_x, var_x, mean_y, var_y, bandwidth)
    error = np.std(estimates, ddof=1) / 10
    assert expected > 20 * error
    assert abs(np.mean(estimates) - expected) < 4 * error


def test_mmd2_has_mean_zero_under_the_null():
    rng = np.random.default_rng(1)
    estimates = np.array(
        [
            mmd2(rng.normal(size=(20, 3)), rng.normal(size=(30, 3)), (0.5, 1.0, 2.0))
            for _ in range(2000)
        ]
    )
    assert (estimates < 0).any()
    assert abs(estimates.mean()) < 4 * estimates.std(ddof=1) / np.sqrt(2000)


def test_torch_and_numpy_agree_and_identical_points_have_a_gradient():
    x, y = draw(8, 7)
    bandwidths = [scale * median_heuristic(x, y) for scale in SCALES]
    tensors = torch.tensor(x), torch.tensor(y)
    assert median_heuristic(*tensors) == pytest.approx(median_heuristic(x, y))
    assert float(mmd2(*tensors, bandwidths)) == pytest.approx(float(mmd2(x, y, bandwidths)))
    same = torch.ones(6, 3, requires_grad=True)
    bandwidths = [scale * median_heuristic(same, same) for scale in SCALES]
    value = mmd2(same, torch.ones(6, 3), bandwidths)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(same.grad).all()
