"""Compare tab: latent plots of the runs side by side, with shared axes."""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
from bokeh.layouts import gridplot

from daexplore.app.components.export_menu import export_menu
from daexplore.app.components.galaxy_details import GalaxyDetails
from daexplore.app.components.keyboard import GalaxyNavigator, KeyboardShortcuts
from daexplore.app.components.saved_selections import selections_bar
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, error_message, show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.colouring import Colouring, paint
from daexplore.app.latents.embeddings import CAPTIONS, submit_umap
from daexplore.app.latents.plot import LatentPlot
from daexplore.app.latents.plot_geometry import (
    Ranges,
    fit_ranges,
    fraction_inside,
    is_default_view,
    new_ranges,
    set_ranges,
)
from daexplore.app.latents.view import LatentView, scene
from daexplore.app.latents.witness import cached_witness, compute_witness
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.compare.metrics_panel import MetricsPanel
from daexplore.app.tabs.compare.neighbours import Neighbours
from daexplore.app.tabs.compare.prefetch import prefetch_epochs
from daexplore.app.tabs.compare.toolbar import legend, toolbar
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.views.plots.margin_plane import summary_plane
from daexplore.views.style import set_aria_label

__all__ = ["CompareTab", "build_tab"]

_WHAT = {
    "plane": term("margin plane", "What is a margin plane?"),
    "pca": term("PCA", "What is PCA?"),
    "umap": term("UMAP", "What is UMAP?"),
    "aligned": term("AlignedUMAP", "What is an aligned UMAP?"),
}
_STEPS = {"ArrowLeft": -1, "ArrowRight": 1}


def build_tab(entry: TabContext) -> TabView:
    """The landing tab."""
    return TabView(CompareTab(entry.state, entry.session).view)


class CompareTab:
    """Follows the state: another set of runs or another view makes new figures, everything else
    moves what is in them.

    Args:
        state: what the user looks at.
        session: in which slow results arrive.

    Attributes:
        panels: the plot of each run that can be read.
        view: what is on the page.
    """

    def __init__(self, state: ExplorerState, session: Session) -> None:
        self._state, self._session = state, session
        self._scenes: list[LatentView] = []
        self.panels: list[LatentPlot] = []
        self._ranges: list[Ranges] = []
        self._asked: set[tuple[str, str, int]] = set()
        html: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [STYLE], "margin": 0}
        self._heads, self._feet, self._caption = (pn.pane.HTML("", **html) for _ in range(3))
        self._board = pn.Column(
            sizing_mode="stretch_width",
            styles={"height": "clamp(260px, calc(100vh - 545px), 640px)", "flex": "none"},
            margin=0,
            css_classes=["board"],
        )
        self._legend = pn.pane.HTML("", **html)
        self._strip = GalaxyDetails(state, lambda: self._scenes, session)
        self._compute = Compute(state, session)
        self._merit = MetricsPanel(state, lambda: self._scenes, self._compute)
        self._near = Neighbours(state, lambda: self._scenes, session, self._compute)
        self._walk = GalaxyNavigator()
        tab = pn.Row(
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
            pn.Column(
                *self._merit.views[:1],
                self._near.view,
                *self._merit.views[1:],
                KeyboardShortcuts(self._pressed, keys=list(_STEPS)),
                margin=0,
                styles={"width": "21.875rem", "flex": "none"},
            ),
            sizing_mode="stretch_width",
            margin=0,
        )
        home = pn.Column(
            selections_bar(state),
            export_menu(state, session),
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "10px"},
        )
        self.view = pn.Column(
            tab, home, sizing_mode="stretch_width", margin=0, styles={"gap": "16px"}
        )
        self._watch(session)
        show_errors(state, self.rebuild)()

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
            state.param.watch(
                show_errors(state, session.batched(partial(_without_event, react))), names
            )

    def rebuild(self) -> None:
        """New figures, one a run. Those of the margin plane share their axes, those of the other
        views have their own.
        """
        state = self._state
        self._scenes = self._readable()
        count = len(self._scenes)
        self._ranges = (
            [new_ranges()] * count
            if state.view == "plane"
            else [new_ranges() for _ in range(count)]
        )
        self.panels = [
            LatentPlot(ranges, i, self._tapped, self._outlined)
            for i, ranges in enumerate(self._ranges)
        ]
        self.update(fit=True)
        self._board.objects = [self._side_by_side()] if self.panels else []

    def _side_by_side(self) -> pn.pane.Bokeh:
        grid = gridplot(
            [[panel.figure for panel in self.panels]],
            toolbar_location="right",
            sizing_mode="stretch_both",
        )
        grid.toolbar.logo = None
        return pn.pane.Bokeh(grid, sizing_mode="stretch_both", margin=0)

    def update(self, fit: bool = False) -> None:
        """Move the points of the figures there are."""
        state = self._state
        self._scenes = self._readable()
        if len(self._scenes) != len(self.panels):
            self.rebuild()
            return
        self._fit(anyway=fit)
        painted = self._painted()
        for panel, shown, colours in zip(self.panels, self._scenes, painted.colours, strict=True):
            panel.show(shown, state.threshold, colours, painted.outlined)
            panel.highlight(state.galaxy)
        self._ink()
        self._legend.object = legend(self._scenes, painted.legend)
        if fit:
            self._strip.draw()
        else:
            # Move points on every event; recompute predictions after the drag ends.
            self._session.debounced("strip", show_errors(state, self._strip.draw))
        self._near.draw()
        self._numbers()
        self._ask_for_umap()
        prefetch_epochs(state, self._compute)

    def _painted(self) -> Colouring:
        try:
            painted = paint(self._scenes, self._state.colour, cached_witness)
        except InputError as error:
            self._state.warn(str(error))
            self._state.show(colour="domain")
            painted = paint(self._scenes, "domain", cached_witness)
        if self._state.colour == "witness":
            for shown in self._scenes:
                if len(shown.rows) and cached_witness(shown) is None:
                    self._compute.submit(
                        ("witness", shown.run.id),
                        compute_witness,
                        shown,
                        where="slow",
                        then=self._witness_arrived,
                        failed=self._witness_failed,
                    )
        return painted

    def _witness_failed(self, message: str) -> None:
        self._state.warn(f"The witness could not be computed. {message}")
        self._state.show(colour="domain")

    def _witness_arrived(self, _: Any) -> None:
        if self._state.colour == "witness" and all(
            cached_witness(shown) is not None for shown in self._scenes if len(shown.rows)
        ):
            self.update()

    def _readable(self) -> list[LatentView]:
        """The scenes of all runs on screen; one that cannot be read is named in an alert and left
        out, the others stay.
        """
        found = []
        for run in self._state.runs:
            try:
                found.append(scene(self._state, run))
            except Exception as error:
                self._state.warn(f"{self._state.label(run)} is left out: {error_message(error)}")
        return found

    def _fit(self, anyway: bool) -> None:
        for group in dict.fromkeys(map(id, self._ranges)):
            ranges = next(each for each in self._ranges if id(each) == group)
            scenes = [
                shown
                for shown, each in zip(self._scenes, self._ranges, strict=True)
                if each is ranges
            ]
            if anyway or (is_default_view(ranges) and fraction_inside(ranges, scenes) < 0.93):
                set_ranges(ranges, fit_ranges(scenes))

    def _threshold(self) -> None:
        for panel in self.panels:
            panel.set_threshold(self._state.threshold)
        # Move the boundary while dragging; update its text on release.
        self._session.debounced("threshold", show_errors(self._state, self._judged))

    def _judged(self) -> None:
        self._strip.draw()
        self._numbers()

    def _galaxy(self) -> None:
        for panel in self.panels:
            panel.highlight(self._state.galaxy)
        self._strip.draw()
        self._near.draw()

    def _selection(self) -> None:
        for panel in self.panels:
            panel.select(self._state.selection)
        self._merit.draw()

    def _ink(self) -> None:
        for panel in self.panels:
            panel.set_theme(self._state.dark)
            panel.select(self._state.selection)

    def _numbers(self) -> None:
        self._heads.object = explained(
            _grid("head", [_head(shown, self._state) for shown in self._scenes])
        )
        feet = [_foot(shown, self._state.threshold) for shown in self._scenes]
        self._feet.object = _grid("foot", [escape(foot) for foot in feet])
        for panel, shown, foot in zip(self.panels, self._scenes, feet, strict=True):
            set_aria_label(panel.figure, f"{shown.label}, epoch {shown.evaluation.epoch}: {foot}")
        self._caption.object = explained(
            f"<p class='caption'>{escape(self._note())} {_WHAT[self._state.view]}</p>"
        )
        self._merit.draw()

    def _note(self) -> str:
        view = self._state.view
        if any(shown.coordinates.kind != view for shown in self._scenes):
            return f"UMAP is being computed; principal components meanwhile. {CAPTIONS[view]}"
        return str(CAPTIONS[view])

    def _ask_for_umap(self) -> None:
        view = self._state.view
        for shown in self._scenes:
            key = (view, shown.run.id, shown.evaluation.epoch)
            future = (
                None if key in self._asked else submit_umap(shown.run, shown.evaluation.epoch, view)
            )
            if future is not None:
                self._asked.add(key)
                future.add_done_callback(partial(self._umap_done, key))

    def _umap_done(self, key: tuple[str, str, int], done: Any) -> None:
        self._session.call_soon(show_errors(self._state, partial(self._umap_arrived, key, done)))

    def _umap_arrived(self, key: tuple[str, str, int], done: Any) -> None:
        self._asked.discard(key)
        if not done.cancelled() and done.exception() is not None:
            # Asking again would fail again: the key stays, and the components stay on screen.
            self._asked.add(key)
            self._state.warn(
                f"The UMAP of {key[1]}, epoch {key[2]}, could not be computed."
                f" {error_message(done.exception())}"
            )
            return
        if self._state.view == key[0]:
            self.update(fit=True)

    def _tapped(self, sample_id: str) -> None:
        show_errors(self._state, self._session.batched(self._state.select_galaxy))(sample_id)

    def _pressed(self, key: str) -> None:
        galaxy = (
            self._walk.step(self._scenes[0], self._state.selection, self._state.galaxy, _STEPS[key])
            if self._scenes
            else None
        )
        if galaxy is not None:
            self._tapped(galaxy)

    def _outlined(self, sample_ids: frozenset[str] | None) -> None:
        show_errors(self._state, self._session.batched(self._state.select))(sample_ids)


def _without_event(react: Callable[[], None], _: Any) -> None:
    react()


def _grid(kind: str, cells: list[str]) -> str:
    columns = f"grid-template-columns: repeat({max(len(cells), 1)}, minmax(0, 1fr))"
    inner = "".join(f"<div class=panel-{kind}>{cell}</div>" for cell in cells)
    return f"<div class='panel-grid' style='{columns}'>{inner}</div>"


def _head(shown: LatentView, state: ExplorerState) -> str:
    epoch = shown.evaluation.epoch
    selected = (
        f" {term('selected epoch', 'selected')}"
        if epoch == shown.run.selected_epoch and shown.run.status != "running"
        else ""
    )
    status = "" if shown.run.status == "finished" else f"<i>{escape(shown.run.status)}</i>"
    count = f"{len(shown.rows)} of {shown.total} {state.split}"
    return (
        f"<b>{escape(shown.label)}</b> {status}<br><span>epoch {epoch}{selected} · {count}</span>"
    )


def _foot(shown: LatentView, threshold: float) -> str:
    right, counts = {}, {}
    for domain in DOMAINS:
        mask = shown.inside & shown.evaluation.mask(domain)
        if mask.any():
            right[domain] = float((shown.probability[mask] > threshold).mean())
            counts[domain] = int(mask.sum())
    # The head above the figure has said already which run and epoch it is.
    return summary_plane(
        shown.label, shown.evaluation.epoch, right, counts, shown.run.classes[shown.pair[1]]
    ).partition(": ")[2]
