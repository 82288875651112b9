"""Confusion matrices at the threshold, and every metric with its interval: the sections that are tables."""

from functools import partial

import pandas as pd

from daexplore.app.background import Background
from daexplore.app.guard import guarded
from daexplore.app.merit import metric_tables
from daexplore.app.performance_confusion import confusions, with_intervals
from daexplore.app.performance_data import Subject, mode, subjects, unlabelled
from daexplore.app.performance_section import Section, hints, html, summary
from daexplore.app.scene import scene
from daexplore.app.scores import Score, scores
from daexplore.app.state import ExplorerState
from daexplore.views.plots.confusion import confusion_tables, summary_confusion

__all__ = ["ConfusionSection", "NumbersSection"]

_ALL = ("accuracy", "auc", "precision", "recall", "f1", "brier")
_CAPTION = (
    "<p class='caption'>Each cell: how many images, and their share of the true class (its row) with a 95% interval by resampling "
    "galaxies, which comes in once the threshold rests. Cells on the diagonal, where the call is right, have a frame.</p>"
)


class ConfusionSection(Section):
    """Counts follow the slider; intervals come in once it rests."""

    def __init__(self, state: ExplorerState, background: Background) -> None:
        super().__init__(state, background)
        self._subjects: list[Subject] = []
        self._tables = html()
        self.view.objects = [self._tables, self._summary, html(_CAPTION)]

    def draw(self) -> None:
        """The matrices, then their intervals."""
        self._subjects = subjects(self._state)
        self.move()
        self.rest()

    def move(self) -> None:
        """The counts."""
        self._show(confusions(self._subjects, self._state.split, self._state.threshold))

    def rest(self) -> None:
        """The intervals."""
        super().rest()
        found, split, threshold = self._subjects, self._state.split, self._state.threshold
        self._background.run(self, partial(with_intervals, found, split, threshold), partial(self._arrived, threshold))

    def _arrived(self, threshold: float, cells: pd.DataFrame) -> None:
        if threshold == self._state.threshold:
            self._show(cells)

    def _show(self, cells: pd.DataFrame) -> None:
        state = self._state
        self._tables.object = confusion_tables(cells, state.split)
        self._summary.object = summary(summary_confusion(cells, mode(self._subjects, state.threshold), state.split))


class NumbersSection(Section):
    """One table a domain, one line a run."""

    def __init__(self, state: ExplorerState, background: Background) -> None:
        super().__init__(state, background)
        self._hints, self._tables = html(), html()
        self._tables.max_width = 1000
        self.view.objects = [self._hints, self._tables]

    def draw(self) -> None:
        """The tables, once they are computed."""
        state = self._state
        self._threshold = state.threshold
        found = subjects(state)
        shown = [scene(state, subject.run) for subject in found]
        if not self._tables.object:
            self._hints.object = "<p class='hint'>Computing …</p>"
        self._background.run(self, partial(scores, state, shown), guarded(state, partial(self._arrived, found)))

    def rest(self) -> None:
        """The same at the new threshold."""
        self.draw()

    def _arrived(self, found: list[Subject], computed: list[Score]) -> None:
        state = self._state
        self._hints.object = hints(unlabelled(found, state.split, state.threshold))
        self._tables.object = metric_tables(computed, state, _ALL)
