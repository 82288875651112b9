"""Match of two domains: same classes and codes, finite pixels, distinct ids."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.data.bands import channel_order, chosen_bands
from daexplore.data.catalogues.labels import matched_classes
from daexplore.data.galaxy_set import GalaxySet
from daexplore.errors import InputError

__all__ = ["check_domains", "compare_origin", "match_classes", "require_two_classes"]


def check_domains(
    source: GalaxySet,
    target: GalaxySet,
    match_bands: str = "name",
    bands: Sequence[str] | None = None,
) -> tuple[GalaxySet, GalaxySet]:
    """Everything that must hold before a training; reads every pixel once.

    Args:
        source: the labelled domain.
        target: the other domain.
        match_bands: "name" or "position".
        bands: those of the source that are used; None uses all.

    Returns:
        The two sets with matched classes; their channels stay as they are.

    Raises:
        InputError: the first thing that does not hold: two classes labelled in the source,
            channels, ids, classes, finite pixels.
    """
    require_two_classes(source)
    names = (f"the source {source.name!r}", f"the target {target.name!r}")
    channel_order(
        target.bands,
        chosen_bands(source.bands, bands, names[0].replace("the", "The", 1)),
        source.bands,
        match_bands,
        names,
    )
    shared = set(source.sample_ids) & set(target.sample_ids)
    if shared:
        raise InputError(
            f"Source and target share {len(shared)} sample ids, first {min(shared)!r}; ids must"
            " tell the domains apart. Read them under different names (they are called"
            f" {source.name!r} and {target.name!r})."
        )
    source, target = compare_origin(*match_classes(source, target))
    source.check_finite()
    target.check_finite()
    return source, target


def compare_origin(source: GalaxySet, target: GalaxySet) -> tuple[GalaxySet, GalaxySet]:
    """The same, with a word in the target's provenance where its images stand the other way up."""
    here, there = (galaxies.provenance.get("origin") for galaxies in (source, target))
    if here is None or there is None or here == there:
        return source, target
    provenance = target.provenance | {"other_origin": here}
    return source, dataclasses.replace(target, provenance=provenance)


def match_classes(source: GalaxySet, target: GalaxySet) -> tuple[GalaxySet, GalaxySet]:
    """Return the target the source's classes, matched by name, so that a label means the same in
    both. Case, blanks, ``_`` and ``-`` do not count; see :func:`matched_classes`.

    The target may have fewer classes or none. Its galaxies of a class that the source does not know
    become unlabelled, and the target's provenance counts them under ``unmatched_classes``, and
    names those that are spelled otherwise under ``matched_classes``. Where its column of labels was
    only found, not declared, and holds none of the source's classes, it counts as unlabelled.

    Raises:
        InputError: the target has labels but no class name in common with the source.
    """
    if source.classes == target.classes:
        return source, target
    same = matched_classes(target.classes, source.classes)
    counts = {
        name: count
        for name, count in target.class_counts().items()
        if name in target.classes and count
    }
    if counts and not set(counts) & set(same) and target.provenance.get("label_declared") is False:
        told = (
            f"The column {target.provenance.get('label_column')!r} of the target"
            f" {target.name!r} holds {', '.join(counts)}, none of them a class of the source: the"
            " target counts as unlabelled. Name its column of labels with --set"
            " data.target_read.label=COLUMN."
        )
        nothing = pd.Series(pd.NA, index=target.catalogue.index, dtype="Int64")
        return source, dataclasses.replace(
            target,
            catalogue=target.catalogue.assign(label=nothing),
            classes=source.classes,
            provenance=target.provenance
            | {"label_column": None, "notes": [*target.provenance.get("notes", ()), told]},
        )
    if counts and not set(counts) & set(same):
        raise InputError(
            f"No class of the target {target.name!r} ({', '.join(counts)}) is one of the source"
            f" {source.name!r} ({', '.join(source.classes) or 'it has no labels'}). Give the"
            " classes the same names, choose another label column, or say that the target has no"
            " labels: --set data.target_read.label=none."
        )
    number = {
        index: source.classes.index(same[name])
        for index, name in enumerate(target.classes)
        if name in same
    }
    catalogue = target.catalogue.assign(label=target.catalogue["label"].map(number).astype("Int64"))
    unmatched = {name: count for name, count in counts.items() if name not in same}
    respelled = {name: other for name, other in same.items() if name != other and name in counts}
    provenance = (
        target.provenance
        | ({"unmatched_classes": unmatched} if unmatched else {})
        | ({"matched_classes": respelled} if respelled else {})
    )
    return source, dataclasses.replace(
        target, catalogue=catalogue, classes=source.classes, provenance=provenance
    )


def require_two_classes(
    galaxies: GalaxySet, rows: NDArray[np.integer] | NDArray[np.bool_] | None = None
) -> None:
    """Make sure that there is something to distinguish.

    Args:
        galaxies: the labelled set.
        rows: look at these only (numbers or a mask), for example the training split.

    Raises:
        InputError: fewer than two classes are labelled.
    """
    labels = galaxies.labels if rows is None else galaxies.labels[rows]
    present = [galaxies.classes[index] for index in np.unique(labels[labels >= 0])]
    if len(present) < 2:
        found = (
            f"all of its {int((labels >= 0).sum())} labelled images are {present[0]!r}"
            if present
            else "none of its images has a label"
        )
        where = galaxies.provenance.get("path", "")
        raise InputError(
            f"The source {galaxies.name!r} must have labels of at least two classes, but {found}."
            " Name the column with the labels, or add images of another"
            f" class{f' ({where})' if where else ''}."
        )
