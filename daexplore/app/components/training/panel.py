"""Panel of all trainings of a page."""

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.card import STYLES, TrainingCard
from daexplore.app.components.training.plots import SharedAxes
from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, show_errors
from daexplore.app.jobs.commands import resume_command
from daexplore.app.jobs.job import Job
from daexplore.app.jobs.queue import JobQueue, find_jobs
from daexplore.app.state import ExplorerState
from daexplore.runs import Run
from daexplore.views.style import DOMAIN_COLORS

__all__ = ["TrainingPanel"]

_LOOK_EVERY = 1000  # [ms]
_SYMBOLS = "●▲■◆★⬢"


class TrainingPanel:
    """The cards of a page's jobs, side by side. Jobs already running when the page is opened
    are included.

    Args:
        state: whose folder of runs; errors go to its alert.
        on_end: called whenever the last of the page's jobs has ended, with those runs that have
            something to compare.

    Attributes:
        queue: the jobs.
        view: legend, cards, stop button and the choice of what closing the page does; invisible
            without jobs.
    """

    def __init__(
        self, state: ExplorerState, on_end: Callable[[list[Run]], None] | None = None
    ) -> None:
        self.queue = JobQueue()
        self._state, self._on_end, self._session = state, on_end, Session()
        self._cards: dict[int, TrainingCard] = {}
        self._axes = SharedAxes()
        self._compute = Compute(state, self._session)
        close = pmui.RadioButtonGroup(
            options={"let training finish": False, "stop it": True},
            value=False,
            size="small",
            margin=0,
        )
        close.param.watch(
            lambda event: setattr(self.queue, "stop_on_close", bool(event.new)), "value"
        )
        self._stop = pmui.Button(
            label="Stop all", icon="stop", size="small", variant="outlined", color="error", margin=0
        )
        self._stop.on_click(lambda _: self.queue.stop())
        self._legend = pn.pane.HTML("", stylesheets=STYLES, margin=0)
        question = pn.pane.HTML(
            "<p class='hint'>When I close this page:</p>",
            stylesheets=STYLES,
            margin=0,
            align="center",
        )
        bar = pn.FlexBox(
            self._legend,
            pn.Row(question, close, self._stop, margin=0, styles={"gap": "8px"}),
            justify_content="space-between",
            align_items="center",
            sizing_mode="stretch_width",
            gap="8px 24px",
            margin=0,
        )
        # A plain row: the page's theme does not reach figures that are put into a FlexBox later on.
        self._grid = pn.Row(
            sizing_mode="stretch_width", margin=0, styles={"flex-wrap": "wrap", "gap": "12px"}
        )
        self.view = pn.Column(
            bar,
            self._grid,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "10px"},
            visible=False,
        )
        self.queue.adopt(find_jobs(state.root))
        self._busy = self.queue.busy
        self._show_cards()
        self._session.call_every(_LOOK_EVERY, show_errors(state, self.tick))
        if pn.state.curdoc:
            pn.state.on_session_destroyed(lambda _: self.close())

    @property
    def cards(self) -> tuple[TrainingCard, ...]:
        """What shows each job, in the order of the queue."""
        return tuple(self._cards.values())

    def start(self, jobs: Iterable[Job]) -> None:
        """Add jobs and starts those whose turn it is.

        Raises:
            InputError: the folder of runs cannot be written to.
        """
        for job in jobs:
            self.queue.add(job)
        self._session.batched(self.tick)()

    def tick(self) -> None:
        """Follow all jobs; called every second."""
        if self.queue.busy:
            self._busy = True
        try:
            self.queue.poll()
        finally:
            self._show_cards()
        for card in self._cards.values():
            card.update(self.queue.jobs)
        self._stop.visible = self.queue.busy
        if self._busy and not self.queue.busy:
            self._busy = False
            runs = [job.run for job in self.queue.jobs if job.run is not None and job.run.evaluated]
            if self._on_end is not None:
                self._on_end(runs)

    def close(self) -> None:
        """The page is gone."""
        self.queue.close()

    def _show_cards(self) -> None:
        for job in self.queue.jobs:
            if id(job) not in self._cards:
                self._cards[id(job)] = TrainingCard(
                    job, self._axes, self._compute, show_errors(self._state, self._resume)
                )
        # Keyed by identity, which is sound since each card keeps its job alive.
        self._cards = {id(job): self._cards[id(job)] for job in self.queue.jobs}
        views = [card.view for card in self._cards.values()]
        if views != self._grid.objects:
            self._grid.objects = views
        self.view.visible = bool(views)
        classes = next((job.run.classes for job in self.queue.jobs if job.run is not None), ())
        self._legend.object = _legend(classes)

    def _resume(self, job: Job) -> None:
        assert job.run is not None
        again = Job(
            resume_command(job.run.path),
            job.root,
            method=job.method,
            seed=job.seed,
            run=Run(job.run.path),
        )
        self.queue.replace(job, again)
        self._session.batched(self.tick)()


def _legend(classes: Iterable[str]) -> str:
    hues = [
        f"<span><span style='color:{DOMAIN_COLORS[domain]}'>■</span> {text}</span>"
        for domain, text in _HUES.items()
    ]
    markers = [
        f"<span>{_SYMBOLS[i % len(_SYMBOLS)]} {escape(name)}</span>"
        for i, name in enumerate(classes)
    ]
    return f"<div class='legend'>{''.join(hues + markers)}</div>"


_HUES: dict[str, Any] = {
    "source": "source",
    "target": "target <i>class markers and accuracy: oracle</i>",
    "both": "both domains",
}
