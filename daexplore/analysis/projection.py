"""Latents in two dimensions: principal components, and UMAP."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["pca", "umap"]

Floats = NDArray[np.floating[Any]]


def pca(latents: Floats, reference: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two principal components of largest variance.

    Args:
        latents: (n, D).
        reference: (n,) the rows whose mean and axes are taken, by default all; every row is placed.

    Returns:
        Positions (n, 2), and (2,) the share of the reference's variance along each. The largest loading of each axis is positive.

    Raises:
        InputError: fewer than 2 reference rows, or latents that are not finite.
    """
    z = _finite(latents)
    fitted = z if reference is None else z[reference]
    if len(fitted) < 2:
        raise InputError(f"Principal components need at least 2 galaxies, got {len(fitted)}.")
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(fitted, rowvar=False)))
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    positions = (z - fitted.mean(axis=0)) @ axes
    shares = np.clip(variances[::-1][:2], 0, None) / max(float(variances.sum()), np.finfo(float).tiny)
    missing = 2 - positions.shape[1]
    return np.pad(positions, ((0, 0), (0, missing))), np.pad(shares, (0, missing))


def umap(latents: Floats, seed: int = 0, neighbours: int = 15, min_dist: float = 0.1) -> NDArray[np.float32]:
    """A UMAP embedding (McInnes et al. 2018, arXiv:1802.03426), the same for the same latents and seed.

    Distances and gaps in it are not distances. Takes seconds to minutes, and its library must not be used from two threads at once: call
    it in a process of its own.

    Args:
        latents: (n, D), n >= 4.
        seed: of the layout.
        neighbours: size of the neighbourhoods that are kept.
        min_dist: how tightly points may lie.

    Returns:
        (n, 2).

    Raises:
        InputError: too few latents, or latents that are not finite.
    """
    z = _finite(latents).astype(np.float32)
    if len(z) < 4:
        raise InputError(f"UMAP needs at least 4 galaxies, got {len(z)}.")
    with warnings.catch_warnings():
        # Its package says on import that it would like TensorFlow, for a part that is not used here.
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP

    embedder = UMAP(n_neighbors=min(neighbours, len(z) - 1), min_dist=min_dist, random_state=seed, n_jobs=1)
    return np.asarray(embedder.fit_transform(z), np.float32)


def _finite(latents: Floats) -> NDArray[np.float64]:
    if not np.isfinite(latents).all():
        raise InputError("Latents hold NaN or infinite values: the training diverged. Train again with a smaller learning rate.")
    return latents.astype(np.float64)
