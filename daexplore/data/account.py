"""Account of a galaxy set: what was found, used and passed over, and what was taken for granted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from daexplore.data.catalogues.labels import plain_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daexplore.data.galaxy_set import GalaxySet

__all__ = ["Account", "PassedOver", "Taken", "account_of", "contradictions", "copies"]

_NAMED = 3
_ROW = {"lower left": "bottom", "upper left": "top"}


@dataclass(frozen=True)
class PassedOver:
    """Files or rows that are not in the set, for one reason.

    Attributes:
        reason: in a few words, such as "no row in the catalogue".
        count: of files or rows.
        first: the names of the first few.
    """

    reason: str
    count: int
    first: tuple[str, ...] = ()

    @staticmethod
    def of(reason: str, names: Sequence[str]) -> "PassedOver":
        """The same of the names of all of them."""
        return PassedOver(reason, len(names), tuple(map(str, names[:_NAMED])))

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {"reason": self.reason, "count": self.count, "first": list(self.first)}

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.first) > 0 else ""
        first = f" (first {', '.join(self.first)}{more})" if self.first else ""
        return f"{self.count} passed over: {self.reason}{first}"


@dataclass(frozen=True)
class Taken:
    """Something that decides what the numbers mean, and where it came from.

    Attributes:
        what: "bands", "ids", "groups", "classes", "unit", "pixel scale" and the like.
        value: in words.
        source: "declared", "header", "file names", "assumed" and the like.
    """

    what: str
    value: str
    source: str

    def __str__(self) -> str:
        return f"{self.what}: {self.value} ({self.source})"


@dataclass(frozen=True)
class Account:
    """Of one opening of a set.

    Attributes:
        used: images in the set.
        passed_over: what is not in it.
        taken: what was taken, and from where.
        warnings: what a user would not expect, one sentence each.
    """

    used: int
    passed_over: tuple[PassedOver, ...] = ()
    taken: tuple[Taken, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def lines(self) -> list[str]:
        """The account in words, warnings last."""
        return [
            f"{self.used} images",
            *map(str, self.passed_over),
            *map(str, self.taken),
            *(f"Warning: {warning}" for warning in self.warnings),
        ]

    def to_json(self) -> dict[str, Any]:
        """JSON types, as they stand in galaxies.json and run.json."""
        return {
            "used": self.used,
            "passed_over": [each.to_json() for each in self.passed_over],
            "taken": [
                {"what": each.what, "value": each.value, "from": each.source} for each in self.taken
            ],
            "warnings": list(self.warnings),
        }

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> "Account":
        """The same back from JSON types."""
        return Account(
            int(told["used"]),
            tuple(
                PassedOver(each["reason"], int(each["count"]), tuple(each["first"]))
                for each in told["passed_over"]
            ),
            tuple(Taken(each["what"], each["value"], each["from"]) for each in told["taken"]),
            tuple(told["warnings"]),
        )


def account_of(galaxies: "GalaxySet") -> Account:
    """The account of a set, with what its own bands, units and classes say.

    What a reader knows stands in the provenance under "account"; the rest is read off the set, so
    that sets written by earlier versions have an account too.
    """
    provenance = galaxies.provenance
    told = provenance.get("account") or {}
    passed = [
        PassedOver(each["reason"], int(each["count"]), tuple(each.get("first", ())))
        for each in told.get("passed_over", ())
    ]
    warnings = [*told.get("warnings", ()), *provenance.get("notes", ())]
    warnings += [*_zeros(galaxies), *_alike(galaxies), *contradictions(galaxies)]
    if other := provenance.get("other_origin"):
        warnings.append(
            f"The first row of its images is at the {_ROW[str(provenance.get('origin'))]}, that of"
            f" the source's at the {_ROW[other]}: the network sees one domain mirrored. Write both"
            " in one way."
        )
    if unmatched := provenance.get("unmatched_classes"):
        listed = ", ".join(f"{name!r} ({count})" for name, count in unmatched.items())
        warnings.append(
            f"{sum(unmatched.values())} images are of classes that the source does not have and"
            f" count as unlabelled: {listed}."
        )
    if respelled := provenance.get("matched_classes"):
        listed = ", ".join(f"{name!r} as {other!r}" for name, other in respelled.items())
        warnings.append(f"Classes were matched though they are spelled otherwise: {listed}.")
    return Account(
        len(galaxies), tuple(passed), tuple(_taken(galaxies)), tuple(dict.fromkeys(warnings))
    )


def _taken(galaxies: "GalaxySet") -> "Iterator[Taken]":
    provenance = galaxies.provenance
    declared = (provenance.get("account") or {}).get("declared", ())
    files = "the simulator" if "simulator" in provenance else "the files"

    def source(field: str, known: bool = True) -> str:
        return "declared" if field in declared else files if known else "neither said nor declared"

    words = provenance.get("band_files") and "bands" not in declared
    where = "the words of the files' names" if words else source("bands")
    yield Taken("bands", ", ".join(galaxies.bands), where)
    if provenance.get("matched_by"):
        yield Taken("ids", f"column {provenance['matched_by']}", "the catalogue")
    if provenance.get("origin"):
        yield Taken("first pixel", str(provenance["origin"]), "the kind of file")
    groups = provenance.get("group_ids")
    if "note" in provenance:
        yield Taken("groups", "each image is a galaxy of its own", "assumed")
    else:
        yield Taken("groups", f"column {groups}" if groups else "known", files)
    label = provenance.get("label_column")
    if not (galaxies.labels >= 0).any():
        where = "no labels"
    elif label in (None, "sub-folder"):
        where = "sub-folders" if label else files
    else:
        where = f"column {label}, {'declared' if provenance.get('label_declared') else 'found'}"
    yield Taken("classes", ", ".join(galaxies.classes) or "none", where)
    scale, flux = galaxies.pixel_scale, galaxies.flux_scale
    text = "unknown" if scale is None else f"{scale:.4g} arcsec"
    yield Taken("pixel scale", text, source("pixel_scale", scale is not None))
    text = "unknown" if flux is None else f"{', '.join(f'{one:.4g}' for one in flux)} nJy"
    yield Taken("unit", text, source("zero_points", flux is not None))


def _zeros(galaxies: "GalaxySet") -> list[str]:
    """A sentence where much of an image is exactly 0, as outside of what a survey covered."""
    if "zero_pixels" not in galaxies.catalogue:
        return []
    shares = galaxies.catalogue["zero_pixels"].to_numpy(float)
    odd = np.flatnonzero(shares > 0)
    if not len(odd):
        return []
    worst = int(np.argmax(shares))
    whole = int((shares == 1).sum())
    zero = f" {whole} are 0 everywhere." if whole else ""
    return [
        f"{len(odd)} images have pixels that are exactly 0, up to {shares[worst]:.0%} of one"
        f" ({galaxies.sample_ids[worst]!r}); a survey writes 0 where it has no data."
        f"{zero} --zeros-unmeasured takes them as unmeasured."
    ]


def _alike(galaxies: "GalaxySet") -> list[str]:
    """A sentence where two classes of the set differ in spelling alone."""
    spelled: dict[str, list[str]] = {}
    for name in galaxies.classes:
        spelled.setdefault(plain_class(name), []).append(name)
    twins = [names for names in spelled.values() if len(names) > 1]
    return [
        f"The classes {' and '.join(map(repr, names))} differ in spelling alone." for names in twins
    ]


def contradictions(galaxies: "GalaxySet") -> list[str]:
    """A sentence where images of one physical galaxy have different labels."""
    labels = galaxies.labels
    known = labels >= 0
    groups = galaxies.catalogue["group_id"].astype(str).to_numpy()[known]
    kinds: dict[str, set[int]] = {}
    for group, label in zip(groups, labels[known].tolist(), strict=True):
        kinds.setdefault(group, set()).add(label)
    odd = sorted(group for group, found in kinds.items() if len(found) > 1)
    if not odd:
        return []
    names = ", ".join(galaxies.classes[label] for label in sorted(kinds[odd[0]]))
    return [
        f"{len(odd)} {'galaxy has' if len(odd) == 1 else 'galaxies have'} images with different"
        f" labels, first {odd[0]!r} ({names})."
    ]


def copies(
    names: Sequence[str], digests: Sequence[str], labels: Iterable[int], classes: Sequence[str]
) -> list[str]:
    """A sentence where several images are the same picture, pixel by pixel.

    Args:
        names: of the images.
        digests: of their pixels.
        labels: class of each, -1 where it has none.
        classes: names of the labels.
    """
    counts = Counter(digests)
    codes = list(labels)
    often = [(count, digest) for digest, count in counts.items() if count > 1]
    if not often:
        return []
    most, digest = max(often)
    rows = np.flatnonzero([each == digest for each in digests]).tolist()
    kinds = sorted({classes[codes[row]] for row in rows if codes[row] >= 0})
    told = f", labelled {' and '.join(kinds)}" if len(kinds) > 1 else ""
    more = f", and {len(often) - 1} other pictures occur more than once" if len(often) > 1 else ""
    return [f"{most} images are the same picture (first {names[rows[0]]!r}){told}{more}."]
