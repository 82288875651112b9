"""Prediction changes between the selected runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import param
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.latents.embeddings import Embeddings, change_token
from daexplore.app.latents.view import LatentView
from daexplore.app.results.metrics import predicted_class
from daexplore.app.state import ExplorerState
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = [
    "PAGE",
    "FlipsState",
    "OutcomeGroup",
    "PredictionChanges",
    "outcomes",
    "piles",
    "predictions_only",
]

PAGE = 10
"""Galaxies of a pile that are shown at once."""


class FlipsState(param.Parameterized):
    """One user's choices in this tab, besides those of the page."""

    domain: Any = param.Selector(
        default="target", objects=["target", "source"], doc="whose galaxies"
    )
    by: Any = param.Selector(
        default="truth",
        objects=["truth", "class"],
        doc="whether correctness or the predicted class is followed",
    )
    other = param.String(
        default="",
        doc=(
            "id of the run that the first one is compared with in the galleries; the second one if"
            " unknown"
        ),
    )
    pages = param.Dict(default={}, doc="which page of each pile is shown, from 0")
    order = param.String(
        default="", doc="column that the table is sorted by; empty for the largest change first"
    )
    descending = param.Boolean(default=False, doc="whether the largest comes first")
    table_page = param.Integer(
        default=0, bounds=(0, None), doc="which page of the table is shown, from 0"
    )

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]

    def place(self, found: "PredictionChanges") -> int:
        """Where the run compared with the first one is among those on screen, 1 or later; 0 if
        there is but one.
        """
        ids = [run.id for run in found.runs]
        return (
            max(ids.index(self.other), 1)
            if self.other in ids and len(ids) > 1
            else min(1, len(ids) - 1)
        )

    def sort(self, column: str) -> None:
        """Sort the table by a column, or the other way round where it is sorted by it already."""
        self.param.update(
            order=column, descending=self.order == column and not self.descending, table_page=0
        )


@dataclass(frozen=True, eq=False)
class PredictionChanges:
    """What becomes of the n galaxies that all R runs on screen have evaluated.

    Attributes:
        runs: in the order shown.
        names: of each on the page, without the seed where the method alone distinguishes them.
        epochs: at which each is shown.
        domain: of the galaxies.
        split: as above.
        by: "truth", where ``level`` is 0 for wrong and 1 for right and only labelled galaxies
            count; "class", where it is the predicted class.
        pair: the two Class pair of the boundary.
        threshold: probability beyond which a galaxy is called the pair's second class, where there
            are two classes.
        sample_ids: (n,) text.
        groups: (n,) the galaxy each image shows.
        labels: (n,) true class, -1 where missing; the oracle's knowledge on the target.
        level: (R, n) see ``by``.
        probability: (R, n) of the pair's second class against its first.
        total: images of the domain and split in the run that evaluated most of them.
    """

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    epochs: tuple[int, ...]
    domain: str
    split: str
    by: str
    pair: tuple[int, int]
    threshold: float
    sample_ids: NDArray[np.object_]
    groups: NDArray[np.object_]
    labels: NDArray[np.int64]
    level: NDArray[np.int64]
    probability: NDArray[np.float64]
    total: int

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.runs[0].classes)

    @property
    def levels(self) -> tuple[str, ...]:
        """What each value of ``level`` is called."""
        return ("wrong", "right") if self.by == "truth" else self.classes

    @property
    def oracle(self) -> bool:
        """Whether labels of the target are used."""
        return self.by == "truth" and self.domain == "target"

    @property
    def rule(self) -> str:
        """How a galaxy is called, in words."""
        return (
            f"threshold {self.threshold:.2f}" if len(self.classes) == 2 else "most probable class"
        )

    @cached_property
    def flipped(self) -> NDArray[np.bool_]:
        """(n,) which galaxies change prediction between the first run and at least one other."""
        return np.asarray((self.level[1:] != self.level[0]).any(axis=0), bool)

    def kinds(self, place: int) -> NDArray[np.object_]:
        """(n,) what becomes of each galaxy from the first run to another, in words."""
        first, other = self.level[0], self.level[place]
        if self.by == "truth":
            words = np.array([["wrong in both", "fixed"], ["broken", "right in both"]], object)
        else:
            words = np.array(
                [[a if a == b else f"{a} → {b}" for b in self.levels] for a in self.levels], object
            )
        return np.asarray(words[first, other], object)

    def paths(self) -> pd.DataFrame:
        """How many galaxies go which way through the runs: a column of levels for each run, and
        n.
        """
        frame = pd.DataFrame(self.level.T, columns=list(self.names))
        return frame.groupby(list(self.names), sort=True).size().rename("n").reset_index()


@dataclass(frozen=True, eq=False)
class OutcomeGroup:
    """Galaxies of which the same becomes from the first run to another.

    Attributes:
        name: in a word or two.
        meaning: the same in full.
        rows: of ``PredictionChanges``; those whose probability changed most come first.
    """

    name: str
    meaning: str
    rows: NDArray[np.int64]

    def page(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """The number of a page that exists, from 0, and its rows."""
        number = min(max(number, 0), max((len(self.rows) - 1) // PAGE, 0))
        return number, self.rows[number * PAGE : (number + 1) * PAGE]


def outcomes(state: ExplorerState, domain: str = "target", by: str = "truth") -> PredictionChanges:
    """The galaxies that all runs on screen have evaluated, at the state's epoch, split, threshold
    and pair.

    Args:
        state: the page's.
        domain: "target" or "source".
        by: "truth", which becomes "class" where none of the galaxies has a label, or "class".

    Raises:
        InputError: there is no run, or the runs do not have the same classes.
    """
    runs = tuple(state.runs)
    if not runs:
        raise InputError("There is no evaluated run on screen; choose one above.")
    for run in runs[1:]:
        if run.classes != runs[0].classes:
            one, other = (", ".join(each.classes) for each in (runs[0], run))
            raise InputError(
                f"{state.label(runs[0])} separates {one} apart and {state.label(run)} {other};"
                " leave one of them out."
            )
    epochs = tuple(state.epoch_of(run) for run in runs)
    pair = (int(state.pair[0]), int(state.pair[1]))
    scenes = [predictions_only(run, epoch, pair) for run, epoch in zip(runs, epochs, strict=True)]
    key = (
        *(change_token(run, epoch) for run, epoch in zip(runs, epochs, strict=True)),
        domain,
        state.split,
        by,
    )
    rows, total, by = _common.get(key, lambda: _common_rows(scenes, domain, state.split, by))
    first = scenes[0].evaluation
    labels = first.labels[rows[0]]
    classes = np.stack(
        [
            predicted_class(shown, state.threshold)[row]
            for shown, row in zip(scenes, rows, strict=True)
        ]
    )
    return PredictionChanges(
        runs,
        _names([state.label(run) for run in runs]),
        epochs,
        domain,
        state.split,
        by,
        pair,
        float(state.threshold),
        first.sample_ids[rows[0]],
        first.group_ids[rows[0]],
        labels,
        (classes == labels).astype(np.int64) if by == "truth" else classes.astype(np.int64),
        np.stack([shown.probability[row] for shown, row in zip(scenes, rows, strict=True)]),
        total,
    )


def piles(found: PredictionChanges, place: int) -> list[OutcomeGroup]:
    """The galaxies by what becomes of them from the first run to the one at ``place``: two piles
    that flip, two that do not.

    Of more than two classes, those of the pair have piles of their own, and other changes share
    one.
    """
    first, other = found.level[0], found.level[place]
    one, two = found.names[0], found.names[place]
    a, b = (0, 1) if found.by == "truth" else found.pair
    if found.by == "truth":
        parts = [
            ("Fixed", f"wrong under {one}, right under {two}", (first == 0) & (other == 1)),
            ("Broken", f"right under {one}, wrong under {two}", (first == 1) & (other == 0)),
            (
                "Right in both",
                f"unchanged: right under {one} and {two}",
                (first == 1) & (other == 1),
            ),
            (
                "Wrong in both",
                f"unchanged: wrong under {one} and {two}",
                (first == 0) & (other == 0),
            ),
        ]
    else:
        low, high = found.classes[a], found.classes[b]
        up, down = (first == a) & (other == b), (first == b) & (other == a)
        parts = [
            (f"{low} → {high}", f"predicted {low} under {one}, {high} under {two}", up),
            (f"{high} → {low}", f"predicted {high} under {one}, {low} under {two}", down),
        ]
        if len(found.classes) > 2:
            parts.append(
                (
                    "Other changes",
                    f"predicted differently under {one} than under {two}",
                    (first != other) & ~up & ~down,
                )
            )
            parts.append(("Unchanged", f"predicted the same under {one} and {two}", first == other))
        else:
            parts += [
                (
                    f"Stays {name}",
                    f"predicted {name} under {one} and {two}",
                    (first == k) & (other == k),
                )
                for k, name in ((b, high), (a, low))
            ]
    change = np.abs(found.probability[place] - found.probability[0])
    return [
        OutcomeGroup(name, meaning, _by_change(np.flatnonzero(mask), change))
        for name, meaning, mask in parts
    ]


_common: LRUCache[tuple[list[NDArray[np.int64]], int, str]] = LRUCache(32)
_NOWHERE = Embeddings("none", np.empty(0, np.float32), np.empty(0, np.float32), ("", ""))


def predictions_only(run: Run, epoch: int, pair: tuple[int, int]) -> LatentView:
    """A scene of which nothing is drawn: only what the network said is asked for."""
    found = run.evaluation(epoch)
    return LatentView(
        run, run.label, found, _NOWHERE, np.zeros(len(found), bool), np.empty(0, np.int64), pair
    )


def _common_rows(
    scenes: Sequence[LatentView], domain: str, split: str, by: str
) -> tuple[list[NDArray[np.int64]], int, str]:
    shown = [each.evaluation for each in scenes]
    ids = pd.Index(shown[0].sample_ids[shown[0].mask(domain, split)])
    for found in shown[1:]:
        ids = ids[ids.isin(found.sample_ids[found.mask(domain, split)])]
    rows = [np.asarray(pd.Index(found.sample_ids).get_indexer(ids), np.int64) for found in shown]
    known = shown[0].labels[rows[0]] >= 0
    if by == "truth" and known.any():
        rows = [each[known] for each in rows]
    else:
        by = "class"
    return rows, max(int(found.mask(domain, split).sum()) for found in shown), by


def _names(labels: list[str]) -> tuple[str, ...]:
    methods = [label.partition(" · ")[0] for label in labels]
    return tuple(
        method if methods.count(method) == 1 else label
        for method, label in zip(methods, labels, strict=True)
    )


def _by_change(rows: NDArray[np.int64], change: NDArray[np.float64]) -> NDArray[np.int64]:
    return rows[np.argsort(-change[rows], kind="stable")]
