"""Duplicates within and between domains, and what they mean for the splits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.analysis.images.duplicates import SIMILAR, near_duplicates
from daexplore.analysis.images.rotation_invariants import harmonics, whiten
from daexplore.engine.inspection.domain_sample import DomainSample, groups_known

__all__ = ["duplicate_pairs", "leakage_checks"]

_COLUMNS = [
    *(
        f"{name}_{which}"
        for name in ("sample_id", "domain", "split", "group", "label")
        for which in "ab"
    ),
    *("similarity", "angle", "mirrored", "cluster", "leak"),
]


def duplicate_pairs(
    sides: list[DomainSample], progress: Callable[[int, int], None]
) -> tuple[pd.DataFrame, float]:
    """Near-duplicates of different galaxies in both domains together, see ``near_duplicates``; and
    the least similarity that counts.

    Each band is taken in units of its domain's, and where both pixel scales are known the same part
    of the sky is compared.
    """
    total, before, modes = sum(len(side.searched) for side in sides), 0, []
    for side, radius in zip(sides, _radii(sides), strict=True):
        taken = _Rows(side)
        scale = np.median(
            np.nanstd(side.images[side.rows[:256]].astype(np.float64), axis=(2, 3)), axis=0
        )
        offset = before
        modes.append(
            harmonics(
                taken,
                scale,
                radius,
                lambda done, _, offset=offset: progress(offset + done, total),  # type: ignore[misc]
            )
        )
        before += len(side.searched)
    groups = np.concatenate([side.groups[side.searched] for side in sides])
    pairs = near_duplicates(whiten(np.concatenate(modes)), groups)
    known = {
        "sample_id": np.concatenate([side.galaxies.sample_ids[side.searched] for side in sides]),
        "domain": np.repeat(
            [side.domain for side in sides], [len(side.searched) for side in sides]
        ),
        "split": np.concatenate([side.splits[side.searched] for side in sides]),
        "group": groups,
        # A target's labels are for the class balance only.
        "label": np.concatenate(
            [
                (
                    side.labels[side.searched]
                    if side.domain == "source"
                    else np.full(len(side.searched), "")
                )
                for side in sides
            ]
        ),
    }
    first, second = pairs["a"].to_numpy(int), pairs["b"].to_numpy(int)
    for name, column in known.items():
        pairs[f"{name}_a"], pairs[f"{name}_b"] = column[first], column[second]
    pairs["leak"] = (pairs["split_a"] != pairs["split_b"]).astype(bool)
    return pairs[_COLUMNS], SIMILAR


class _Rows:
    """The searched images of a side as an array that is read piece by piece."""

    def __init__(self, side: DomainSample) -> None:
        self._side = side
        self.shape = (len(side.searched), *side.images.shape[1:])

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return self._side.images[self._side.searched[rows]]


def _radii(sides: list[DomainSample]) -> list[float]:
    """Radius of the compared disc in each domain's pixels."""
    halves = [(min(side.images.shape[2:]) - 1) / 2 for side in sides]
    scales = [side.galaxies.pixel_scale for side in sides]
    if scales[0] is None or scales[1] is None:
        return halves
    smaller = min(half * float(scale or 1) for half, scale in zip(halves, scales, strict=True))
    return [smaller / float(scale or 1) for scale in scales]


def leakage_checks(sides: list[DomainSample], duplicates: pd.DataFrame) -> pd.DataFrame:
    """What could carry a galaxy from one split into another: ``check, count, of, problem,
    words``.
    """
    checks = []
    for side in sides:
        n, images = len(set(side.groups)), len(side.galaxies)
        known = groups_known(side.galaxies)
        words = (
            f"The {side.domain}'s {images} images show {n} galaxies; images of one galaxy stay in"
            " one split."
            if known
            else (
                f"The {side.domain} does not say which images show the same galaxy: each counts as"
                " one of its own, and copies may leak."
            )
        )
        checks.append((f"groups known in the {side.domain}", n, images, not known, words))
        unsplit = int((side.splits == "").sum())
        if unsplit:
            words = (
                f"The {side.domain} has too few galaxies for a training, a validation and a test"
                " split."
            )
            checks.append((f"splits of the {side.domain}", unsplit, images, True, words))
    shared = set(sides[0].groups) & set(sides[1].groups)
    words = f"{len(shared)} galaxies are in both domains" + (
        ", and are held out together." if shared else "."
    )
    checks.append(
        ("galaxies in both domains", len(shared), len(set(sides[0].groups)), False, words)
    )
    apart = sum(len(set(split)) > 1 for split in _splits_of_groups(sides).values())
    words = (
        f"{apart} galaxies have images in more than one split."
        if apart
        else "No galaxy has images in more than one split."
    )
    checks.append(
        (
            "galaxies in several splits",
            apart,
            len(set(sides[0].groups) | set(sides[1].groups)),
            apart > 0,
            words,
        )
    )
    searched = sum(len(side.searched) for side in sides)
    leaks = int(duplicates["leak"].sum())
    words = (
        f"{leaks} pairs of images in different splits look like one galaxy under two names: look at"
        " them, and leave one out or group them."
        if leaks
        else f"No galaxy was found under two names in different splits, among {searched} images."
    )
    checks.append(("copies across splits", leaks, searched, leaks > 0, words))
    return pd.DataFrame(checks, columns=["check", "count", "of", "problem", "words"])


def _splits_of_groups(sides: list[DomainSample]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for side in sides:
        for group, split in zip(side.groups, side.splits, strict=True):
            found.setdefault(group, set()).add(str(split))
    return found
