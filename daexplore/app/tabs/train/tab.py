"""Train tab: form and live cards."""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.panel import TrainingPanel
from daexplore.app.core.session import show_errors
from daexplore.app.jobs.commands import resume_command
from daexplore.app.jobs.job import Job
from daexplore.app.state import MAX_RUNS, ExplorerState
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.app.tabs.train.form import TrainForm
from daexplore.runs import Run

__all__ = ["build_tab", "train_tab"]


def build_tab(entry: TabContext) -> TabView:
    """The tab behind the menu's item."""
    return TabView(train_tab(entry.state, on_finished=entry.back))


def train_tab(
    state: ExplorerState,
    on_finished: Callable[[], None] | None = None,
    launcher: tuple[str, ...] | None = None,
) -> pn.viewable.Viewable:
    """A form, the commands it makes, and the trainings under way.

    Args:
        state: whose folder of runs is filled.
        on_finished: called when the user wants to compare what was trained.
        launcher: replaces ``python -m daexplore train``, for tests.
    """
    form = TrainForm(state, launcher)
    compare = pmui.Button(
        label="Compare these",
        icon="compare",
        variant="outlined",
        color="primary",
        margin=0,
        visible=False,
    )
    finished: list[str] = []

    def ended(runs: list[Run]) -> None:
        finished[:] = [run.id for run in runs][-MAX_RUNS:]
        compare.visible = bool(finished)
        form.refresh_stopped()

    trainings = TrainingPanel(state, ended)

    def start(*_: Any) -> None:
        jobs = form.jobs()
        state.warn("")
        compare.visible = False
        trainings.queue.forget_ended()
        trainings.start(jobs)

    def resume(*_: Any) -> None:
        run = state.store.get(form.stopped.value)
        trainings.start(
            [
                Job(
                    form.command(resume_command(run.path)),
                    state.root,
                    method=run.method,
                    seed=run.seed,
                    run=run,
                )
            ]
        )

    def leave(*_: Any) -> None:
        state.refresh()
        state.set_runs(finished)
        if on_finished is not None:
            on_finished()

    form.start.on_click(show_errors(state, start))
    form.resume.on_click(show_errors(state, resume))
    compare.on_click(show_errors(state, leave))
    form.refresh_stopped()
    state.param.watch(show_errors(state, lambda *_: form.refresh_stopped()), "revision")
    return pn.Column(
        form.view,
        compare,
        trainings.view,
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "14px"},
    )
