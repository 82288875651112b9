"""Training form: galaxies, methods, seeds, options, and the commands that result."""

from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.card import STYLES
from daexplore.app.jobs.commands import (
    command_line,
    data_arguments,
    parse_epochs,
    parse_seeds,
    parse_together,
    train_command,
)
from daexplore.app.jobs.job import Job
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.train.options import OptionList
from daexplore.app.tabs.train.settings import check_settings
from daexplore.config import DEFAULT_METHODS
from daexplore.errors import InputError
from daexplore.methods import ALIGNMENTS, method_label

__all__ = ["TrainForm"]

_OWN = "own"
_DATA = {
    "demo": "demo",
    "distant": "distant",
    "distant, asinh": "distant-asinh",
    "nearby": "nearby",
    "nearby, survey": "nearby-survey",
    "my own": _OWN,
}
_FURTHER = (*(name for name in ALIGNMENTS if name not in DEFAULT_METHODS), "oracle")
_ORACLE = "oracle (uses target labels)"
_RESUMABLE = ("stopped", "interrupted", "failed")
_SHOWN = 8


class TrainForm:
    """The widgets and what they ask for.

    Args:
        state: whose folder of runs is filled.
        launcher: replaces ``python -m daexplore train``, for tests.
    """

    def __init__(self, state: ExplorerState, launcher: tuple[str, ...] | None = None) -> None:
        self._state, self._launcher = state, launcher
        small: dict[str, Any] = {"size": "small", "margin": 0}
        self.data = pmui.RadioButtonGroup(options=_DATA, value="demo", **small)
        self.source = pmui.TextInput(
            label="Source: labelled images", placeholder="path", width=300, visible=False, **small
        )
        self.target = pmui.TextInput(
            label="Target: images of the survey",
            placeholder="path",
            width=300,
            visible=False,
            **small,
        )
        self.methods = pmui.CheckButtonGroup(
            options={method_label(name): name for name in DEFAULT_METHODS},
            value=list(DEFAULT_METHODS),
            **small,
        )
        further = {_ORACLE if name == "oracle" else method_label(name): name for name in _FURTHER}
        self.further = pmui.MultiChoice(
            label="Further methods", options=further, value=[], width=420, margin=0
        )
        self.together = pmui.TextInput(
            label="Combined losses",
            placeholder="mmd+fisher",
            description="Alignments joined by +, runs by commas; your own as package.module:Class",
            width=260,
            **small,
        )
        self.seeds = pmui.TextInput(
            label="Seeds", value="0", width=110, description="0, or 0,3,5, or 0..2", **small
        )
        self.epochs = pmui.TextInput(label="Epochs", placeholder="default", width=120, **small)
        self.options = OptionList(self._changed)
        self.options.set_defaults(self._preset)
        self.start = pmui.Button(
            label="Start", icon="play_arrow", color="primary", variant="contained", margin=0
        )
        self.more = pmui.Switch(label="More methods and options", value=False, margin=0)
        self.stopped = pmui.Select(label="Stopped runs", options={}, width=330, **small)
        self.resume = pmui.Button(
            label="Resume", icon="play_arrow", variant="outlined", margin=0, align="center"
        )
        self._again = pn.Row(
            self.stopped, self.resume, margin=0, styles={"gap": "10px"}, visible=False
        )
        self._shown = pn.pane.HTML("", stylesheets=STYLES, sizing_mode="stretch_width", margin=0)
        self.data.param.watch(lambda _: self.options.set_defaults(self._preset), "value")
        for widget in (
            self.data,
            self.source,
            self.target,
            self.methods,
            self.further,
            self.together,
            self.seeds,
            self.epochs,
        ):
            widget.param.watch(self._changed, "value")
        row: dict[str, Any] = {
            "align_items": "center",
            "gap": "12px 22px",
            "sizing_mode": "stretch_width",
            "margin": 0,
        }
        self._more = pn.Column(
            pn.FlexBox(self.further, self.together, **row),
            self.options.view,
            visible=False,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
        )
        self.more.param.watch(
            lambda event: setattr(self._more, "visible", bool(event.new)), "value"
        )
        self.view = pn.Column(
            pn.FlexBox(_named("Galaxies", self.data), self.source, self.target, **row),
            pn.FlexBox(
                _named("Methods", self.methods),
                self.seeds,
                self.epochs,
                self.start,
                self.more,
                self._again,
                **row,
            ),
            self._more,
            self._shown,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
        )
        self._changed()

    def jobs(self) -> list[Job]:
        """The trainings asked for.

        Raises:
            InputError: a path, seed, method or option that cannot be.
        """
        return [
            Job(self.command(command), self._state.root, method=method, seed=seed)
            for method, seed, command in self._commands()
        ]

    def command(self, command: list[str]) -> list[str]:
        """A command with the launcher in the place of ``python -m daexplore train``."""
        return command if self._launcher is None else [*self._launcher, *command[4:]]

    def refresh_stopped(self) -> None:
        """Offer those runs that did not come to their end."""
        runs = [run for run in self._state.all_runs if run.status in _RESUMABLE]
        options = {
            f"{run.label}, {run.status} after epoch {run.info['progress']['epoch']} ({run.id})": (
                run.id
            )
            for run in runs
        }
        if options != self.stopped.options:
            value = (
                self.stopped.value
                if self.stopped.value in options.values()
                else next(iter(options.values()), None)
            )
            self.stopped.param.update(options=options, value=value)
        self._again.visible = bool(options)

    @property
    def _preset(self) -> str | None:
        return None if self.data.value == _OWN else self.data.value

    def _chosen(self) -> list[str]:
        asked = [*self.methods.value, *self.further.value]
        found = [
            *(name for name in ("noda", *ALIGNMENTS, "oracle") if name in asked),
            *parse_together(self.together.value),
        ]
        if not found:
            raise InputError("Choose at least one method to train.")
        return list(dict.fromkeys(found))

    def _commands(self) -> list[tuple[str, int, list[str]]]:
        data = data_arguments(self._preset, self.source.value, self.target.value)
        epochs, methods, found = parse_epochs(self.epochs.value), self._chosen(), []
        for method in methods:
            check_settings(self._preset, method, self.options.of(method))
        used = {
            setting.partition("=")[0] for method in methods for setting in self.options.of(method)
        }
        idle = [path for path in self.options.settings if path not in used]
        if idle:
            raise InputError(
                f"The option {idle[0]} concerns none of the methods chosen: choose its method too,"
                " or take it away."
            )
        for seed in parse_seeds(self.seeds.value):
            for method in methods:
                settings = self.options.of(method)
                command = train_command(
                    self._state.root, method, seed=seed, epochs=epochs, data=data, settings=settings
                )
                found.append((method, seed, command))
        return found

    def _changed(self, *_: Any) -> None:
        self.source.visible = self.target.visible = self.data.value == _OWN
        try:
            lines = [command_line(command) for _, _, command in self._commands()]
            self.start.param.update(
                label=f"Start {len(lines)} training{'s' if len(lines) > 1 else ''}", disabled=False
            )
            rest = f"\n… and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
            text = (
                "<p class='hint'>The same from a terminal:</p><pre"
                f" class='commands'>{escape(chr(10).join(lines[:_SHOWN]))}{rest}</pre>"
            )
        except InputError as error:
            # The button stays active: pressed, it says the same as an alert.
            text = f"<p class='hint'>{escape(str(error))}</p>"
        self._shown.object = text


def _named(name: str, widget: Any) -> pn.viewable.Viewable:
    label = pn.pane.HTML(
        f"<p class='hint'>{name}</p>", stylesheets=STYLES, margin=0, align="center"
    )
    return pn.Row(label, widget, margin=0, styles={"gap": "8px"})
