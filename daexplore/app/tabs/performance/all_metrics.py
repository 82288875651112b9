"""Table of all metrics with intervals."""

from functools import partial

from daexplore.app.components.metric_tables import metric_tables
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import show_errors
from daexplore.app.latents.view import scene
from daexplore.app.results.metrics import Score, scores
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.performance.section import Section, html, notices
from daexplore.app.tabs.performance.subjects import EvaluatedRun, subjects, unlabelled
from daexplore.views.plots.metrics_table import METRICS

__all__ = ["NumbersSection"]


class NumbersSection(Section):
    """One table a domain, one line a run."""

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        super().__init__(state, service)
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
        self._compute.submit(
            self, scores, state, shown, then=show_errors(state, partial(self._arrived, found))
        )

    def on_threshold_settled(self) -> None:
        """The same at the new threshold."""
        self.draw()

    def _arrived(self, found: list[EvaluatedRun], computed: list[Score]) -> None:
        state = self._state
        self._hints.object = notices(unlabelled(found, state.split, state.threshold))
        self._tables.object = metric_tables(computed, state, METRICS)
