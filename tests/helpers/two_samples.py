"""Samples with one distribution, in the designs that galaxies come in, and tests written as their
definitions say.
"""

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel


def draw(design, rng, n=24, d=4, shift=0.0):
    """Two samples of skewed, correlated latents and the galaxies they show; ``shift`` moves the
    second along its first axis.

    ``independent``: galaxies of their own. ``paired``: the same galaxies in both. ``grouped``: one
    to three images a galaxy, none in both. ``mixed``: half of the galaxies in both, with two images
    a domain, the others in one.
    """
    mixing = np.eye(d) + 0.3
    images = {
        "independent": np.ones(2 * n, int),
        "paired": np.full(n, 2),
        "grouped": rng.integers(1, 4, n),
        "mixed": np.full(n // 2, 2),
    }
    if design == "mixed":
        images["mixed"] = np.r_[np.full(n // 4, 4), np.full(n // 2, 2)]
    counts = images[design]
    galaxies = np.repeat(np.arange(len(counts)), counts)
    latents = (
        rng.exponential(size=(len(counts), d))[galaxies] + 0.5 * rng.normal(size=(len(galaxies), d))
    ) @ mixing
    if design in ("independent", "grouped"):
        second = (np.arange(len(counts)) % 2 == 1)[galaxies]
    elif design == "paired":
        second = np.arange(len(galaxies)) % 2 == 1
    else:
        both = galaxies < n // 4
        second = np.where(both, np.arange(len(galaxies)) % 2 == 1, galaxies % 2 == 1)
    latents[second, 0] += shift
    return latents[~second], latents[second], galaxies[~second], galaxies[second]


def definition(x, y, bandwidths):
    """The unbiased MMD^2, Gretton et al. 2012 eq. 3, from scikit-learn's kernel."""
    within, other, between = (
        np.mean([rbf_kernel(a, b, gamma=0.5 / bandwidth) for bandwidth in bandwidths], axis=0)
        for a, b in ((x, x), (y, y), (x, y))
    )
    n, m = len(x), len(y)
    return (
        (within.sum() - np.trace(within)) / (n * (n - 1))
        + (other.sum() - np.trace(other)) / (m * (m - 1))
        - 2 * between.mean()
    )


def naive_test(x, y, groups_x, groups_y, bandwidths, permutations, rng):
    """p-value and null of the permutation test, one relabelling after the other, from the
    definition alone.
    """
    points, groups = np.r_[x, y], np.r_[groups_x, groups_y]
    second = np.arange(len(points)) >= len(x)
    kernel = np.mean(
        [rbf_kernel(points, gamma=0.5 / bandwidth) for bandwidth in bandwidths], axis=0
    )
    galaxies = [np.flatnonzero(groups == galaxy) for galaxy in np.unique(groups)]
    observed = _of_labels(kernel, second)
    null = np.array([_of_labels(kernel, deal(second, galaxies, rng)) for _ in range(permutations)])
    return observed, (1 + (null >= observed - 1e-12).sum()) / (1 + permutations), null


def deal(second, galaxies, rng):
    """Galaxies in both samples swap their sides or not; the others exchange sides among each
    other.
    """
    dealt = second.copy()
    singles = []
    for rows in galaxies:
        sides = second[rows].tolist()
        if True in sides and False in sides:
            dealt[rows] ^= rng.random() < 0.5
        else:
            singles.append((rows, sides[0]))
    for (rows, _), give in zip(singles, rng.permutation(len(singles)), strict=True):
        dealt[rows] = singles[give][1]
    return dealt


def _of_labels(kernel, second):
    n, m = (~second).sum(), second.sum()
    within, beside, between = (
        (kernel * np.outer(a, b)).sum()
        for a, b in ((~second, ~second), (second, second), (~second, second))
    )
    return (
        (within - n) / max(n * (n - 1), 1)
        + (beside - m) / max(m * (m - 1), 1)
        - 2 * between / (n * m)
    )
