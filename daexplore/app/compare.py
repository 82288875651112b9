"""The landing tab: the same galaxies in each run's latent space side by side, with shared axes, taps and lassos."""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.layouts import gridplot
from bokeh.models import Range1d

from daexplore.app.coordinates import CAPTIONS, projected_umap
from daexplore.app.galaxy_strip import GalaxyStrip
from daexplore.app.guard import guarded, say
from daexplore.app.latent_panel import LatentPanel, fitted
from daexplore.app.merit import Merit
from daexplore.app.scene import Scene, scene
from daexplore.app.session import Session
from daexplore.app.state import ExplorerState
from daexplore.app.style import STYLE
from daexplore.app.toolbar import legend, toolbar
from daexplore.views.summaries import summary_plane

__all__ = ["Compare"]

Ranges = tuple[Range1d, Range1d]


class Compare:
    """Follows the state: another set of runs or another view makes new figures, everything else moves what is in them.

    Args:
        state: what the visitor looks at.
        session: in which slow results come in.
    """

    def __init__(self, state: ExplorerState, session: Session) -> None:
        self._state, self._session = state, session
        self._scenes: list[Scene] = []
        self._panels: list[LatentPanel] = []
        self._ranges: list[Ranges] = []
        self._asked: set[tuple[str, int]] = set()
        html: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [STYLE], "margin": 0}
        self._heads, self._feet, self._caption = (pn.pane.HTML("", **html) for _ in range(3))
        self._board = pn.Column(
            sizing_mode="stretch_width",
            styles={"height": "clamp(260px, calc(100vh - 545px), 640px)", "flex": "none"},
            margin=0,
            css_classes=["board"],
        )
        self._legend = pn.pane.HTML("", **html)
        self._strip = GalaxyStrip(state, lambda: self._scenes, session)
        self._merit = Merit(state, lambda: self._scenes)
        self.view = pn.Row(
            pn.Column(
                toolbar(state),
                self._legend,
                self._heads,
                self._board,
                self._feet,
                self._strip.view,
                self._caption,
                sizing_mode="stretch_width",
                margin=(0, 24, 0, 0),
                styles={"gap": "6px", "min-width": "0"},
            ),
            pn.Column(self._merit.view, width=350, margin=0),
            sizing_mode="stretch_width",
            margin=0,
        )
        self._watch(session)
        guarded(state, self.rebuild)()

    def _watch(self, session: Session) -> None:
        state = self._state
        for names, react in (
            (["run_ids", "view"], self.rebuild),
            (["epoch", "split", "domains", "colour", "pair", "progress"], self.update),
            (["threshold"], self._threshold),
            (["galaxy"], self._galaxy),
            (["selection"], self._selection),
            (["dark"], self._ink),
        ):
            state.param.watch(guarded(state, session.together(partial(_without_event, react))), names)

    def rebuild(self) -> None:
        """New figures, one a run. Those of the margin plane share their axes, those of the other views have their own."""
        state = self._state
        self._scenes = self._readable()
        count = len(self._scenes)
        self._ranges = [_ranges()] * count if state.view == "plane" else [_ranges() for _ in range(count)]
        self._panels = [LatentPanel(ranges, i, self._tapped, self._outlined) for i, ranges in enumerate(self._ranges)]
        self.update(fit=True)
        self._board.objects = [self._side_by_side()] if self._panels else []

    def _side_by_side(self) -> pn.pane.Bokeh:
        grid = gridplot([[panel.figure for panel in self._panels]], toolbar_location="right", sizing_mode="stretch_both")
        grid.toolbar.logo = None
        return pn.pane.Bokeh(grid, sizing_mode="stretch_both", margin=0)

    def update(self, fit: bool = False) -> None:
        """Moves the points of the figures there are."""
        state = self._state
        self._scenes = self._readable()
        if len(self._scenes) != len(self._panels):
            self.rebuild()
            return
        self._fit(anyway=fit)
        for panel, shown in zip(self._panels, self._scenes, strict=True):
            panel.show(shown, state.threshold, state.colour == "probability")
            panel.mark(state.galaxy)
            panel.select(state.selection)
        self._ink()
        self._legend.object = legend(state, self._scenes)
        self._strip.draw()
        self._numbers()
        self._ask_for_umap()

    def _readable(self) -> list[Scene]:
        """The scenes of all runs on screen; one that cannot be read is named in an alert and left out, the others stay."""
        found = []
        for run in self._state.runs:
            try:
                found.append(scene(self._state, run))
            except Exception as error:
                self._state.alert = f"{self._state.label(run)} is left out: {say(error)}"
        return found

    def _fit(self, anyway: bool) -> None:
        for group in dict.fromkeys(map(id, self._ranges)):
            ranges = next(each for each in self._ranges if id(each) == group)
            scenes = [shown for shown, each in zip(self._scenes, self._ranges, strict=True) if each is ranges]
            if anyway or (_untouched(ranges) and _share_inside(ranges, scenes) < 0.93):
                _set_ranges(ranges, fitted(scenes))

    def _threshold(self) -> None:
        for panel in self._panels:
            panel.set_threshold(self._state.threshold)
        self._strip.draw()
        self._numbers()

    def _galaxy(self) -> None:
        for panel in self._panels:
            panel.mark(self._state.galaxy)
        self._strip.draw()

    def _selection(self) -> None:
        for panel in self._panels:
            panel.select(self._state.selection)
        guarded(self._state, self._merit.draw)()

    def _ink(self) -> None:
        for panel in self._panels:
            panel.ink(self._state.dark)
            panel.select(self._state.selection)

    def _numbers(self) -> None:
        self._heads.object = _grid("head", [_head(shown, self._state) for shown in self._scenes])
        self._feet.object = _grid("foot", [escape(_foot(shown, self._state.threshold)) for shown in self._scenes])
        self._caption.object = f"<p class='caption'>{escape(self._note())}</p>"
        # Bootstrap intervals take longer than a slider waits for.
        self._session.settled("merit", guarded(self._state, self._merit.draw))

    def _note(self) -> str:
        if self._state.view == "umap" and any(shown.coordinates.kind != "umap" for shown in self._scenes):
            return f"UMAP is being computed; principal components meanwhile. {CAPTIONS['umap']}"
        return CAPTIONS[self._state.view]

    def _ask_for_umap(self) -> None:
        if self._state.view != "umap":
            return
        for shown in self._scenes:
            key = (shown.run.id, shown.evaluation.epoch)
            future = None if key in self._asked else projected_umap(shown.run, shown.evaluation.epoch)
            if future is not None:
                self._asked.add(key)
                future.add_done_callback(partial(self._umap_done, key))

    def _umap_done(self, key: tuple[str, int], done: Any) -> None:
        self._session.later(guarded(self._state, partial(self._umap_arrived, key, done)))

    def _umap_arrived(self, key: tuple[str, int], done: Any) -> None:
        self._asked.discard(key)
        if not done.cancelled() and done.exception() is not None:
            # Asking again would fail again: the key stays, and the components stay on screen.
            self._asked.add(key)
            self._state.alert = f"The UMAP of {key[0]}, epoch {key[1]}, could not be computed. {say(done.exception())}"
            return
        if self._state.view == "umap":
            self.update(fit=True)

    def _tapped(self, sample_id: str) -> None:
        guarded(self._state, self._session.together(self._state.param.update))(galaxy=sample_id)

    def _outlined(self, sample_ids: frozenset[str] | None) -> None:
        guarded(self._state, self._session.together(self._state.param.update))(selection=sample_ids)


def _without_event(react: Callable[[], None], _: Any) -> None:
    react()


def _ranges() -> Ranges:
    return Range1d(-3, 3), Range1d(-3, 3)


def _set_ranges(ranges: Ranges, limits: tuple[tuple[float, float], tuple[float, float]]) -> None:
    for axis, (low, high) in zip(ranges, limits, strict=True):
        axis.update(start=low, end=high, reset_start=low, reset_end=high)


def _untouched(ranges: Ranges) -> bool:
    """Whether the visitor has neither zoomed nor panned."""
    return all(bool(np.isclose(axis.start, axis.reset_start) and np.isclose(axis.end, axis.reset_end)) for axis in ranges)


def _share_inside(ranges: Ranges, scenes: list[Scene]) -> float:
    across, up = ranges
    inside = [(s.x > across.start) & (s.x < across.end) & (s.y > up.start) & (s.y < up.end) for s in scenes]
    return float(np.concatenate(inside).mean()) if any(len(each) for each in inside) else 1.0


def _grid(kind: str, cells: list[str]) -> str:
    columns = f"grid-template-columns: repeat({max(len(cells), 1)}, minmax(0, 1fr))"
    return f"<div class='panel-grid' style='{columns}'>{''.join(f'<div class=panel-{kind}>{cell}</div>' for cell in cells)}</div>"


def _head(shown: Scene, state: ExplorerState) -> str:
    epoch = shown.evaluation.epoch
    selected = " selected" if epoch == shown.run.selected_epoch and shown.run.status != "running" else ""
    status = "" if shown.run.status == "finished" else f"<i>{escape(shown.run.status)}</i>"
    count = f"{len(shown.rows)} of {shown.total} {state.split}"
    return f"<b>{escape(shown.label)}</b> {status}<br><span>epoch {epoch}{selected} · {count}</span>"


def _foot(shown: Scene, threshold: float) -> str:
    right, counts = {}, {}
    for domain in ("source", "target"):
        mask = shown.inside & (shown.evaluation.domain == domain)
        if mask.any():
            right[domain] = float((shown.probability[mask] > threshold).mean())
            counts[domain] = int(mask.sum())
    # The head above the figure has said already which run and epoch it is.
    return summary_plane(shown.label, shown.evaluation.epoch, right, counts, shown.run.classes[shown.pair[1]]).partition(": ")[2]
