"""Several labelled galaxy sets as one source."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import pandas as pd

from daexplore.data.bands import channel_order
from daexplore.data.galaxy_set import GalaxySet
from daexplore.data.joined_images import JoinedImages
from daexplore.data.readers import match_classes
from daexplore.errors import InputError

__all__ = ["join_sets"]

T = TypeVar("T")


def join_sets(sets: Sequence[GalaxySet]) -> GalaxySet:
    """Return the sets as one: the rows of the second follow those of the first.

    Classes and bands are matched by name with those of the first set. Galaxies that have the same
    ``group_id`` in two sets count as one galaxy. Where units or PSFs differ, the joined set states
    none.

    Raises:
        InputError: images of other sizes, bands or pixel scales, or other classes.
    """
    first, *others = sets
    if not others:
        return first
    matched = [first, *(_matched(first, other) for other in others)]
    orders = [
        channel_order(
            galaxies.bands,
            first.bands,
            first.bands,
            "name",
            (f"the source {first.name!r}", f"the source {galaxies.name!r}"),
        )
        for galaxies in matched
    ]
    images = JoinedImages(
        tuple(galaxies.images for galaxies in matched),
        tuple(orders),
    )
    return GalaxySet(
        images,
        pd.concat(_named_apart(matched), ignore_index=True),
        first.classes,
        first.bands,
        "+".join(galaxies.name for galaxies in matched),
        first.pixel_scale,
        {"notes": _notes(matched), "origin": _same([each.origin for each in matched])},
        _same([_reordered(each.flux_scale, o) for each, o in zip(matched, orders, strict=True)]),
        _same([_reordered(each.psf_fwhm, o) for each, o in zip(matched, orders, strict=True)]),
    )


def _matched(first: GalaxySet, other: GalaxySet) -> GalaxySet:
    sizes = [tuple(galaxies.images.shape[2:]) for galaxies in (first, other)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"The labelled sets {first.name!r} and {other.name!r} have images of {sizes[0]} and"
            f" {sizes[1]} pixels. Bring them to one size with `daexplore ingest --size`."
        )
    scales = (first.pixel_scale, other.pixel_scale)
    if None not in scales and scales[0] != scales[1]:
        raise InputError(
            f"The labelled sets {first.name!r} and {other.name!r} have pixels of {scales[0]} and"
            f" {scales[1]} arcsec. Bring them to one scale with `daexplore ingest --resample`."
        )
    return match_classes(first, other)[1]


def _named_apart(sets: Sequence[GalaxySet]) -> list[pd.DataFrame]:
    """The catalogues; where an id occurs in two sets, all begin with the name of their set."""
    names = [galaxies.name for galaxies in sets]
    prefixes = [
        name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names)
    ]
    ids = Counter(name for galaxies in sets for name in galaxies.sample_ids)
    if ids.most_common(1)[0][1] == 1:
        return [galaxies.catalogue for galaxies in sets]
    return [
        galaxies.catalogue.assign(sample_id=prefix + "/" + galaxies.catalogue["sample_id"])
        for prefix, galaxies in zip(prefixes, sets, strict=True)
    ]


def _notes(sets: Sequence[GalaxySet]) -> list[str]:
    notes = [
        f"Joined from {len(sets)} sets: "
        + ", ".join(f"{galaxies.name} ({len(galaxies)} images)" for galaxies in sets)
        + "."
    ]
    for what, values in (
        ("unit of the pixels", [galaxies.flux_scale for galaxies in sets]),
        ("PSF", [galaxies.psf_fwhm for galaxies in sets]),
    ):
        if len(set(values)) > 1:
            notes.append(f"The {what} differs between the joined sets, so none is used.")
    return notes + [note for galaxies in sets for note in galaxies.provenance.get("notes", ())]


def _reordered(values: tuple[float, ...] | None, order: Sequence[int]) -> tuple[float, ...] | None:
    return None if values is None else tuple(values[channel] for channel in order)


def _same(values: Sequence[T]) -> T | None:
    return values[0] if all(value == values[0] for value in values) else None
