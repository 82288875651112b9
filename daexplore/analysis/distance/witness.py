"""Witness function of the MMD: where the source or the target is denser."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.kernels import gaussian_kernel, squared_distances
from daexplore.utils.checks import check_finite

__all__ = ["witness"]

Floats = NDArray[np.floating[Any]]


def witness(
    points: Floats,
    x: Floats,
    y: Floats,
    bandwidths: Sequence[float],
    *,
    groups: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    chunk: int = 512,
) -> NDArray[np.float64]:
    """Mean kernel to the first sample minus mean kernel to the second (Gretton et al. 2012, JMLR
    13, sec. 2.3, eq. 6).

    A point is left out of its own mean: its kernel with itself is 1 whatever the samples, and would
    make it look typical of its own.

    Args:
        points: (n, d) where to evaluate.
        x: (a, d), the source.
        y: (b, d), the target.
        bandwidths: sigma^2 of each Gaussian.
        groups: the galaxies that points, x and y show; all images of a point's own galaxy are then
            left out of both means. By default a point that is in a sample is left out of that
            sample, once.
        chunk: points at a time.

    Returns:
        (n,) positive where the source is denser; NaN where nothing is left of a sample.
    """
    check_finite("Latents", points, x, y)
    places = points.astype(np.float64)
    own = (
        _names(points, x, y)
        if groups is None
        else _names(*(ids.astype(str)[:, None] for ids in groups))
    )
    means = []
    for sample, names in ((x.astype(np.float64), own[1]), (y.astype(np.float64), own[2])):
        kept = np.zeros(len(places))
        total = np.zeros(len(places))
        for start in range(0, len(places), chunk):
            rows = slice(start, start + chunk)
            kernel = gaussian_kernel(squared_distances(places[rows], sample), bandwidths)
            if groups is not None:
                others = own[0][rows, None] != names[None, :]
                total[rows], kept[rows] = (kernel * others).sum(axis=1), others.sum(axis=1)
            else:
                itself = np.isin(own[0][rows], names)
                total[rows], kept[rows] = kernel.sum(axis=1) - itself, len(sample) - itself
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append(np.where(kept > 0, total / kept, np.nan))
    return np.asarray(means[0] - means[1])


def _names(*parts: NDArray[Any]) -> list[NDArray[np.int64]]:
    """A number for each row of each array, the same for equal rows."""
    numbers = np.unique(np.concatenate(parts), axis=0, return_inverse=True)[1].reshape(-1)
    return np.split(numbers.astype(np.int64), np.cumsum([len(part) for part in parts])[:-1])
