"""Class-conditional MMD between the domains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.analysis.distance.domain_probe import mmd2_chunked, spread
from daexplore.analysis.distance.mmd_test import MMDTest, mmd_test

__all__ = ["class_conditional_mmd", "class_conditional_tests"]

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def class_conditional_mmd(
    source_latents: Floats,
    source_labels: Ints,
    target_latents: Floats,
    target_classes: Ints,
    bandwidths: Sequence[float],
) -> dict[int, float]:
    """The unbiased MMD^2 between the domains' galaxies of each class (Gretton et al. 2012, JMLR 13,
    eq. 3).

    With the network's predictions as classes in both domains it needs no labels, and its mean is 0
    if the domains have one distribution. With labels in the source and predictions in the target it
    is not 0 even then: a prediction cuts at the boundary, a label does not. With labels in both it
    is exact, and an oracle.

    Args:
        source_latents: (n, d).
        source_labels: (n,) the class of each; negative ones (missing) are left out.
        target_latents: (m, d).
        target_classes: (m,) as above: predictions, or labels (the result is then an oracle's).
        bandwidths: sigma^2 of each Gaussian in units of the source's spread, all classes together,
            as for the logged MMD^2.

    Returns:
        By class, in order; NaN where a domain has fewer than two galaxies of it.
    """
    unit = spread(source_latents) or 1.0
    found = {}
    for kind in _classes(source_labels, target_classes):
        one, other = (
            source_latents[source_labels == kind] / unit,
            target_latents[target_classes == kind] / unit,
        )
        found[kind] = (
            mmd2_chunked(one, other, bandwidths) if min(len(one), len(other)) >= 2 else float("nan")
        )
    return found


def class_conditional_tests(
    source_latents: Floats,
    source_labels: Ints,
    target_latents: Floats,
    target_classes: Ints,
    bandwidths: Sequence[float],
    source_groups: NDArray[Any] | None = None,
    target_groups: NDArray[Any] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> dict[int, MMDTest | None]:
    """The permutation test of each class's MMD^2; its p-values hold for classes that are found
    alike in both domains.

    Args:
        source_latents: (n, d).
        source_labels: (n,) predictions, or labels if ``target_classes`` are labels too.
        target_latents: (m, d).
        target_classes: (m,).
        bandwidths: as for :func:`class_conditional_mmd`.
        source_groups: (n,) the galaxy each row shows.
        target_groups: (m,) as above.
        permutations: of each test.
        seed: of the relabellings.

    Returns:
        By class, in order; None where a domain has fewer than two galaxies of it.
    """
    unit = spread(source_latents) or 1.0
    found: dict[int, MMDTest | None] = {}
    for kind in _classes(source_labels, target_classes):
        one, other = source_labels == kind, target_classes == kind
        if min(one.sum(), other.sum()) < 2:
            found[kind] = None
            continue
        groups_x, groups_y = (
            None if ids is None else ids[chosen]
            for ids, chosen in ((source_groups, one), (target_groups, other))
        )
        pair = source_latents[one] / unit, target_latents[other] / unit
        found[kind] = mmd_test(*pair, groups_x, groups_y, bandwidths, permutations, seed)
    return found


def _classes(source: Ints, target: Ints) -> list[int]:
    return [int(kind) for kind in np.union1d(source, target) if kind >= 0]
