"""Gaussian kernels and MMD estimators, for torch and numpy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from array_api_compat import array_namespace

if TYPE_CHECKING:
    import numpy as np
    import torch

    Array = TypeVar("Array", np.ndarray, torch.Tensor)
else:
    Array = TypeVar("Array")

__all__ = [
    "SCALES",
    "gaussian_kernel",
    "median_heuristic",
    "mmd2",
    "mmd2_biased",
    "mmd2_features",
    "mmd2_linear",
    "squared_distances",
]

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the median heuristic's sigma^2 that make up the default multi-bandwidth kernel."""


def squared_distances(x: Array, y: Array) -> Array:
    """Squared Euclidean distances of all pairs.

    Args:
        x: (n, d).
        y: (m, d).

    Returns:
        (n, m), never negative; computed about the common mean, so that rounding stays small for
        latents far from the origin.
    """
    xp: Any = array_namespace(x, y)
    centre = (xp.sum(x, axis=0) + xp.sum(y, axis=0)) / (x.shape[0] + y.shape[0])
    x, y = x - centre, y - centre
    d2 = xp.sum(x * x, axis=1)[:, None] + xp.sum(y * y, axis=1)[None, :] - 2 * (x @ y.T)
    return xp.clip(d2, min=0.0)  # type: ignore[no-any-return]


def median_heuristic(x: Array, y: Array, floor: float = 1e-12) -> float:
    """Half the median squared distance between different points of the pooled sample: the sigma^2
    at which the kernel is 1/e there.

    The pairs of a point with itself are left out (they would pull the median of a small batch
    down), and the value is a plain number: no gradient flows through it. ``floor`` keeps identical
    points from giving a zero bandwidth. Gretton et al. 2012, JMLR 13, sec. 8.
    """
    xp: Any = array_namespace(x, y)
    pooled = xp.concat([x, y], axis=0)
    if hasattr(pooled, "detach"):
        pooled = pooled.detach()
    n = pooled.shape[0]
    d2 = squared_distances(pooled, pooled)
    # Dropping the last entry and reshaping to rows of n + 1 puts the diagonal into the first
    # column.
    off_diagonal = xp.reshape(xp.reshape(d2, (-1,))[:-1], (n - 1, n + 1))[:, 1:]
    ordered = xp.sort(xp.reshape(off_diagonal, (-1,)))
    return max(float(ordered[ordered.shape[0] // 2]) / 2, floor)


def gaussian_kernel(d2: Array, bandwidths: Sequence[float]) -> Array:
    """Mean of Gaussian kernels ``exp(-d2 / (2 s))`` over the bandwidths ``s`` (sigma^2), in [0,
    1].
    """
    xp: Any = array_namespace(d2)
    total = xp.exp(d2 * (-0.5 / bandwidths[0]))
    for bandwidth in bandwidths[1:]:
        total = total + xp.exp(d2 * (-0.5 / bandwidth))
    return total / len(bandwidths)  # type: ignore[no-any-return]


def mmd2(x: Array, y: Array, bandwidths: Sequence[float]) -> Array:
    """Unbiased estimate of the squared maximum mean discrepancy; may be negative, and is zero in
    the mean for equal distributions.

    ``1/(n(n-1)) sum_{i!=j} k(x_i, x_j) + 1/(m(m-1)) sum_{i!=j} k(y_i, y_j) - 2/(nm) sum_ij k(x_i,
    y_j)``, Gretton et al. 2012, JMLR 13, eq. 3.

    Args:
        x: (n, d), n >= 2.
        y: (m, d), m >= 2.
        bandwidths: sigma^2 of each Gaussian.
    """
    xp: Any = array_namespace(x, y)
    n, m = x.shape[0], y.shape[0]
    # k(x, x) = 1 exactly, so the diagonal's contribution is the number of points.
    within_x = (xp.sum(gaussian_kernel(squared_distances(x, x), bandwidths)) - n) / (n * (n - 1))
    within_y = (xp.sum(gaussian_kernel(squared_distances(y, y), bandwidths)) - m) / (m * (m - 1))
    between = xp.sum(gaussian_kernel(squared_distances(x, y), bandwidths)) / (n * m)
    return within_x + within_y - 2 * between  # type: ignore[no-any-return]


def mmd2_biased(x: Array, y: Array, bandwidths: Sequence[float]) -> Array:
    """The biased estimate, with the pairs of a point with itself: never negative. Gretton et al.
    2012, JMLR 13, eq. 5.

    Args:
        x: (n, d).
        y: (m, d).
        bandwidths: sigma^2 of each Gaussian.
    """
    xp: Any = array_namespace(x, y)
    within, other, between = (
        xp.mean(gaussian_kernel(squared_distances(a, b), bandwidths))
        for a, b in ((x, x), (y, y), (x, y))
    )
    return within + other - 2 * between  # type: ignore[no-any-return]


def mmd2_linear(x: Array, y: Array, bandwidths: Sequence[float]) -> Array:
    """The unbiased estimate from neighbouring pairs alone, in linear time and far noisier. Gretton
    et al. 2012, JMLR 13, lemma 14.

    Args:
        x: (n, d), n >= 2; in random order.
        y: (m, d), m >= 2; in random order. Of the larger sample the last rows are left out.
        bandwidths: sigma^2 of each Gaussian.
    """
    xp: Any = array_namespace(x, y)
    half = min(x.shape[0], y.shape[0]) // 2
    x1, x2, y1, y2 = x[: 2 * half : 2], x[1 : 2 * half : 2], y[: 2 * half : 2], y[1 : 2 * half : 2]

    def mean(a: Array, b: Array) -> Any:
        return xp.mean(gaussian_kernel(xp.sum((a - b) ** 2, axis=1), bandwidths))

    return mean(x1, x2) + mean(y1, y2) - mean(x1, y2) - mean(x2, y1)  # type: ignore[no-any-return]


def mmd2_features(x: Array, y: Array, bandwidths: Sequence[float], frequencies: Array) -> Array:
    """The unbiased estimate with kernels approximated by random Fourier features: linear in the
    number of points.

    ``k(a, b) ~ mean_f cos(w_f (a - b))`` with ``w_f`` normal of variance 1/sigma^2 (Rahimi & Recht
    2007, NeurIPS 20).

    Args:
        x: (n, d), n >= 2.
        y: (m, d), m >= 2.
        bandwidths: sigma^2 of each Gaussian.
        frequencies: (F, d) standard normal; each bandwidth scales an equal share of them.
    """
    xp: Any = array_namespace(x, y)
    n, m, kinds = x.shape[0], y.shape[0], len(bandwidths)
    share = [frequencies[i::kinds] / bandwidth**0.5 for i, bandwidth in enumerate(bandwidths)]
    scaled = xp.concat(share, axis=0)
    # Shares differ by one frequency at most; each bandwidth counts 1/kinds of the whole.
    weights = xp.concat(
        [xp.ones_like(part[:, 0]) / (kinds * part.shape[0]) for part in share], axis=0
    )
    centre = (xp.sum(x, axis=0) + xp.sum(y, axis=0)) / (n + m)

    def sums(points: Array) -> tuple[Any, Any]:
        phases = (points - centre) @ scaled.T
        return xp.sum(xp.cos(phases), axis=0), xp.sum(xp.sin(phases), axis=0)

    (cos_x, sin_x), (cos_y, sin_y) = sums(x), sums(y)
    within_x = (xp.sum(weights * (cos_x**2 + sin_x**2)) - n) / (n * (n - 1))
    within_y = (xp.sum(weights * (cos_y**2 + sin_y**2)) - m) / (m * (m - 1))
    return within_x + within_y - 2 * xp.sum(weights * (cos_x * cos_y + sin_x * sin_y)) / (n * m)  # type: ignore[no-any-return]
