"""Latents in two dimensions: principal components, UMAP, and UMAPs laid out together."""

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError
from daexplore.utils.checks import check_finite

__all__ = ["aligned_umap", "pca", "rotate_to", "same_rows", "umap"]

Floats = NDArray[np.floating[Any]]


def pca(
    latents: Floats, reference: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two principal components of largest variance.

    Args:
        latents: (n, D).
        reference: (n,) the rows whose mean and axes are taken, by default all; every row is placed.

    Returns:
        Positions (n, 2), and (2,) the share of the reference's variance along each. The largest
        loading of each axis is positive.

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
    shares = np.clip(variances[::-1][:2], 0, None) / max(
        float(variances.sum()), np.finfo(float).tiny
    )
    missing = 2 - positions.shape[1]
    return np.pad(positions, ((0, 0), (0, missing))), np.pad(shares, (0, missing))


def umap(
    latents: Floats, seed: int = 0, neighbours: int = 15, min_dist: float = 0.1
) -> NDArray[np.float32]:
    """A UMAP embedding (McInnes et al. 2018, arXiv:1802.03426), the same for the same latents and
    seed.

    Distances and gaps in it are not distances. Takes seconds to minutes, and its library must not
    be used from two threads at once: call it in a process of its own.

    Args:
        latents: (n, D), n >= 4.
        seed: of the layout.
        neighbours: size of the neighbourhoods that are kept.
        min_dist: how densely points may be placed.

    Returns:
        (n, 2).

    Raises:
        InputError: too few latents, or latents that are not finite.
    """
    z = _finite(latents).astype(np.float32)
    if len(z) < 4:
        raise InputError(f"UMAP needs at least 4 galaxies, got {len(z)}.")
    embedder = _package().UMAP(
        n_neighbors=min(neighbours, len(z) - 1), min_dist=min_dist, random_state=seed, n_jobs=1
    )
    return np.asarray(embedder.fit_transform(z), np.float32)


def same_rows(first: NDArray[Any], second: NDArray[Any]) -> dict[int, int]:
    """Row of each sample of ``first`` that ``second`` has too -> its row there.

    Args:
        first: (n,) names, each once.
        second: (m,) as above, in any order.
    """
    places = {name: row for row, name in enumerate(second.tolist())}
    return {row: places[name] for row, name in enumerate(first.tolist()) if name in places}


def aligned_umap(
    latents: Sequence[Floats],
    ids: Sequence[NDArray[Any]],
    seed: int = 0,
    neighbours: int = 15,
    min_dist: float = 0.1,
    strength: float = 0.01,
) -> list[NDArray[np.float32]]:
    """A UMAP of each of several latents of the same galaxies, laid out together so that a galaxy
    stays near its place.

    Each is fitted on its own latents alone, and only the layouts pull on one another
    (``umap.AlignedUMAP``; McInnes et al. 2018, arXiv:1802.03426): latents of different networks are
    never stacked, for their axes mean different things. As for ``umap``, distances and gaps are not
    distances, and it belongs into a process of its own.

    Args:
        latents: in the order in which neighbours are pulled together, such as that of the epochs:
            (n, D) each.
        ids: (n,) names of the rows of each; a name is the same galaxy wherever it appears.
        seed: of the layout.
        neighbours: size of the neighbourhoods that are kept.
        min_dist: how densely points may be placed.
        strength: of the pull.

    Returns:
        (n, 2) of each; NaN where a galaxy has no neighbours.

    Raises:
        InputError: too few latents, latents that are not finite, or no galaxy in common.
    """
    z = [_finite(each).astype(np.float32) for each in latents]
    fewest = min(map(len, z), default=0)
    if fewest < 4:
        raise InputError(f"UMAP needs at least 4 galaxies, got {fewest}.")
    relations = [same_rows(one, other) for one, other in pairwise(ids)]
    if not all(relations):
        raise InputError(
            "UMAPs are aligned by the galaxies that they have in common, but two that follow each"
            " other have none."
        )
    if len(z) == 1:
        return [umap(z[0], seed, neighbours, min_dist)]
    settings = {
        "n_neighbors": min(neighbours, fewest - 1),
        "min_dist": min_dist,
        "random_state": seed,
    }
    with warnings.catch_warnings():
        # It warns for each map that a seed allows one thread only, which is what it is to use.
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        made = (
            _package()
            .AlignedUMAP(**settings, alignment_regularisation=strength)
            .fit(z, relations=relations)
        )
    return [np.asarray(each, np.float32) for each in made.embeddings_]


def rotate_to(positions: Sequence[Floats], shown: int, onto: Floats) -> list[NDArray[np.float32]]:
    """Layouts that belong together, all turned, and mirrored if need be, alike: one of them then
    agrees best with given positions.

    The orthogonal Procrustes problem (Schoenemann 1966, Psychometrika 31, 1), with both axes of
    ``onto`` counting alike.

    Args:
        positions: (n, 2) each.
        shown: which of them has the rows of ``onto``.
        onto: (n, 2).
    """
    from scipy.linalg import orthogonal_procrustes

    here, there = np.asarray(positions[shown], np.float64), np.asarray(onto, np.float64)
    known = np.isfinite(here).all(axis=1) & np.isfinite(there).all(axis=1)
    centre = here[known].mean(axis=0)
    there = there[known] - there[known].mean(axis=0)
    rotation = orthogonal_procrustes(
        here[known] - centre, there / np.maximum(there.std(axis=0), np.finfo(float).tiny)
    )[0]
    return [
        np.asarray((np.asarray(each, np.float64) - centre) @ rotation, np.float32)
        for each in positions
    ]


def _package() -> Any:
    with warnings.catch_warnings():
        # The package says on import that it would like TensorFlow, for a part that is not used
        # here.
        warnings.simplefilter("ignore", ImportWarning)
        import umap as package
    return package


def _finite(latents: Floats) -> NDArray[np.float64]:
    check_finite("Latents", latents)
    return latents.astype(np.float64)
