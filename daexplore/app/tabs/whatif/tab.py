"""What-if tab: one galaxy observed by a worse or better survey, and each run's response."""

from functools import partial
from html import escape
from typing import Any

import holoviews as hv
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import Scatter, Span

from daexplore.app.components.clickable import ClickableHTML, galaxy_clicked
from daexplore.app.components.export_menu import export_menu
from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import (
    grid_styles,
    html_pane,
    responsive_figure,
    sentences_html,
    side_by_side,
)
from daexplore.app.core.session import show_errors
from daexplore.app.dial_setting import DRAWS, MAX_SEED
from daexplore.app.glossary.markup import explained, term
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.app.tabs.whatif.markup import (
    film_html,
    galaxy_html,
    hints_html,
    maps_html,
    training_html,
)
from daexplore.app.tabs.whatif.model import BACKGROUND, CENTRAL, WhatIfModel, WhatIfQuery
from daexplore.app.tabs.whatif.requests import WhatIfRequests
from daexplore.app.theme import STYLE
from daexplore.errors import InputError
from daexplore.utils.files import static_text
from daexplore.views.figures.base import FigureSpec, RunResult
from daexplore.views.figures.whatif import DialContext, dial_drawing, walks_drawing
from daexplore.views.plots.whatif import (
    dial_curves,
    summary_dial,
    summary_walks,
    trajectory_plot,
    walk_limits,
)
from daexplore.views.style import class_marker

__all__ = ["WhatIfTab", "build_tab"]

STYLES = [STYLE, static_text("app", "whatif.css")]

_DIALS = {"PSF": "psf", "Depth": "depth", "Pixel scale": "pixel", "Redshift": "redshift"}
_CURVES = (460, 300)
_PLANE = (300, 280)


def build_tab(entry: TabContext) -> TabView:
    """The tab; it follows the state, and computes, only while it is on screen."""
    hv.extension("bokeh")
    tab = WhatIfTab(entry)
    enter = show_errors(entry.state, entry.session.batched(tab.show))
    enter()
    return TabView(tab.view, enter)


class WhatIfTab:
    """Shows what has arrived; moving along the dial only moves marks.

    Args:
        entry: state, session, and whether the tab is on screen.
        asker: who puts the questions; by default a child process is asked.
    """

    def __init__(self, entry: TabContext, asker: WhatIfRequests | None = None) -> None:
        self._entry, self._state = entry, entry.state
        self.logic = WhatIfModel(
            entry.state,
            asker
            or WhatIfRequests(entry.session.call_soon, show_errors(entry.state, self.show_answers)),
        )
        self._compute = Compute(entry.state, entry.session)
        self._drawn: tuple[Any, ...] = ()
        self._curve: Any = None
        self._planes: list[tuple[WhatIfQuery, Any, pd.DataFrame]] = []
        self._head, self._remark, self._progress, self._maps, self._said, self._walked = (
            html_pane("", STYLES) for _ in range(6)
        )
        self._training = html_pane("", STYLES)
        self._shown_runs: tuple[str, ...] | None = None
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self.dial = pmui.RadioButtonGroup(options=_DIALS, value=self.logic.dial, label="", **small)
        self.slider = pmui.IntSlider(
            label="Level",
            start=0,
            end=1,
            value=0,
            width=260,
            show_value=False,
            **small,
        )
        self.seed = pmui.IntInput(
            label="Noise seed", value=self.logic.seed, start=0, end=MAX_SEED, width=110, **small
        )
        self.draws = pmui.Select(
            label="Noise realisations",
            options=list(DRAWS),
            value=self.logic.draws,
            width=140,
            **small,
        )
        self._film = ClickableHTML(
            galaxy_clicked(self._tapped),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=STYLES,
        )
        self._plot = pn.Column(sizing_mode="stretch_width", margin=0)
        self._board = pn.Row(sizing_mode="stretch_width", margin=0)
        self.view = pn.Column(
            self._head,
            pn.Row(
                self.dial,
                self.slider,
                self.seed,
                self.draws,
                margin=0,
                styles={"gap": "20px", "align-items": "center"},
            ),
            self._remark,
            self._progress,
            self._film,
            side_by_side(
                pn.Column(self._plot, self._said, sizing_mode="stretch_width", margin=0), self._maps
            ),
            html_pane(
                explained(f"<h3>Its walk through each run's {term('margin plane')}</h3>"), STYLES
            ),
            self._board,
            self._walked,
            self._training,
            export_menu(
                entry.state,
                entry.session,
                own={
                    "One galaxy along the dial": self.dial_figure,
                    "Its walk": self.trajectory_figure,
                },
            ),
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "10px"},
        )
        self._watch()

    def _watch(self) -> None:
        state, session = self._state, self._entry.session
        show, move = show_errors(state, self.show), show_errors(state, session.batched(self._move))
        state.param.watch(
            lambda *_: session.debounced("whatif", show),
            ["run_ids", "epoch", "split", "pair", "galaxy", "progress"],
        )
        state.param.watch(lambda *_: self._entry.visible() and move(), "threshold")
        for widget in (self.dial, self.seed, self.draws):
            widget.param.watch(show_errors(state, lambda *_: self._turned()), "value")
        self.slider.param.watch(
            show_errors(state, lambda event: self._placed(int(event.new))), "value"
        )

    def show(self) -> None:
        """Bring the tab up to date, if it is on screen."""
        if not self._entry.visible():
            return
        self.logic.follow_state()
        self.show_answers()
        self._show_training()

    def _show_training(self) -> None:
        runs = self._state.runs
        if self._shown_runs != (ids := tuple(run.id for run in runs)):
            self._shown_runs = ids
            self._training.object = training_html(runs)

    def _turned(self) -> None:
        self.logic.set_dial(self.dial.value, int(self.seed.value or 0), int(self.draws.value))
        self.show()

    def _placed(self, number: int) -> None:
        if number != self.logic.position:
            self.logic.set_level(number)
            self._move()

    def _tapped(self, number: str) -> None:
        if number.isdigit():
            self.slider.value = int(number)

    def show_answers(self) -> None:
        """Show what is there; the plots once all positions are."""
        logic = self.logic
        plan, (done, total) = logic.plan, logic.progress
        self._head.object = galaxy_html(logic.chosen, self._truth())
        self._remark.object = hints_html([plan.remark if plan else "", *logic.refusals])
        waits = (
            logic.subjects
            and not logic.ready
            and not (plan is None and len(logic.refusals) >= len(logic.subjects))
        )
        words = (
            f"Computing … {done} of {total} positions of all runs"
            if total
            else "Opening the galaxy …"
        )
        self._progress.visible = bool(waits)
        self._progress.object = f"<p class='hint' role='status'>{words}</p>" if waits else ""
        self.slider.disabled = plan is None
        if plan is not None:
            # A narrower range first would clip a value that is about to change.
            self.slider.param.update(start=0, end=max(len(plan.stops) - 1, 1), value=logic.position)
        self._move_pictures()
        if not logic.ready:
            self._drawn, self._curve, self._planes = (), None, []
            self._plot.objects, self._board.objects = [], []
            self._said.object = self._walked.object = ""
        else:
            self._draw()

    def _truth(self) -> str:
        if self.logic.chosen is None or not self.logic.subjects:
            return ""
        subject = self.logic.subjects[0]
        label = int(subject.scene.evaluation.labels[subject.row])
        oracle = " <i>oracle</i>" if self.logic.chosen.domain == "target" else ""
        return (
            f"is {escape(subject.scene.run.classes[label])}{oracle}" if label >= 0 else "unlabelled"
        )

    def _draw(self) -> None:
        logic = self.logic
        key = (
            tuple(one.question for one in logic.answered),
            tuple(self._state.pair),
            self._state.split,
        )
        if key == self._drawn:
            return
        self._drawn = key
        curves, walks = logic.curves(), logic.trajectories()
        backgrounds = [logic.background(one) for one in logic.answered]
        limits = walk_limits(pd.concat([frame for frame, _ in backgrounds]), walks)
        made: list[tuple[WhatIfQuery, Any, pd.DataFrame]] = []

        def plane(one: WhatIfQuery, frame: pd.DataFrame, total: int) -> None:
            walk = walks[walks["run"] == one.scene.label]
            title = (
                f"{one.scene.label}, epoch {one.scene.evaluation.epoch}, {len(frame)} of {total}"
                f" {self._state.split}"
            )
            marker = class_marker(int(one.scene.evaluation.labels[one.row]))
            plot = trajectory_plot(
                frame,
                walk,
                here=logic.position,
                threshold_x=logic.plane(one).threshold_x(self._state.threshold),
                title=title,
                limits=limits,
                marker=marker,
                size=_PLANE,
            )
            made.append(
                (one, _sized(responsive_figure(plot, f"walk-{len(made)}"), _PLANE[1]), walk)
            )

        def finish() -> None:
            self._planes = made
            self._board.styles = grid_styles(290)
            self._board.objects = [
                pn.pane.Bokeh(figure, sizing_mode="stretch_width", margin=0)
                for _, figure, _ in made
            ]
            self._move()

        steps = [
            partial(self._draw_curve, curves),
            *(
                partial(plane, one, *each)
                for one, each in zip(logic.answered, backgrounds, strict=True)
            ),
        ]
        self._compute.run_in_steps(self, [*steps, finish])

    def _draw_curve(self, curves: pd.DataFrame) -> None:
        plan, state = self.logic.plan, self._state
        assert plan is not None
        assert self.logic.chosen is not None
        title = (
            f"{self.logic.chosen.sample_id}, n = 1 galaxy, up to {int(curves['draws'].max())} draws"
            " of the noise"
        )
        plot = dial_curves(
            curves,
            unit=plan.unit,
            threshold=state.threshold,
            here=plan.stops[self.logic.position].level,
            positive=self._positive(),
            title=title,
            size=_CURVES,
        )
        self._curve = _sized(responsive_figure(plot, "dial"), _CURVES[1])
        for legend in self._curve.legend:
            legend.update(label_text_font_size="12px", glyph_height=14, padding=2)
        self._plot.objects = [pn.pane.Bokeh(self._curve, sizing_mode="stretch_width", margin=0)]
        self._walked.object = sentences_html(summary_walks(self.logic.trajectories()), _WALK)
        self._move()

    def dial_figure(self) -> FigureSpec:
        """The galaxy along the dial, for export. InputError before the answers are there."""
        return dial_drawing(self._compared(), self._about(), self.logic.curves())

    def trajectory_figure(self) -> FigureSpec:
        """Its walk through each margin plane, for export. InputError as above."""
        at = self._state.threshold
        boundaries = {
            one.scene.label: float(self.logic.plane(one).threshold_x(at))
            for one in self.logic.answered
        }
        return walks_drawing(self._compared(), self._about(), self.logic.trajectories(), boundaries)

    def _compared(self) -> list[RunResult]:
        if not self.logic.ready:
            raise InputError(
                "The galaxy's answers along the dial are not there yet. Save the figure once it is"
                " on screen."
            )
        scenes = [one.scene for one in self.logic.answered]
        return [
            RunResult(shown.label, shown.run.id, shown.evaluation, tuple(shown.run.classes))
            for shown in scenes
        ]

    def _about(self) -> DialContext:
        logic, chosen, plan = self.logic, self.logic.chosen, self.logic.plan
        assert chosen is not None
        assert plan is not None
        first = logic.answered[0]
        label = int(first.scene.evaluation.labels[first.row])
        return DialContext(
            chosen.sample_id,
            label,
            chosen.split,
            plan.unit,
            self._positive(),
            self._state.threshold,
            logic.seed,
        )

    def _positive(self) -> str:
        shown = self.logic.answered[0].scene
        return str(shown.run.classes[shown.pair[1]])

    def _move(self) -> None:
        """Follow the dial and the threshold: marks move, nothing is computed."""
        logic, threshold = self.logic, self._state.threshold
        self._move_pictures()
        plan = logic.plan
        if plan is None or not logic.ready:
            return
        if self._curve is not None:
            level, _, here = _spans(self._curve)
            level.location, here.location = threshold, plan.stops[logic.position].level
            low, high = (f"{100 * each:.0f}" for each in CENTRAL)
            band = (
                f"Line: median of the draws; band: from the {low}th to the {high}th percentile."
                " Hollow: the image as recorded."
            )
            self._said.object = sentences_html(
                summary_dial(logic.curves(), plan.unit, self._positive(), threshold), band
            )
        for one, figure, walk in self._planes:
            here = walk[walk["number"] == logic.position]
            looked = [
                each
                for each in figure.renderers
                if isinstance(getattr(each, "glyph", None), Scatter)
            ][-1]
            looked.data_source.data = {"x": here["x"].to_numpy(), "y": here["y"].to_numpy()}
            for span in _spans(figure):
                span.location = logic.plane(one).threshold_x(threshold)

    def _move_pictures(self) -> None:
        logic, plan = self.logic, self.logic.plan
        level = "" if plan is None else f": {plan.stops[logic.position].level:.3g}"
        self.slider.label = f"Level{level}"
        if plan is None or logic.chosen is None or not logic.answered:
            self._film.markup = self._maps.object = ""
            return
        found = {
            number: next(iter(each.values()))
            for number in range(len(plan.stops))
            if (each := logic.answers(number))
        }
        self._film.markup = film_html(plan.stops, found, logic.position, logic.chosen.sample_id)
        here = logic.answers(logic.position)
        said = {
            one.scene.label: logic.probabilities(one, here[one.scene.label])
            for one in logic.answered
            if one.scene.label in here
        }
        shown, stop = logic.answered[0].scene, plan.stops[logic.position]
        self._maps.object = maps_html(
            here,
            said,
            logic.everything(),
            stop,
            tuple(shown.run.classes),
            shown.pair,
            self._state.threshold,
        )


_WALK = (
    "Each stop is the mean over the draws; the number at either end is its level. Behind: at most"
    f" {BACKGROUND} galaxies of both domains. The axes are the run's own at this epoch and stay"
    " fixed; y is from the probe that was fitted without this galaxy."
)


def _spans(figure: Any) -> list[Span]:
    return [each for each in figure.renderers if isinstance(each, Span)]


def _sized(figure: Any, height: int) -> Any:
    figure.update(sizing_mode="stretch_width", height=height + 70)
    return figure
