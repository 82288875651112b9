"""Domain distances under many resamples of the same galaxies, for paired intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.domain_probe import domain_probe
from daexplore.analysis.distance.probe_spread import training_factor
from daexplore.analysis.metrics.classification import weighted_auc
from daexplore.kernels import gaussian_kernel, squared_distances

__all__ = ["probe_auc_draws", "reweighted_mmd2"]

Floats = NDArray[np.floating[Any]]


def reweighted_mmd2(
    x: Floats,
    y: Floats,
    bandwidths: Sequence[float],
    weights_x: Floats,
    weights_y: Floats,
    groups_x: NDArray[Any],
    groups_y: NDArray[Any],
) -> NDArray[np.float64]:
    """The unbiased squared MMD under R sets of weights, from one pass over the kernel matrix.

    Each mean of kernels, ``sum' w_i w_j k_ij / sum' w_i w_j``, leaves out pairs of images of one
    galaxy, within a domain and across: a resample holds a galaxy several times, and how near it
    lies to itself would move every resample away from the sample's value. With one image a galaxy,
    other galaxies in each domain and weights of 1 it is ``kernels.mmd2`` (Gretton et al. 2012, JMLR
    13, eq. 3); where both domains show the same galaxies it is a little larger. Weights of 0 leave
    rows out: one pass serves subsets, such as classes, as well.

    Args:
        x: (n, d).
        y: (m, d).
        bandwidths: sigma^2 of each Gaussian.
        weights_x: (R, n).
        weights_y: (R, m).
        groups_x: (n,) the galaxy each row shows.
        groups_y: (m,) as above.

    Returns:
        (R,), NaN where a domain has fewer than two galaxies of positive weight.
    """
    # The exponentials are what takes long: in single precision each is off by 1e-7 at random, the
    # sums are taken in double precision.
    centre = np.concatenate([x, y]).mean(axis=0, dtype=np.float64)
    x, y = (x - centre).astype(np.float32), (y - centre).astype(np.float32)
    within = [
        _form(points, bandwidths, weights, groups)
        for points, weights, groups in ((x, weights_x, groups_x), (y, weights_y, groups_y))
    ]
    between = np.zeros(len(weights_x))
    names, index = np.unique(np.concatenate([groups_x, groups_y]), return_inverse=True)
    index_x, index_y = index[: len(x)], index[len(x) :]
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        block = gaussian_kernel(squared_distances(x[rows], y), bandwidths).astype(np.float64)
        block *= index_x[rows, None] != index_y
        between += ((weights_x[:, rows] @ block) * weights_y).sum(axis=1)
    same = (
        _by_group(weights_x, index_x, len(names)) * _by_group(weights_y, index_y, len(names))
    ).sum(axis=1)
    return (
        within[0]
        + within[1]
        - 2 * _ratio(between, weights_x.sum(axis=1) * weights_y.sum(axis=1) - same)
    )


def probe_auc_draws(
    latents: Floats, domains: NDArray[Any], groups: NDArray[Any], weights: Floats, seed: int = 0
) -> NDArray[np.float64]:
    """(1 + R,) the area under the ROC curve of a cross-validated linear domain probe, of the sample
    and under each reweighting.

    The probes are those of the sample; the held-out galaxies that judge them are reweighted. The
    draws are spread out around the sample's value so that the training galaxies count as well
    (``probe_spread.training_factor``).

    Args:
        latents: (n, D).
        domains: (n,) "source" or "target".
        groups: (n,) the galaxy each row shows.
        weights: (R, n).
        seed: which galaxies are in which fold.
    """
    probe = domain_probe(latents, domains, groups, seed=seed)
    every = np.vstack([np.ones(len(latents)), weights])
    target = domains == "target"
    folds = [probe.fold == number for number in range(len(probe.directions))]
    areas = np.stack(
        [weighted_auc(target[held], probe.scores[held], every[:, held]) for held in folds]
    )
    drawn = np.asarray(areas.mean(axis=0))
    known = drawn[1:][np.isfinite(drawn[1:])]
    variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    factor = training_factor(latents, domains, groups, probe.fold, variance, seed=seed)
    return np.asarray(drawn[0] + factor * (drawn - drawn[0]))


_ROWS = 512


def _form(
    points: Floats, bandwidths: Sequence[float], weights: Floats, groups: NDArray[Any]
) -> NDArray[np.float64]:
    names, index = np.unique(groups, return_inverse=True)
    total = np.zeros(len(weights))
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        block = gaussian_kernel(squared_distances(points[rows], points[start:]), bandwidths).astype(
            np.float64
        )
        block *= index[rows, None] != index[start:]
        products = (weights[:, rows] @ block) * weights[:, start:]
        # The matrix is symmetric: what is right of the diagonal's block counts twice.
        total += 2 * products.sum(axis=1) - products[:, : len(block)].sum(axis=1)
    same = (_by_group(weights, index, len(names)) ** 2).sum(axis=1)
    return _ratio(total, weights.sum(axis=1) ** 2 - same)


def _by_group(weights: Floats, index: NDArray[np.integer[Any]], groups: int) -> NDArray[np.float64]:
    """(R, groups) the sum of each galaxy's weights."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    total = np.zeros((len(weights), groups))
    total[:, ordered[starts]] = np.add.reduceat(weights[:, order], starts, axis=1)
    return total


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        np.divide(
            numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 1e-9
        )
    )
