"""One training under way as a card: progress, galaxies moving across the boundary, curves, and what went wrong."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.jobs import Job
from daexplore.app.live_plots import LiveCurves, LivePlane, PlanePoints, SharedAxes, plane_points
from daexplore.app.style import STYLE
from daexplore.errors import InputError
from daexplore.runs import method_label

__all__ = ["STYLES", "LiveCard", "progress_text"]

STYLES = [STYLE, (Path(__file__).parent / "live.css").read_text(encoding="utf-8")]
"""Style sheets of the trainings' panes."""

_COLORS = {"finished": "success", "failed": "error", "running": "primary", "simulating": "primary", "starting": "primary"}
_TASKS = {"simulating": "Simulating galaxies", "explaining": "Computing Grad-CAM maps"}


def progress_text(job: Job, others: list[Job]) -> tuple[str, float | None]:
    """What a training does now, in a line, and how much of it is done (0 to 1, None while unknown).

    Args:
        job: the training.
        others: all trainings of the page: while one of them simulates, those that need the same galaxies wait for it.
    """
    epoch, epochs, fraction = job.progress
    reached = f"{epoch} of {epochs} epochs" if epochs else "before its first epoch"
    if job.state == "waiting":
        return "Waits for its turn", 0.0
    if job.ended:
        return (f"Finished: {epochs} epochs" if job.state == "finished" else f"{job.state.capitalize()} after {reached}"), fraction
    if job.stopping:
        return "Stopping: writing a checkpoint", None
    if job.stage is not None and job.stage.name in _TASKS:
        return f"{_TASKS[job.stage.name]}: {job.stage.done} of {job.stage.total}", job.stage.done / max(job.stage.total, 1)
    if job.state == "starting":
        simulating = any(other.state == "simulating" for other in others)
        return ("Waiting for the simulated galaxies" if simulating else "Starting"), None
    return f"Epoch {epoch} of {epochs} · {fraction:.0%}{_time_left(job.eta)}", fraction


class LiveCard:
    """A training on the page. ``update`` looks at the folder for what was added, and never computes anything that takes long.

    Args:
        job: what to follow.
        axes: shared between cards.
        worker: where margin planes are computed.
        on_resume: called with the job when the visitor wants a stopped one to go on.
    """

    def __init__(self, job: Job, axes: SharedAxes, worker: Executor, on_resume: Callable[[Job], None] | None = None) -> None:
        self.job = job
        self._axes, self._worker = axes, worker
        self._pending: Future[PlanePoints] | None = None
        self._plane: LivePlane | None = None
        self._curves: LiveCurves | None = None
        self._drawn = 0
        self._seen = (0, False)
        name = f"<b>{escape(method_label(job.method) if job.method else 'Training')}</b> <span>seed {job.seed}</span>"
        title = pn.pane.HTML(f"<div class='live-head'>{name}</div>", stylesheets=STYLES, margin=0, sizing_mode="stretch_width")
        self._state = pmui.Chip(label=job.state, size="small", variant="outlined", margin=0, align="center")
        self.stop = pmui.Button(label="Stop", icon="stop", size="small", variant="text", color="error", margin=0, align="center")
        self.stop.on_click(lambda _: job.stop())
        self.resume = pmui.Button(label="Resume", icon="play_arrow", size="small", variant="text", margin=0, align="center", visible=False)
        if on_resume is not None:
            self.resume.on_click(lambda _: on_resume(job))
        self._resumable = on_resume is not None
        self._bar = pmui.LinearProgress(value=0, max=100, margin=0, sizing_mode="stretch_width", variant="indeterminate")
        self._text = pn.pane.HTML("", stylesheets=STYLES, margin=0, sizing_mode="stretch_width")
        self._error = pmui.Alert(object="", severity="error", visible=False, margin=0, sizing_mode="stretch_width")
        self._summary = pn.pane.HTML("", stylesheets=STYLES, margin=0, sizing_mode="stretch_width")
        # The margin plane's place, and that of the curves beneath it.
        self._slots = [pn.Column(sizing_mode="stretch_width", margin=0) for _ in range(2)]
        self._new: list[list[Any]] = [[], []]
        head = pn.Row(title, self._state, self.resume, self.stop, sizing_mode="stretch_width", margin=0, styles={"gap": "4px"})
        self.view = pmui.Paper(
            pn.Column(
                head,
                self._bar,
                self._text,
                self._error,
                *self._slots,
                self._summary,
                sizing_mode="stretch_width",
                margin=12,
                styles={"gap": "6px"},
            ),
            elevation=0,
            variant="outlined",
            sizing_mode="stretch_width",
            margin=0,
            styles={"flex": "1 1 340px", "max-width": "760px"},
        )

    def update(self, others: list[Job]) -> None:
        """Shows what is new. The job itself is polled by the queue."""
        job = self.job
        text, done = progress_text(job, others)
        self._text.object = f"<p class='caption'>{escape(text)}</p>"
        self._bar.param.update(variant="indeterminate" if done is None else "determinate", value=round(100 * (done or 0.0)))
        self._state.param.update(label=job.state, color=_COLORS.get(job.state, "default"))
        self.stop.visible = not job.ended
        self.stop.disabled = job.stopping
        self.resume.visible = self._resumable and job.run is not None and job.state in ("stopped", "failed")
        self._error.param.update(object=job.error, visible=bool(job.error))
        if job.run is not None:
            self._draw_curves()
            self._draw_plane()

    def place(self) -> None:
        """Puts figures made by ``update`` on the page.

        To be called after ``update`` of all cards: a change of a source or range that is new to the page would reach it before they do.
        """
        for slot, panes in zip(self._slots, self._new, strict=True):
            slot.extend(panes)
            panes.clear()

    def _draw_curves(self) -> None:
        run = self.job.run
        assert run is not None
        history = run.history()
        # The counts come from the outputs, which are known a moment after the history or before it.
        seen = len(history), bool(run.evaluated)
        if seen == self._seen:
            return
        self._seen = seen
        if self._curves is None:
            self._curves = LiveCurves(int(run.info["progress"]["epochs"]), self._axes)
            self._new[1] += [pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0) for plot in self._curves.figures]
        self._axes.hold_curves(history)
        self._curves.show(history)
        last = history[history["split"] == "validation"].groupby(["name", "domain"])["value"].last()
        parts = [f"{name} {last[key]:.3f}" for name, key in _SUMMARY.items() if key in last.index]
        if parts:
            counts = f", n = {self._counts()}" if self._counts() else ""
            self._summary.object = f"<p class='summary'>Validation{counts}, epoch {int(history['epoch'].max())}: {', '.join(parts)}</p>"

    def _counts(self) -> str:
        run = self.job.run
        if run is None or not run.evaluated:
            return ""
        found = run.evaluation(run.evaluated[0])
        return " + ".join(str(int(found.where(domain, "validation").sum())) for domain in ("source", "target"))

    def _draw_plane(self) -> None:
        run = self.job.run
        assert run is not None
        if self._pending is not None and self._pending.done():
            future, self._pending = self._pending, None
            try:
                self._show(future.result())
            except InputError as error:
                # An epoch without a plane (a collapsed network, say) is no reason to stop following the others.
                self._summary.object = f"<p class='summary'>{escape(str(error))}</p>"
        if self._pending is None and run.evaluated and run.evaluated[-1] != self._drawn:
            self._drawn = run.evaluated[-1]
            self._pending = self._worker.submit(plane_points, run, self._drawn)

    def _show(self, points: PlanePoints) -> None:
        assert self.job.run is not None
        if self._plane is None:
            self._plane = LivePlane(self._axes, self.job.run.classes)
            self._caption: Any = pn.pane.HTML("", stylesheets=STYLES, margin=0, sizing_mode="stretch_width")
            self._new[0] += [pn.pane.Bokeh(self._plane.figure, sizing_mode="stretch_width", margin=0), self._caption]
        beyond = self._axes.hold_plane(points)
        self._plane.show(points)
        self._caption.object = (
            f"<p class='foot'>Margin plane after epoch {points.epoch}: {points.shown} of {points.total} {points.split} galaxies"
            f"{f', {beyond} of them beyond the frame' if beyond else ''}</p>"
        )


_SUMMARY = {
    "accuracy source": ("accuracy", "source"),
    "target (oracle)": ("accuracy", "target"),
    "MMD²": ("mmd2", "both"),
}


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f" · about {seconds:.0f} s left" if seconds < 90 else f" · about {seconds / 60:.0f} min left"
