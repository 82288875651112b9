"""Training from the page: which galaxies, which methods, which seeds; then the same live cards as on the first page."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.commands import command_line, data_arguments, parse_epochs, parse_seeds, resume_command, train_command
from daexplore.app.guard import guarded
from daexplore.app.jobs import Job
from daexplore.app.live import STYLES
from daexplore.app.state import MAX_RUNS, ExplorerState
from daexplore.app.trainings import Trainings
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["train_tab"]

_OWN = "own"
_DATA = {"demo": "demo", "distant": "distant", "nearby": "nearby", "my own": _OWN}
_METHODS = {"noDA": "noda", "MMD": "mmd", "DANN": "dann"}
_RESUMABLE = ("stopped", "interrupted", "failed")


def train_tab(
    state: ExplorerState, on_finished: Callable[[], None] | None = None, launcher: tuple[str, ...] | None = None
) -> pn.viewable.Viewable:
    """A form, the commands it stands for, and the trainings under way.

    Args:
        state: whose folder of runs is filled.
        on_finished: called when the visitor wants to compare what was trained.
        launcher: replaces ``python -m daexplore train``, for tests.
    """
    form = _Form(state, launcher)
    compare = pmui.Button(label="Compare these", icon="compare", variant="outlined", color="primary", margin=0, visible=False)
    finished: list[str] = []

    def ended(runs: list[Run]) -> None:
        finished[:] = [run.id for run in runs][-MAX_RUNS:]
        compare.visible = bool(finished)
        form.refresh_stopped()

    trainings = Trainings(state, ended)

    def start(*_: Any) -> None:
        jobs = form.jobs()
        state.alert = ""
        compare.visible = False
        trainings.queue.forget_ended()
        trainings.start(jobs)

    def resume(*_: Any) -> None:
        run = state.store.get(form.stopped.value)
        trainings.start([Job(form.command(resume_command(run.path)), state.root, method=run.method, seed=run.seed, run=run)])

    def leave(*_: Any) -> None:
        state.refresh()
        state.choose(finished)
        if on_finished is not None:
            on_finished()

    form.start.on_click(guarded(state, start))
    form.resume.on_click(guarded(state, resume))
    compare.on_click(guarded(state, leave))
    form.refresh_stopped()
    state.param.watch(guarded(state, lambda *_: form.refresh_stopped()), "revision")
    return pn.Column(form.view, compare, trainings.view, sizing_mode="stretch_width", margin=0, styles={"gap": "14px"})


class _Form:
    """The widgets and what they ask for."""

    def __init__(self, state: ExplorerState, launcher: tuple[str, ...] | None) -> None:
        self._state, self._launcher = state, launcher
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self.data = pmui.RadioButtonGroup(options=_DATA, value="demo", **small)
        self.source = pmui.TextInput(label="Source: labelled images", placeholder="path", width=300, visible=False, **small)
        self.target = pmui.TextInput(label="Target: images of the survey", placeholder="path", width=300, visible=False, **small)
        self.methods = pmui.CheckButtonGroup(options=_METHODS, value=list(_METHODS.values()), **small)
        self.seeds = pmui.TextInput(label="Seeds", value="0", width=110, description="0, or 0,3,5, or 0..2", **small)
        self.epochs = pmui.TextInput(label="Epochs", placeholder="as advised", width=120, **small)
        self.start = pmui.Button(label="Start", icon="play_arrow", color="primary", variant="contained", margin=0)
        self.stopped = pmui.Select(label="Stopped runs", options={}, width=330, **small)
        self.resume = pmui.Button(label="Resume", icon="play_arrow", variant="outlined", margin=0, align="center")
        self._again = pn.Row(self.stopped, self.resume, margin=0, styles={"gap": "10px"}, visible=False)
        self._shown = pn.pane.HTML("", stylesheets=STYLES, sizing_mode="stretch_width", margin=0)
        for widget in (self.data, self.source, self.target, self.methods, self.seeds, self.epochs):
            widget.param.watch(self._changed, "value")
        row: dict[str, Any] = {"align_items": "center", "gap": "12px 22px", "sizing_mode": "stretch_width", "margin": 0}
        self.view = pn.Column(
            pn.FlexBox(self._named("Galaxies", self.data), self.source, self.target, **row),
            pn.FlexBox(self._named("Methods", self.methods), self.seeds, self.epochs, self.start, self._again, **row),
            self._shown,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
        )
        self._changed()

    def jobs(self) -> list[Job]:
        """The trainings asked for.

        Raises:
            InputError: a path or seed that cannot be.
        """
        return [
            Job(self.command(self._train(method, seed)), self._state.root, method=method, seed=seed)
            for seed in parse_seeds(self.seeds.value)
            for method in self._chosen()
        ]

    def command(self, command: list[str]) -> list[str]:
        """A command with the launcher in the place of ``python -m daexplore train``."""
        return command if self._launcher is None else [*self._launcher, *command[4:]]

    def refresh_stopped(self) -> None:
        """Offers those runs that did not come to their end."""
        runs = [run for run in self._state.all_runs if run.status in _RESUMABLE]
        options = {f"{run.label}, {run.status} after epoch {run.info['progress']['epoch']} ({run.id})": run.id for run in runs}
        if options != self.stopped.options:
            value = self.stopped.value if self.stopped.value in options.values() else next(iter(options.values()), None)
            self.stopped.param.update(options=options, value=value)
        self._again.visible = bool(options)

    def _chosen(self) -> list[str]:
        if not self.methods.value:
            raise InputError("Choose at least one method to train.")
        return [method for method in _METHODS.values() if method in self.methods.value]

    def _train(self, method: str, seed: int) -> list[str]:
        preset = None if self.data.value == _OWN else self.data.value
        data = data_arguments(preset, self.source.value, self.target.value)
        return train_command(self._state.root, method, seed=seed, epochs=parse_epochs(self.epochs.value), data=data)

    def _changed(self, *_: Any) -> None:
        self.source.visible = self.target.visible = self.data.value == _OWN
        try:
            lines = [command_line(self._train(method, seed)) for seed in parse_seeds(self.seeds.value) for method in self._chosen()]
            self.start.param.update(label=f"Start {len(lines)} training{'s' if len(lines) > 1 else ''}", disabled=False)
            text = f"<p class='hint'>The same from a terminal:</p><pre class='commands'>{escape(chr(10).join(lines))}</pre>"
        except InputError as error:
            # The button stays active: pressed, it says the same as an alert.
            text = f"<p class='hint'>{escape(str(error))}</p>"
        self._shown.object = text

    def _named(self, name: str, widget: Any) -> pn.viewable.Viewable:
        label = pn.pane.HTML(f"<p class='hint'>{name}</p>", stylesheets=STYLES, margin=0, align="center")
        return pn.Row(label, widget, margin=0, styles={"gap": "8px"})
