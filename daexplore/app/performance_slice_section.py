"""A metric in slices of a catalogue column that the visitor chooses."""

from functools import partial
from typing import Any

import holoviews as hv
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from daexplore.app.background import Background
from daexplore.app.guard import guarded
from daexplore.app.performance_data import Subject, mode, subjects, unlabelled
from daexplore.app.performance_section import SIZE, Section, board, hints, html, panes, summary
from daexplore.app.slices import LEAST, METRICS, Slicing, slice_columns, sliced_metrics, slicing
from daexplore.app.state import ExplorerState
from daexplore.views.plots.slices import slice_points, slice_tables, summary_slices
from daexplore.views.style import DOMAINS, domain_title

__all__ = ["SliceSection"]

_CAPTION = (
    f"<p class='caption'>Bars: 95% intervals by resampling galaxies. A slice of fewer than {LEAST} galaxies is too small for a number. "
    "Looking at many slices finds some bad ones by chance: believe what both the interval and a second run show.</p>"
)
_Result = tuple[Slicing, pd.DataFrame]


class SliceSection(Section):
    """One frame a domain and the same numbers as tables."""

    def __init__(self, state: ExplorerState, background: Background) -> None:
        super().__init__(state, background)
        look: dict[str, Any] = {"size": "small", "margin": (8, 0, 0, 0), "width": 240}
        self._column = pmui.Select(label="Catalogue column", options=[], searchable=True, **look)
        self._metric = pmui.Select(label="Metric", options=_metrics(()), value="accuracy", **look)
        for widget in (self._column, self._metric):
            widget.param.watch(guarded(state, self._chosen), "value")
        self._offering = False
        self._hints, self._tables, self._board = html(), html(), board()
        bar = pn.Row(self._column, self._metric, margin=0, styles={"gap": "16px"})
        self.view.objects = [bar, self._hints, self._board, self._summary, self._tables, html(_CAPTION)]

    def choices(self) -> tuple[Any, ...]:
        """Column and metric."""
        return self._column.value, self._metric.value

    def draw(self) -> None:
        """The slices, once they are computed."""
        state, found = self._state, subjects(self._state)
        self._threshold = state.threshold
        self._offer(found)
        column, metric = self._column.value, self._metric.value
        if column is None:
            self._hints.object = hints(["The catalogues of these runs have no column by which galaxies could be parted."])
            self._board.objects, self._tables.object, self._summary.object = [], "", ""
            return
        if not self._board.objects:
            self._hints.object = "<p class='hint'>Computing …</p>"
        work = partial(_compute, found, column, state.split, state.threshold, metric)
        self._background.run(self, work, partial(self._arrived, found, metric, state.split, state.threshold))

    def rest(self) -> None:
        """The same at the new threshold."""
        self.draw()

    def _offer(self, found: list[Subject]) -> None:
        columns = slice_columns(found)
        value = self._column.value if self._column.value in columns else next(iter(columns), None)
        self._offering = True
        try:
            self._column.param.update(options=columns, value=value)
            self._metric.options = _metrics(found[0].run.classes if found else ())
        finally:
            self._offering = False
        self._drawn = self._key()

    def _chosen(self, _: Any) -> None:
        if not self._offering:
            self.show()

    def _arrived(self, found: list[Subject], metric: str, split: str, threshold: float, result: _Result) -> None:
        parts, rows = result
        labelled = metric != "called"
        words = next(name for name, value in self._metric.options.items() if value == metric)
        self._hints.object = hints(unlabelled(found, split, threshold)) if labelled else ""
        names, rule = [subject.name for subject in found], mode(found, threshold)
        makers = {
            f"slices-{domain}": partial(_plot, domain, parts, rows, words, f"{split}, {rule}", names, labelled)
            for domain in DOMAINS
            if (rows["domain"] == domain).any()
        }
        self.figures(makers, self._show)
        about: dict[str, Any] = {"metric": words, "column": parts.column, "split": split, "labelled": labelled}
        self._summary.object = summary(f"{summary_slices(rows, **about)} Slices: {parts.note}, the same in all runs and both domains.")
        self._tables.object = slice_tables(rows, **about)

    def _show(self, figures: list[Any]) -> None:
        self._board.objects = panes(figures)


def _plot(domain: str, parts: Slicing, rows: pd.DataFrame, metric: str, what: str, names: list[str], labelled: bool) -> hv.Overlay:
    title = f"{domain_title(domain).capitalize() if labelled else domain.capitalize()}, {what}"
    look: dict[str, Any] = {"title": title, "ordered": parts.ordered, "legend": "top", "size": SIZE}
    return slice_points(rows[rows["domain"] == domain], metric=metric, column=parts.column, runs=names, **look)


def _compute(found: list[Subject], column: str, split: str, threshold: float, metric: str) -> _Result:
    parts = slicing(found, column, split)
    return parts, sliced_metrics(found, parts, split, threshold, metric)


def _metrics(classes: tuple[str, ...]) -> dict[str, str]:
    """How the metrics are offered, with the name of the class that counts as positive."""
    positive = classes[1] if len(classes) > 1 else "positive"
    return {words.replace("positive", positive): name for name, words in METRICS.items()}
