"""Splits into training, validation and test by galaxy."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.data.galaxy_set import GalaxySet
from daexplore.errors import InputError

__all__ = ["SPLITS", "limit_rows", "split_groups"]

SPLITS = ("train", "validation", "test")


def split_groups(
    source: GalaxySet,
    target: GalaxySet,
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
    seed: int = 0,
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Which split each image belongs to.

    Groups (galaxies) are dealt out within strata: source groups by their most frequent label and by
    whether the target shows them too; groups of the target alone are one stratum, for its labels
    are never looked at. Within a stratum the order is that of a hash of seed and group id, so that
    the order of rows does not matter. A stratum of three groups or more is in all three splits.

    Args:
        source: the labelled domain.
        target: the other domain.
        fractions: shares of train, validation and test, counted in groups; positive, adding up to
            1.
        seed: which groups go where.

    Returns:
        (n source,) and (n target,) of "train", "validation" or "test".

    Raises:
        InputError: fractions that cannot be, or so few groups that a split would be empty in a
            domain.
    """
    if len(fractions) != 3 or not (min(fractions) > 0 and abs(sum(fractions) - 1) < 1e-6):
        raise InputError(
            "Fractions of train, validation and test must be three positive numbers that add up to"
            f" 1, got {tuple(fractions)}."
        )
    source_groups, target_groups = _groups(source), _groups(target)
    in_target = set(target_groups)
    strata: dict[tuple[int, bool], list[str]] = {}
    for group, label in _group_labels(source_groups, source.labels).items():
        strata.setdefault((label, group in in_target), []).append(group)
    target_only = in_target - set(source_groups)
    split_of: dict[str, str] = {}
    for groups in (*strata.values(), target_only):
        counts = _counts(len(groups), fractions)
        split_of |= zip(_shuffled(groups, seed), np.repeat(SPLITS, counts).tolist(), strict=True)
    splits = tuple(
        np.array([split_of[group] for group in groups]) for groups in (source_groups, target_groups)
    )
    for galaxies, assigned in zip((source, target), splits, strict=True):
        empty = [split for split in SPLITS if split not in assigned]
        if empty:
            n = galaxies.catalogue["group_id"].nunique()
            raise InputError(
                f"Galaxy set {galaxies.name!r}: {n} galaxies (groups) in shares {tuple(fractions)}"
                f" leave the {empty[0]} split empty. Bring more galaxies, or give that split a"
                " larger share."
            )
    return splits[0], splits[1]


def limit_rows(
    galaxies: GalaxySet, rows: NDArray[np.integer[Any]], limit: int | None, seed: int = 0
) -> NDArray[np.int64]:
    """At most ``limit`` of the given rows, groups kept whole.

    Groups are taken in the order of a hash of seed and group id, so that two domains that show the
    same galaxies keep the same ones.

    Args:
        galaxies: the set.
        rows: the rows to choose from: a split.
        limit: rows at most; None takes all.
        seed: which groups stay.

    Returns:
        Row numbers in ascending order.

    Raises:
        InputError: not even one group fits.
    """
    chosen = np.unique(np.asarray(rows, np.int64))
    if limit is None or len(chosen) <= limit:
        return chosen
    groups = _groups(galaxies)[chosen]
    sizes = Counter(groups)
    order = _shuffled(sizes, seed)
    fitting = np.cumsum([sizes[group] for group in order]) <= limit
    if not fitting[0]:
        raise InputError(
            f"Galaxy set {galaxies.name!r}: a limit of {limit} images is less than the"
            f" {sizes[order[0]]} of {order[0]!r}; raise it."
        )
    kept = set(order[: int(fitting.sum())])
    return chosen[[group in kept for group in groups]]


def _groups(galaxies: GalaxySet) -> NDArray[np.object_]:
    return galaxies.catalogue["group_id"].astype(str).to_numpy(object)


def _group_labels(groups: NDArray[np.object_], labels: NDArray[np.int64]) -> dict[str, int]:
    """Group -> its most frequent label, the smallest of equally frequent ones, -1 where all are
    missing.
    """
    votes: dict[str, Counter[int]] = {}
    for group, label in zip(groups, labels.tolist(), strict=True):
        votes.setdefault(group, Counter())[label] += label >= 0
    return {
        group: max(count, key=lambda label: (count[label], -label))
        for group, count in votes.items()
    }


def _shuffled(groups: Iterable[str], seed: int) -> list[str]:
    return sorted(groups, key=lambda group: hashlib.sha256(f"{seed}/{group}".encode()).digest())


def _counts(n: int, fractions: tuple[float, ...]) -> NDArray[np.int64]:
    """Whole numbers close to ``n * fractions`` that add up to n, none of them 0 from n = 3 on."""
    shares = np.array(fractions) / sum(fractions)
    least = 1 if n >= len(shares) else 0
    counts = np.floor(shares * (n - least * len(shares))).astype(np.int64) + least
    while counts.sum() < n:
        counts[np.argmax(shares * n - counts)] += 1
    return counts
