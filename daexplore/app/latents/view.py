"""View of one latent plot: which galaxies of which run and epoch, and their positions."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.app.core.cache import LRUCache
from daexplore.app.latents.embeddings import Embeddings, coordinates
from daexplore.app.state import ExplorerState
from daexplore.runs import Evaluation, Run
from daexplore.views.style import DOMAIN_COLORS, class_marker

__all__ = ["MAX_POINTS", "LatentView", "scene"]

MAX_POINTS = 50_000


@dataclass(frozen=True, eq=False)
class LatentView:
    """The galaxies of one panel.

    Attributes:
        run: whose they are.
        label: the run's name on the page.
        evaluation: its outputs at the epoch shown.
        coordinates: of all rows of the evaluation.
        inside: (n,) mask of the split and domains asked for.
        rows: (m,) the rows that are drawn, m <= MAX_POINTS: the same galaxies in the same order in
            every run and epoch.
        pair: the two Class pair of the boundary.
    """

    run: Run
    label: str
    evaluation: Evaluation
    coordinates: Embeddings
    inside: NDArray[np.bool_]
    rows: NDArray[np.int64]
    pair: tuple[int, int]

    @property
    def total(self) -> int:
        """How many galaxies there are to draw."""
        return int(self.inside.sum())

    @property
    def x(self) -> NDArray[np.float32]:
        """(m,) of the drawn ones."""
        return self.coordinates.x[self.rows]

    @property
    def y(self) -> NDArray[np.float32]:
        """(m,) of the drawn ones."""
        return self.coordinates.y[self.rows]

    @cached_property
    def galaxies(self) -> bytes:
        """The same for two scenes exactly if they draw the same galaxies, known to be of the same
        classes, in the same order.
        """
        return (
            self.evaluation.digest + hashlib.blake2b(self.rows.tobytes(), digest_size=16).digest()
        )

    @property
    def markers(self) -> list[str]:
        """Bokeh's marker of each drawn galaxy's true class."""
        labels = self.evaluation.labels
        return _looks.get(
            ("marker", self.galaxies),
            lambda: [class_marker(label) for label in labels[self.rows].tolist()],
        )

    @property
    def domain_colours(self) -> list[str]:
        """Each drawn galaxy's domain as a hue."""
        domains = self.evaluation.domain
        return _looks.get(
            ("domain", self.galaxies),
            lambda: [DOMAIN_COLORS[domain] for domain in domains[self.rows].tolist()],
        )

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """(n,) of the pair's second class against its first, for every row of the evaluation."""
        return self.evaluation.pair_probability(self.pair)

    def row_of(self, sample_id: str | None) -> int | None:
        """The row of a galaxy, drawn or not; None if this run did not evaluate it."""
        return None if sample_id is None else self.evaluation.row_by_id.get(sample_id)

    def mask_of(self, sample_ids: Iterable[str]) -> NDArray[np.bool_]:
        """(n,) which rows are of these galaxies; those that this run did not evaluate are left
        out.
        """
        places = self.evaluation.row_by_id
        mask = np.zeros(len(self.evaluation), bool)
        mask[[places[name] for name in sample_ids if name in places]] = True
        return mask

    def counterpart_of(self, row: int) -> int | None:
        """The row of the same physical galaxy in the other domain, the same view of it if there are
        several; None if there is none.
        """
        found = self.evaluation
        twins = [
            view
            for view in found.rows_by_group[str(found.group_ids[row])]
            if found.domain[view] != found.domain[row]
        ]
        view = str(found.sample_ids[row]).partition("/")[2]
        same = [twin for twin in twins if str(found.sample_ids[twin]).partition("/")[2] == view]
        return int((same or twins)[0]) if twins else None


def scene(state: ExplorerState, run: Run, epoch: int | None = None) -> LatentView:
    """What ``state`` asks the panel of ``run`` to show, at its epoch or at another one."""
    epoch = state.epoch_of(run) if epoch is None else epoch
    evaluation = run.evaluation(epoch)
    pair = (int(state.pair[0]), int(state.pair[1]))
    inside = evaluation.mask(None if state.domains == "both" else state.domains, state.split)
    rows = _order.get(
        (evaluation.digest, state.domains, state.split),
        lambda: _shuffled(evaluation.sample_ids, inside),
    )
    return LatentView(
        run,
        state.label(run),
        evaluation,
        coordinates(run, epoch, state.view, pair),
        inside,
        rows[:MAX_POINTS],
        pair,
    )


_order: LRUCache[NDArray[np.int64]] = LRUCache(64)
_looks: LRUCache[list[str]] = LRUCache(64)


def _shuffled(sample_ids: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rows inside, in an order that does not favour a domain: both follow from the ids alone,
    so they are the same in every panel.
    """
    rows = np.flatnonzero(inside)
    return np.asarray(
        rows[np.argsort(pd.util.hash_array(sample_ids[rows], categorize=False), kind="stable")]
    )
