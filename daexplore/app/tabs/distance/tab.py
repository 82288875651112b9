"""Domain distance tab: distances with chance levels, per class and per galaxy."""

import time
from html import escape
from typing import Any

import holoviews as hv
import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.clickable import ClickableHTML, galaxy_clicked
from daexplore.app.components.export_menu import export_menu
from daexplore.app.components.galaxy_details import GalaxyDetails
from daexplore.app.core.compute import Task, TaskQueue
from daexplore.app.core.layout import html_pane, sentences_html, side_by_side
from daexplore.app.core.session import show_errors
from daexplore.app.glossary.markup import explained, term
from daexplore.app.latents.view import scene
from daexplore.app.tabs.distance.markup import (
    caption,
    judgements_html,
    legend_html,
    numbers_html,
    progress_html,
    ranking_html,
)
from daexplore.app.tabs.distance.tables import DistanceTables
from daexplore.app.tabs.distance.witness_galleries import (
    DISTANCE_STYLES,
    WitnessExtreme,
    extremes,
    galleries_html,
    pictures_task,
    witnessed,
)
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.runs import Run
from daexplore.views.inspection.cards import fluid_figure
from daexplore.views.plots.class_distances import class_distances, summary_class_distances
from daexplore.views.plots.distance_over_epochs import mmd_curves, summary_distances
from daexplore.views.plots.distance_paths import distance_paths, summary_paths

__all__ = ["DistanceTab", "build_tab"]

_SIZE = (560, 300)
# Null bands arrive one by one; the figure, which takes a moment, is drawn again only so often [s].
_EVERY = 10.0


def build_tab(entry: TabContext) -> TabView:
    """The tab; it follows the state, and computes, only while it is on screen."""
    hv.extension("bokeh")
    tab = DistanceTab(entry)
    enter = show_errors(entry.state, entry.session.batched(tab.show))
    enter()
    return TabView(tab.view, enter)


class DistanceTab:
    """Shows at once what is known, asks for the rest, and shows that when it arrives.

    Args:
        entry: state, session, and whether the tab is on screen.
    """

    def __init__(self, entry: TabContext) -> None:
        self._entry, self._state = entry, entry.state
        self._distances = DistanceTables(entry.state)
        self._backlog = TaskQueue(
            entry.session.call_soon, show_errors(entry.state, self._arrived), entry.visible
        )
        self._seen: tuple[Any, ...] = ()
        self._curves_at = 0.0
        self._judgements, self._progress, self._numbers, self._notes, self._rule, self._key = (
            html_pane("", DISTANCE_STYLES) for _ in range(6)
        )
        self._ranking = html_pane("", DISTANCE_STYLES)
        self._rule.object = _RULE
        self._figures = {name: _Figure() for name in ("curves", "paths", "classes")}
        self._among = pmui.RadioButtonGroup(
            options={"of both domains": "both", "source": "source", "target": "target"},
            value="both",
            size="small",
            margin=0,
            label="",
        )
        self._among.param.watch(
            show_errors(self._state, lambda _: self._galaxies(ask=True)), "value"
        )
        self._galleries = pn.Row(sizing_mode="stretch_width", margin=0)
        self._strip = GalaxyDetails(
            self._state,
            lambda: [scene(self._state, run) for run in self._state.runs],
            entry.session,
        )
        self.view = pn.Column(
            self._judgements,
            self._ranking,
            self._progress,
            self._key,
            side_by_side(self._figures["curves"].view, self._figures["paths"].view),
            self._notes,
            side_by_side(self._figures["classes"].view, self._numbers),
            pn.Row(
                html_pane(
                    explained(f"<h3>Galaxies at both ends of the {term('witness')}</h3>"),
                    DISTANCE_STYLES,
                ),
                self._among,
                sizing_mode="stretch_width",
                margin=0,
            ),
            self._rule,
            self._galleries,
            self._strip.view,
            export_menu(self._state, entry.session, "paths"),
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
        )
        show = show_errors(self._state, self.show)
        self._state.param.watch(
            lambda *_: entry.session.debounced("distance", show),
            ["run_ids", "epoch", "split", "progress", "revision"],
        )
        self._state.param.watch(
            lambda *_: entry.session.debounced(
                "distance-galaxy", show_errors(self._state, self._chosen)
            ),
            ["galaxy", "threshold"],
        )

    def show(self) -> None:
        """Bring the tab up to date, if it is on screen."""
        state = self._state
        if not self._entry.visible():
            return
        key = (
            tuple(state.run_ids),
            state.epoch,
            state.split,
            state.progress,
            tuple(map(self._known, state.runs)),
        )
        if key != self._seen:
            self._seen = key
            self._key.object = legend_html([state.label(run) for run in state.runs])
            self._make_galleries()
            self._draw_curves()
            self._draw_paths()
            self._draw_classes()
        self._chosen()
        self._ask()

    def _make_galleries(self) -> None:
        count = len(self._state.runs)
        if len(self._galleries.objects) == count:
            return
        columns = f"repeat({max(count, 1)}, minmax(0, 1fr))"
        self._galleries.styles = {
            "display": "grid",
            "grid-template-columns": columns,
            "gap": "12px 24px",
            "--columns": "4" if count > 2 else "8",
        }
        self._galleries.objects = [
            ClickableHTML(
                galaxy_clicked(self._tapped),
                sizing_mode="stretch_width",
                margin=0,
                stylesheets=DISTANCE_STYLES,
            )
            for _ in range(count)
        ]

    def _known(self, run: Run) -> tuple[int, ...]:
        return tuple(other.seed for other in self._distances.seed_group(run))

    def _ask(self) -> None:
        """Ask for what is missing; images come right after the measures that name them."""
        tasks = self._distances.tasks()
        runs = len(self._state.runs)
        self._backlog.want([*tasks[:runs], *self._pictures(), *tasks[runs:]])
        self._say()

    def _arrived(self, task: Task) -> None:
        if not self._entry.visible():
            return
        self._ask()
        if task.kind == "measure":
            self._draw_classes()
        if task.kind in ("measure", "pictures"):
            self._galaxies()
        last = not self._backlog.progress[2]
        if task.kind == "measure" or (
            task.kind == "null" and (last or time.monotonic() - self._curves_at > _EVERY)
        ):
            self._draw_curves()

    def _say(self) -> None:
        self._progress.object = progress_html(*self._backlog.progress)
        self._ranking.object = ranking_html(self._distances.ranking())
        self._judgements.object = judgements_html(
            self._distances.judgements(self._backlog.failures), self._state.split
        )

    def _draw_curves(self) -> None:
        table, split = self._distances.curves(), self._state.split
        plot = None if table.empty else mmd_curves(table, split=split, legend=False, size=_SIZE)
        self._figures["curves"].show(plot, summary_distances(table, split))
        counts = (
            None
            if table.empty
            else (int(table["n_source"].iloc[0]), int(table["n_target"].iloc[0]))
        )
        self._notes.object = caption(self._distances.bandwidths, counts, self._distances.notes())
        self._curves_at = time.monotonic()

    def _draw_paths(self) -> None:
        table, split = self._distances.paths(), self._state.split
        plot = None if table.empty else distance_paths(table, split=split, legend=False, size=_SIZE)
        self._figures["paths"].show(plot, summary_paths(table, split))

    def _draw_classes(self) -> None:
        table, split = self._distances.measures(), self._state.split
        plot = (
            None if table.empty else class_distances(table, split=split, legend=False, size=_SIZE)
        )
        self._figures["classes"].show(plot, summary_class_distances(table, split))
        runs = [self._state.label(run) for run in self._state.runs]
        self._numbers.object = numbers_html(
            table, runs, self._distances.failures(self._backlog.failures)
        )

    def _pictures(self) -> list[Task]:
        tasks = []
        for run in self._state.runs:
            found = self._distances.measured(run)
            if found is not None:
                tasks.append(
                    _images(
                        run, extremes(found, run.classes, self._among.value), self._state.label(run)
                    )
                )
        return tasks

    def _galaxies(self, ask: bool = False) -> None:
        """The galleries; a run that has not changed is not sent again."""
        state = self._state
        if ask:
            self._ask()
        for run, place in zip(state.runs, self._galleries.objects, strict=True):
            found = self._distances.measured(run)
            label, epoch = state.label(run), state.epoch_of(run)
            if found is None:
                place.markup = (
                    f"<h3>{escape(label)} <small>epoch {epoch}: not computed yet</small></h3>"
                )
                continue
            ends = extremes(found, run.classes, self._among.value)
            task = _images(run, ends, label)
            total = witnessed(found, self._among.value)
            place.markup = galleries_html(
                label,
                f"epoch {epoch}, {state.split}",
                ends,
                task.memo.peek(task.key),
                total,
                state.galaxy,
            )

    def _chosen(self) -> None:
        """Marks the galaxy that is looked at, wherever it is on the galleries."""
        if not self._entry.visible():
            return
        self._galaxies()
        self._strip.draw()

    def _tapped(self, sample_id: str) -> None:
        show_errors(self._state, self._entry.session.batched(self._state.select_galaxy))(sample_id)


class _Figure:
    """A place for a plot with its line of text below."""

    def __init__(self) -> None:
        self._plot, self._text = (
            pn.pane.Bokeh(sizing_mode="stretch_width", margin=0),
            html_pane("", DISTANCE_STYLES),
        )
        self.view = pn.Column(
            self._text, sizing_mode="stretch_width", margin=0, styles={"min-width": "0"}
        )

    def show(self, plot: hv.Overlay | None, text: str) -> None:
        """Draw a plot, or none."""
        if plot is not None:
            figure = fluid_figure(plot)
            figure.toolbar.logo = None
            self._plot.object = figure
        shown = [self._text] if plot is None else [self._plot, self._text]
        if list(self.view.objects) != shown:
            self.view.objects = shown
        self._text.object = sentences_html(text)


def _images(run: Run, ends: dict[str, list[WitnessExtreme]], label: str) -> Task:
    return pictures_task(run, [each for galaxies in ends.values() for each in galaxies], label)


_RULE = (
    "<p class='caption'>The witness is the mean kernel of a galaxy's latent to the source's less"
    " that to the target's, its own galaxy left out: above 0 the source is denser there, below 0"
    " the target. Bar: domain. Tap a galaxy, or press Enter on it, to look at it.</p>"
)
