"""Near-duplicates: rotated, mirrored, dimmed or noisier images of one galaxy."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.images.rotation_invariants import Harmonics, similarity

__all__ = ["SIMILAR", "near_duplicates"]

SIMILAR = 0.9
_SMALL_SET = 0.98
_NEIGHBOURS = 10
_CANDIDATES = 16
_EXPECTED = 0.01
_BLOCK = 1000
_COLUMNS = ["a", "b", "similarity", "angle", "mirrored", "expected", "cluster"]


def near_duplicates(
    modes: Harmonics, groups: NDArray[Any], expected: float = _EXPECTED
) -> pd.DataFrame:
    """Pairs of images of different groups that are too alike to be two galaxies.

    A pair must have a similarity of 0.9, and it must be rare: with T the distance (the square root
    of 1 - similarity), K the tenth neighbour and d the intrinsic dimension of the set (Levina &
    Bickel 2004, NIPS 17), a neighbour as near as T is expected ``K (T / T_K)^d`` times by chance
    about an image, which times the number of images must be below ``expected``. So noisy copies are
    found where galaxies are varied, and plain ellipticals without noise, which are all alike, are
    not taken for one another. Sets of fewer than 40 images have no neighbourhood to judge by; there
    a similarity of 0.98 is asked for.

    Distances of the harmonics' moduli, which do not depend on the angle, bound the true ones from
    below, and give 16 candidates an image.

    Args:
        modes: (n, D, 17) whitened harmonics.
        groups: (n,) the galaxy each image shows; images of one group are never a pair.
        expected: pairs by chance in the whole set.

    Returns:
        ``a, b`` row numbers, a < b; ``similarity``; ``angle`` [degree] and ``mirrored``, which make
        b like a; ``expected`` pairs as near by chance; ``cluster`` number. Most alike first.
    """
    index = np.unique(groups.astype(str), return_inverse=True)[1]
    there = np.flatnonzero((np.abs(modes) ** 2).sum(axis=(1, 2)) > 0)
    modes, index = modes[there], index[there]
    if len(modes) < 2:
        return pd.DataFrame(columns=_COLUMNS)
    neighbours = _candidates(modes, index, min(_CANDIDATES, len(modes) - 1))
    alike = np.stack(
        [_similar(modes, neighbours[:, k]) for k in range(neighbours.shape[1])], axis=1
    )
    alike[index[neighbours] == index[:, None]] = -1
    order = np.argsort(-alike, axis=1)
    neighbours, alike = (
        np.take_along_axis(neighbours, order, axis=1),
        np.take_along_axis(alike, order, axis=1),
    )
    a = np.repeat(np.arange(len(modes)), neighbours.shape[1])
    b, value = neighbours.ravel(), alike.ravel()
    chance = _expected_by_chance(alike, a, b, value)
    near = (value >= (SIMILAR if len(modes) >= 4 * _NEIGHBOURS else _SMALL_SET)) & (
        chance <= expected
    )
    pairs = np.unique(np.sort(np.stack([a[near], b[near]], axis=1), axis=1), axis=0)
    exact, angle, mirrored = similarity(modes[pairs[:, 0]], modes[pairs[:, 1]])
    frame = pd.DataFrame(
        {
            "a": there[pairs[:, 0]],
            "b": there[pairs[:, 1]],
            "similarity": exact,
            "angle": angle,
            "mirrored": mirrored,
        }
    )
    frame["expected"] = _expected_by_chance(alike, pairs[:, 0], pairs[:, 1], exact)
    frame["cluster"] = _clusters(pairs, len(modes))
    return frame.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)


def _candidates(modes: Harmonics, groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(n, count) images whose moduli are most alike, those of the same group last."""
    moduli = np.abs(modes).reshape(len(modes), -1)
    power = (moduli**2).sum(axis=1)
    result = np.empty((len(modes), count), np.int64)
    for start in range(0, len(modes), _BLOCK):
        block = slice(start, start + _BLOCK)
        bound = 2 * (moduli[block] @ moduli.T) / (power[block, None] + power)
        bound[groups[block, None] == groups] = -1
        result[block] = np.argpartition(-bound, count - 1, axis=1)[:, :count]
    return result


def _similar(modes: Harmonics, others: NDArray[np.int64]) -> NDArray[np.float32]:
    blocks = range(0, len(modes), _BLOCK)
    return np.concatenate(
        [similarity(modes[i : i + _BLOCK], modes[others[i : i + _BLOCK]])[0] for i in blocks]
    )


def _expected_by_chance(
    alike: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    value: NDArray[np.float32],
) -> NDArray[np.float64]:
    """How many pairs of the set are expected to be as near as each of the given ones, seen from the
    side where it is less rare.
    """
    if len(alike) < 4 * _NEIGHBOURS:
        return np.zeros(len(value))
    distance = np.sqrt(np.maximum(1 - alike.astype(np.float64), 1e-12))
    far = distance[:, _NEIGHBOURS - 1]
    # From the fourth neighbour on: the first ones may be the copies that are looked for.
    dimension = 1 / np.mean(np.log(far[:, None] / distance[:, 3 : _NEIGHBOURS - 1]).clip(min=1e-9))
    ratio = np.sqrt(np.maximum(1 - value.astype(np.float64), 1e-12)) / np.minimum(far[a], far[b])
    return np.asarray(len(alike) * _NEIGHBOURS * ratio**dimension)


def _clusters(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    links = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    number = connected_components(links, directed=False)[1]
    return np.unique(number[pairs[:, 0]], return_inverse=True)[1].astype(np.int64)
