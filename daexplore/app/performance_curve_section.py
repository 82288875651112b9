"""ROC or precision-recall curves in one frame a domain; the threshold moves a point along each of them."""

from functools import partial
from typing import Any

import holoviews as hv
import pandas as pd
from bokeh.models import Scatter

from daexplore.app.background import Background
from daexplore.app.performance_curves import Ranking, areas, bands, points, rankings, thinned
from daexplore.app.performance_data import Subject, subjects, unlabelled
from daexplore.app.performance_section import SIZE, Section, board, hints, html, panes, summary
from daexplore.app.state import ExplorerState
from daexplore.views.plots.precision_recall import precision_recall_curves, summary_areas, summary_points
from daexplore.views.plots.roc import roc_curves
from daexplore.views.style import DOMAINS, domain_title

__all__ = ["CurveSection", "precision_recall_section", "roc_section"]

_BAND = "Bands hold 95% at each place, by resampling galaxies."
_Found = dict[tuple[str, str], Ranking]


def roc_section(state: ExplorerState, background: Background) -> "CurveSection":
    """ROC curves."""
    return CurveSection(state, background, "roc")


def precision_recall_section(state: ExplorerState, background: Background) -> "CurveSection":
    """Precision-recall curves."""
    return CurveSection(state, background, "precision-recall")


class CurveSection(Section):
    """The curves are drawn once; a drag of the threshold sends one point a curve.

    Args:
        state: what the visitor looks at.
        background: where bands are computed.
        kind: "roc" or "precision-recall".
    """

    def __init__(self, state: ExplorerState, background: Background, kind: str) -> None:
        super().__init__(state, background)
        self._roc = kind == "roc"
        self._axes = ("fpr", "tpr") if self._roc else ("tpr", "precision")
        self._columns = ("fpr", "tpr") if self._roc else ("recall", "precision")
        self._subjects: list[Subject] = []
        self._found: _Found = {}
        self._dots: dict[tuple[str, str], Any] = {}
        self._hints, self._points, self._board = html(), html(), board()
        self.view.objects = [self._hints, self._board, self._points, self._summary]

    def draw(self) -> None:
        """The curves, once they are computed."""
        state = self._state
        found, split, pair = subjects(state), state.split, (int(state.pair[0]), int(state.pair[1]))
        self._hints.object = "<p class='hint'>Computing …</p>"
        self._background.run(self, partial(rankings, found, split, pair), partial(self._arrived, found, split))

    def move(self) -> None:
        """The points and what is said of them."""
        threshold = self._state.threshold
        table = points(self._found, threshold)
        across, up = self._axes
        for row in table.to_dict("records"):
            self._dots[row["run"], row["domain"]].data = {self._columns[0]: [row[across]], self._columns[1]: [row[up]]}
        self._points.object = summary(summary_points(table, threshold, across, up))
        self._say_what_lacks()

    def _arrived(self, found: list[Subject], split: str, ranked: _Found) -> None:
        curves = thinned(ranked, *self._axes)
        band = bands(ranked, "roc_band" if self._roc else "precision_band")
        kind = "roc" if self._roc else "pr"
        makers = {
            f"{kind}-{domain}": partial(self._plot, domain, split, curves, band, ranked, [subject.name for subject in found])
            for domain in DOMAINS
            if (curves["domain"] == domain).any()
        }
        self.figures(makers, partial(self._made, found, split, ranked))

    def _made(self, found: list[Subject], split: str, ranked: _Found, figures: list[Any]) -> None:
        self._subjects, self._found = found, ranked
        dots = [r.data_source for figure in figures for r in figure.renderers if isinstance(r.glyph, Scatter)]
        self._dots = dict(zip(ranked, dots, strict=True))
        name, quantity = ("auc", "Area under the ROC curve") if self._roc else ("ap", "Average precision")
        self._summary.object = summary(f"{summary_areas(areas(ranked, name), quantity, split)} {_BAND if ranked else ''}")
        self._board.objects = panes(figures)
        self.move()

    def _plot(self, domain: str, split: str, curves: pd.DataFrame, band: pd.DataFrame, ranked: _Found, names: list[str]) -> hv.Overlay:
        mine, here = curves[curves["domain"] == domain], {key: ranking for key, ranking in ranked.items() if key[1] == domain}
        counts = " / ".join(dict.fromkeys(str(ranking.n) for ranking in here.values()))
        common: dict[str, Any] = {
            "bands": band[band["domain"] == domain],
            "title": f"{domain_title(domain).capitalize()}, {split}, n = {counts}",
            "runs": names,
            "size": SIZE,
        }
        if self._roc:
            return roc_curves(mine, threshold=self._state.threshold, **common)
        at = points(here, self._state.threshold)
        shares = {round(ranking.positive, 3) for ranking in here.values()}
        return precision_recall_curves(mine, points=at, positive=shares.pop() if len(shares) == 1 else None, **common)

    def _say_what_lacks(self) -> None:
        state = self._state
        pair = (int(state.pair[0]), int(state.pair[1]))
        lines = unlabelled(self._subjects, state.split, state.threshold, pair)
        if any(len(subject.run.classes) > 2 for subject in self._subjects):
            names = self._subjects[0].run.classes
            lines.append(
                f"Of more than two classes, only {names[pair[1]]} against {names[pair[0]]}: galaxies of the others do not count here."
            )
        self._hints.object = hints(lines)
