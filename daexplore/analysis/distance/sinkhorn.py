"""Sinkhorn distance between two samples of latents, and its permutation test."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.mmd_test import MMDTest, checked_groups, from_null
from daexplore.analysis.images.ks_distance import permute_labels
from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = ["BLUR", "sinkhorn_distance", "sinkhorn_test"]

Floats = NDArray[np.floating[Any]]

BLUR = 0.5
"""In units of the source's spread. At less, two samples of 1000 from one distribution in 32
dimensions are almost as far apart as their spread, since the transport then matches single points;
at 0.5 they are 0.16 apart."""


def sinkhorn_distance(x: Floats, y: Floats, blur: float = BLUR, scaling: float = 0.9) -> float:
    """``sqrt(2 S)`` with S the debiased Sinkhorn divergence of cost ``|x - y|^2 / 2`` and
    regularisation ``blur^2``.

    Feydy et al. 2019 (arXiv:1810.08278, eq. 3), computed by geomloss. For blur -> 0 it is the
    Wasserstein-2 distance; for a mere shift it is the shift's length. Samples from one distribution
    have a distance above 0: compare with what relabelled samples give.

    Args:
        x: (n, d).
        y: (m, d).
        blur: lengths below this are not resolved.
        scaling: of the annealing, from 0 (fast) to 1 (exact); at 0.9 the error is below half a per
            cent.

    Raises:
        InputError: an empty sample, or latents that are not finite.
    """
    if not len(x) or not len(y):
        raise InputError(
            f"A Sinkhorn distance needs galaxies in both samples, got {len(x)} and {len(y)};"
            " evaluate more galaxies."
        )
    check_finite("Latents", x, y)
    import torch
    from geomloss import SamplesLoss

    divergence = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized")
    one, other = (torch.from_numpy(part.astype(np.float64)) for part in (x, y))
    with torch.no_grad():
        return float(np.sqrt(2 * max(float(divergence(one, other)), 0.0)))


def sinkhorn_test(
    x: Floats,
    y: Floats,
    groups_x: NDArray[Any] | None = None,
    groups_y: NDArray[Any] | None = None,
    blur: float = BLUR,
    permutations: int = 39,
    seed: int = 0,
    most: int = 500,
) -> MMDTest:
    """The distance of two samples beside that of relabelled ones, galaxies permuted as in
    ``analysis.permutation.mmd_test``.

    Each relabelling costs a transport of its own, so there are few of them, on few galaxies.

    Args:
        x: (n, d).
        y: (m, d).
        groups_x: (n,) the galaxy each row shows; by default each its own.
        groups_y: (m,) as above.
        blur: lengths below this are not resolved.
        permutations: how many relabellings; p-values go down to 1 / (1 + permutations).
        seed: of the relabellings and of the choice of galaxies.
        most: images of a sample that are used at most, roughly; whole galaxies are chosen at
            random.

    Raises:
        InputError: as for ``mmd_test``.
    """
    groups = checked_groups(x, y, groups_x, groups_y, permutations)
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    share = min(1.0, most / max(len(x), len(y)))
    kept = np.isin(groups, names[: int(np.ceil(share * len(names)))])
    points, second = np.concatenate([x, y])[kept], (np.arange(len(groups)) >= len(x))[kept]
    labels = [second, *permute_labels(second, groups[kept], permutations, seed)]
    values = np.array([sinkhorn_distance(points[~side], points[side], blur) for side in labels])
    return from_null(float(values[0]), values[1:], int((~second).sum()), int(second.sum()))
