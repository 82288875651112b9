"""Card of one running training: progress, margin plane, curves and errors."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.loss_diagram import loss_diagram_html
from daexplore.app.components.training.plots import (
    LiveCurves,
    LivePlane,
    PlanePoints,
    SharedAxes,
    plane_points,
)
from daexplore.app.core.compute import Compute
from daexplore.app.glossary.markup import explained
from daexplore.app.jobs.job import Job
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.runs import Run, method_label
from daexplore.utils.files import static_text

__all__ = ["STYLES", "TrainingCard", "progress_text"]

STYLES = [STYLE, static_text("app", "live.css")]
"""Style sheets of the trainings' panes."""

_TASKS = {"simulating": "Simulating galaxies", "explaining": "Computing Grad-CAM maps"}


def progress_text(job: Job, others: list[Job]) -> tuple[str, float | None]:
    """What a training does now, in a line, and how much of it is done (0 to 1, None while unknown).

    Args:
        job: the training.
        others: all trainings of the page: while one of them simulates, those that need the same
            galaxies wait for it.
    """
    epoch, epochs, fraction = job.progress
    reached = f"after {epoch} of {epochs} epochs" if epochs else "before its first epoch"
    if job.state == "waiting":
        return "Waits for its turn", 0.0
    if job.ended:
        return (
            f"Finished: {epochs} epochs"
            if job.state == "finished"
            else f"{job.state.capitalize()} {reached}"
        ), fraction
    if job.state == "paused":
        return f"Paused {reached}: held in memory, and the next in the queue may start", fraction
    if job.stopping:
        return "Stopping: writing a checkpoint", None
    if job.stage is not None and job.stage.name in _TASKS:
        return (
            f"{_TASKS[job.stage.name]}: {job.stage.done} of {job.stage.total}",
            job.stage.done / max(job.stage.total, 1),
        )
    if job.state == "starting":
        simulating = any(other.state == "simulating" for other in others)
        return ("Waiting for the simulated galaxies" if simulating else "Starting"), None
    return f"Epoch {epoch} of {epochs} · {fraction:.0%}{_time_left(job.eta)}", fraction


class TrainingCard:
    """A training on the page. ``update`` looks at the folder for what was added, and never computes
    anything that takes long.

    Args:
        job: what to follow.
        axes: shared between cards.
        service: computes margin planes.
        on_resume: called with the job when the user wants a stopped one to continue.
    """

    def __init__(
        self,
        job: Job,
        axes: SharedAxes,
        service: Compute,
        on_resume: Callable[[Job], None] | None = None,
    ) -> None:
        self.job = job
        self._axes, self._compute = axes, service
        self._drawn = 0
        self._seen = (0, False)
        # All is made at once: on a page with many figures, every later insertion costs a walk
        # through all of their parts.
        self._plane, self._curves = LivePlane(axes), LiveCurves(axes)
        self._title, self._progress, self._caption, self._summary = (
            pn.pane.HTML(
                "", stylesheets=STYLES, margin=0, align="center", sizing_mode="stretch_width"
            )
            for _ in range(4)
        )
        button: dict[str, Any] = {
            "size": "small",
            "variant": "text",
            "margin": 0,
            "align": "center",
        }
        self.stop = pmui.Button(label="Stop", icon="stop", color="error", **button)
        self.stop.on_click(lambda _: job.stop())
        self.resume = pmui.Button(label="Resume", icon="play_arrow", visible=False, **button)
        if on_resume is not None:
            self.resume.on_click(lambda _: on_resume(job))
        self.pause = pmui.Button(label="Pause", icon="pause", **button)
        self.pause.on_click(lambda _: self._hold())
        self._resumable = on_resume is not None
        self.why = pmui.Switch(label="Losses and gradients", value=False, size="small", margin=0)
        self.why.param.watch(lambda _: self._draw_forces(), "value")
        self._forces = pn.pane.HTML(
            "", stylesheets=STYLES, sizing_mode="stretch_width", margin=0, visible=False
        )
        figures = [
            pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0)
            for plot in (self._plane.figure, *self._curves.figures)
        ]
        stretch: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self._upper = pn.Column(figures[0], self._caption, visible=False, **stretch)
        self._lower = pn.Column(
            *figures[1:], self._summary, self.why, self._forces, visible=False, **stretch
        )
        self.view = pn.Column(
            pn.Row(self._title, self.resume, self.pause, self.stop, **stretch),
            self._progress,
            self._upper,
            self._lower,
            css_classes=["live-card"],
            stylesheets=STYLES,
            styles={"flex": "1 1 340px", "max-width": "760px"},
            **stretch,
        )

    def update(self, others: list[Job]) -> None:
        """Show what is new. The job itself is polled by the queue."""
        job = self.job
        name = escape(method_label(job.method) if job.method else "Training")
        state = f"<i class='state {job.state}'>{job.state}</i>"
        self._title.object = (
            f"<div class='live-head'><b>{name}</b> <span>seed {job.seed}</span>{state}</div>"
        )
        self._progress.object = _progress_html(job, others)
        self.stop.visible = not job.ended
        self.stop.disabled = job.stopping
        self.pause.visible = job.pausable or job.paused
        label, icon = ("Go on", "play_arrow") if job.paused else ("Pause", "pause")
        if self.pause.label != label:
            self.pause.param.update(label=label, icon=icon)
        self.resume.visible = (
            self._resumable and job.run is not None and job.state in ("stopped", "failed")
        )
        if job.run is not None:
            self._draw_curves(job.run)
            self._draw_plane(job.run)

    def _hold(self) -> None:
        if self.job.paused:
            self.job.resume()
        else:
            self.job.pause()
        self.update([self.job])

    def _draw_curves(self, run: Run) -> None:
        history = run.history()
        # The counts come from the outputs, which are known a moment after the history or before it.
        seen = len(history), bool(run.evaluated)
        if seen == self._seen:
            return
        self._seen = seen
        self._axes.hold_curves(history)
        self._curves.show(history, int(run.info["progress"]["epochs"]))
        last = history[history["split"] == "validation"].groupby(["name", "domain"])["value"].last()
        parts = [f"{name} {last[key]:.3f}" for name, key in _SUMMARY.items() if key in last.index]
        if parts and run.evaluated:
            epoch = int(history.loc[history["split"] == "validation", "epoch"].max())
            self._summary.object = (
                f"<p class='summary'>Validation, n = {_counts(run)}, epoch {epoch}:"
                f" {', '.join(parts)}</p>"
            )
        self._lower.visible = True
        self._draw_forces()

    def _draw_forces(self) -> None:
        run = self.job.run
        self._forces.visible = bool(self.why.value) and run is not None
        if self._forces.visible and run is not None:
            weights = {alignment.name: alignment.weight for alignment in run.config.alignments}
            self._forces.object = explained(loss_diagram_html(run.method, weights, run.history()))

    def _draw_plane(self, run: Run) -> None:
        if run.evaluated and run.evaluated[-1] != self._drawn:
            self._drawn = run.evaluated[-1]
            self._compute.submit(
                self,
                plane_points,
                run,
                self._drawn,
                then=lambda points: self._show(points, run.classes),
                failed=self._no_plane,
            )

    def _no_plane(self, message: str) -> None:
        # An epoch without a plane (a collapsed network, say) is no reason to stop following the
        # others.
        self._summary.object = f"<p class='summary'>{escape(message)}</p>"

    def _show(self, points: PlanePoints, classes: tuple[str, ...]) -> None:
        beyond = self._axes.hold_plane(points)
        self._plane.show(points, classes)
        outside = f"; {beyond} outside the frame, the farthest drawn at its edge" if beyond else ""
        self._caption.object = (
            f"<p class='foot'>Margin plane after epoch {points.epoch}: {points.shown} of"
            f" {points.total} {points.split} galaxies{outside}</p>"
        )
        self._upper.visible = True


_SUMMARY = {
    "accuracy source": ("accuracy", "source"),
    "target (oracle)": ("accuracy", "target"),
    "MMD²": ("mmd2", "both"),
}


def _progress_html(job: Job, others: list[Job]) -> str:
    """A bar, a line of text and, after a failure, what went wrong. Plain markup: a widget's
    property would cost far more to change.
    """
    text, done = progress_text(job, others)
    value = "" if done is None else f" aria-valuenow='{100 * done:.0f}'"
    kind, width = (
        ("bar unknown", "") if done is None else ("bar", f" style='width: {100 * done:.1f}%'")
    )
    bar = (
        f"<div class='{kind}' role='progressbar' aria-valuemin='0'"
        f" aria-valuemax='100'{value}><div{width}></div></div>"
    )
    error = f"<p class='error' role='alert'>{escape(job.error)}</p>" if job.error else ""
    return f"{bar}<p class='caption'>{escape(text)}</p>{error}"


def _counts(run: Run) -> str:
    found = run.evaluation(run.evaluated[0])
    return " + ".join(str(int(found.mask(domain, "validation").sum())) for domain in DOMAINS)


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return (
        f" · about {seconds:.0f} s left"
        if seconds < 90
        else f" · about {seconds / 60:.0f} min left"
    )
