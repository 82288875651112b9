"""Two-sample MMD permutation test that permutes galaxies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.images.ks_distance import permute_labels
from daexplore.errors import InputError
from daexplore.kernels import SCALES, gaussian_kernel, median_heuristic, squared_distances
from daexplore.utils.checks import check_finite

__all__ = ["MMDTest", "checked_groups", "from_null", "mmd_test"]

Floats = NDArray[np.floating[Any]]

_BLOCK = 512
_AT_ONCE = 256
# The median of the pairwise distances of this many points is known to a few per cent, which no test
# notices.
_FOR_MEDIAN = 1000
# Float32 rounding of a value, in units of the null's deviation: relabellings that only exchange the
# two samples must count as ties.
_TIE = 1e-4


@dataclass(frozen=True, eq=False)
class MMDTest:
    """A permutation test of the unbiased MMD^2, or of another distance of two samples.

    Attributes:
        value: the MMD^2 of the two samples; may be negative.
        p_value: share of relabellings with a value at least as large, the samples themselves
            counted as one of them.
        null: (P,) the value of each relabelling: what chance alone gives.
        low: 2.5% quantile of ``null``.
        high: 97.5% quantile of ``null``.
        effect: ``value`` minus the mean of ``null``, over its standard deviation; 0 where all
            points are equal.
        n: points in the first sample.
        m: points in the second sample.
        permutations: P.
    """

    value: float
    p_value: float
    null: NDArray[np.float64]
    low: float
    high: float
    effect: float
    n: int
    m: int
    permutations: int


def mmd_test(
    x: Floats,
    y: Floats,
    groups_x: NDArray[Any] | None = None,
    groups_y: NDArray[Any] | None = None,
    bandwidths: Sequence[float] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> MMDTest:
    """Test whether two samples come from one distribution (Gretton et al. 2012, JMLR 13, eq. 3 and
    sec. 5).

    What is permuted are galaxies, see :func:`daexplore.analysis.images.ks_distance.permute_labels`:
    images of one galaxy stay together, and where both samples show a galaxy, its two sides are
    swapped or not. The p-value is ``(1 + #{null >= value}) / (1 + P)`` (Phipson & Smyth 2010, SAGMB
    9, 39), so that ``p <= a`` has a probability of at most a under the null hypothesis, for samples
    of any size.

    All relabellings come from one kernel matrix. Adding ``u_i + u_j`` to its entries off the
    diagonal changes no unbiased MMD^2, so it is centred first; what remains is small, and single
    precision is enough.

    Args:
        x: (n, d), n >= 2.
        y: (m, d), m >= 2.
        groups_x: (n,) the galaxy each row shows; by default each its own.
        groups_y: (m,) as above; an id in both is the same galaxy. Given together with ``groups_x``
            or not at all.
        bandwidths: sigma^2 of each Gaussian; by default ``SCALES`` times the median heuristic of
            the pooled sample.
        permutations: P.
        seed: of the relabellings.

    Raises:
        InputError: fewer than two points in a sample, latents that are not finite, or groups that
            do not fit.

    >>> rng = np.random.default_rng(0)
    >>> mmd_test(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 1, permutations=199).p_value
    0.005
    """
    groups = checked_groups(x, y, groups_x, groups_y, permutations)
    points = np.concatenate([x, y]).astype(np.float64)
    if bandwidths is None:
        some = np.random.default_rng(seed).permutation(len(points))[:_FOR_MEDIAN]
        bandwidths = [
            scale * median_heuristic(points[some[1::2]], points[some[::2]]) for scale in SCALES
        ]
    second = np.arange(len(points)) >= len(x)
    labels = np.concatenate([second[None], permute_labels(second, groups, permutations, seed)])
    # Plain numbers: numpy's own would turn single precision into double.
    values = _mmd2_of_labels(
        _centred_kernel(points, [float(bandwidth) for bandwidth in bandwidths]), ~labels
    )
    return from_null(float(values[0]), values[1:], len(x), len(y))


def from_null(value: float, null: NDArray[np.float64], n: int, m: int) -> MMDTest:
    """The test that a value and those of its relabellings (P,) make."""
    deviation = float(null.std())
    low, high = np.quantile(null, (0.025, 0.975))
    return MMDTest(
        value=value,
        p_value=float((1 + (null >= value - _TIE * deviation).sum()) / (1 + len(null))),
        null=null,
        low=float(low),
        high=float(high),
        effect=(value - float(null.mean())) / deviation if deviation > 0 else 0.0,
        n=n,
        m=m,
        permutations=len(null),
    )


def checked_groups(
    x: Floats,
    y: Floats,
    groups_x: NDArray[Any] | None,
    groups_y: NDArray[Any] | None,
    permutations: int,
) -> NDArray[Any]:
    """(n + m,) the pooled groups of two samples.

    Raises:
        InputError: as for :func:`mmd_test`.
    """
    if min(len(x), len(y)) < 2:
        raise InputError(
            f"A two-sample test needs at least 2 images in each sample, got {len(x)} and {len(y)};"
            " evaluate more galaxies."
        )
    if permutations < 1:
        raise InputError(
            f"A permutation test needs at least 1 permutation, got {permutations}; 1000 give"
            " p-values down to 0.001."
        )
    check_finite("Latents", x, y)
    if groups_x is None and groups_y is None:
        return np.arange(len(x) + len(y))
    if groups_x is None or groups_y is None or len(groups_x) != len(x) or len(groups_y) != len(y):
        raise InputError(
            "groups_x and groups_y go together, one entry a row: ids that both samples share name"
            " the same galaxy."
        )
    return np.concatenate([groups_x.astype(str), groups_y.astype(str)])


def _centred_kernel(
    points: NDArray[np.float64], bandwidths: Sequence[float]
) -> NDArray[np.float32]:
    """The (N, N) kernel matrix less ``u_i + u_j`` with u such that rows add up to about 0; the
    diagonal is 0.
    """
    count = len(points)
    kernel = np.empty((count, count), np.float32)
    for i in range(0, count, _BLOCK):
        for j in range(i, count, _BLOCK):
            # Distances need double precision, their differences cancel; exponentials do not, and
            # are four times as fast without.
            block = gaussian_kernel(
                squared_distances(points[i : i + _BLOCK], points[j : j + _BLOCK]).astype(
                    np.float32
                ),
                bandwidths,
            )
            kernel[i : i + _BLOCK, j : j + _BLOCK] = block
            kernel[j : j + _BLOCK, i : i + _BLOCK] = block.T
    np.fill_diagonal(kernel, 0)
    means = kernel.sum(axis=1, dtype=np.float64) / (count - 1)
    shares = (means - means.mean() / 2).astype(np.float32)
    kernel -= shares[:, None]
    kernel -= shares[None, :]
    np.fill_diagonal(kernel, 0)
    return kernel


def _mmd2_of_labels(kernel: NDArray[np.float32], first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The unbiased MMD^2 of R labellings at once.

    Args:
        kernel: (N, N), its diagonal 0.
        first: (R, N) which points are the first sample's.

    Returns:
        (R,).
    """
    rows = kernel.sum(axis=1, dtype=np.float64)
    inside = np.empty(len(first))
    for start in range(0, len(first), _AT_ONCE):
        chosen = first[start : start + _AT_ONCE].astype(np.float32)
        inside[start : start + _AT_ONCE] = np.einsum(
            "rn,rn->r", chosen @ kernel, chosen, dtype=np.float64
        )
    n = first.sum(axis=1)
    m = first.shape[1] - n
    touching = first @ rows
    outside = rows.sum() - 2 * touching + inside
    # Galaxies with unequal numbers of images can leave a sample with one image, which has no pairs
    # and whose sum is 0.
    within = inside / np.maximum(n * (n - 1), 1) + outside / np.maximum(m * (m - 1), 1)
    return np.asarray(within - 2 * (touching - inside) / np.maximum(n * m, 1))
