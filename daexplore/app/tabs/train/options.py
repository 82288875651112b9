"""Options of a training that the user has added; all others keep their default."""

import asyncio
import json
from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.components.training.card import STYLES
from daexplore.app.core.processes import submit_process
from daexplore.app.tabs.train.settings import Setting, data_settings, train_settings

__all__ = ["OptionList"]

_NETWORK = "which network; further ones are a file each in daexplore/models."
_SMALL: dict[str, Any] = {"size": "small", "margin": 0}


class OptionList:
    """A list to choose options from, and the chosen ones.

    Args:
        changed: called whenever what is set changes.

    Attributes:
        offered: the settings that can be added, by their paths.
        view: the list and the chosen options.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._preset: str | None = None
        self._of_methods: dict[str, list[Setting]] = {}
        self._networks: tuple[str, ...] = ()
        self._rows: dict[str, tuple[Setting, Any]] = {}
        self.add = pmui.Select(
            label="Add an option", options={"": ""}, value="", searchable=True, width=300, **_SMALL
        )
        self.add.param.watch(self._chosen, "value")
        self._list = pn.Column(sizing_mode="stretch_width", margin=0, styles={"gap": "8px"})
        self.view = pn.Column(
            self.add, self._list, sizing_mode="stretch_width", margin=0, styles={"gap": "8px"}
        )
        self.set_defaults(None)
        self._ask()

    @property
    def settings(self) -> dict[str, str]:
        """What is set: path -> value as ``--set`` takes it. What is left empty or at its default is
        not.
        """
        found = {}
        for path, (setting, widget) in self._rows.items():
            value = widget.value if setting.choices else widget.value.strip()
            text = value if isinstance(value, str) else json.dumps(value)
            if text not in ("", setting.shown):
                found[path] = text
        return found

    def of(self, method: str) -> list[str]:
        """The settings that concern a run with these alignments, each as "path=value"."""
        parts = method.split("+")
        return [
            f"{path}={text}"
            for path, text in self.settings.items()
            if not path.startswith("alignments.") or _alignment(path) in parts
        ]

    def set_defaults(self, preset: str | None) -> None:
        """Go by the defaults of a preset, or of one's own images for None. What is set stays."""
        self._preset = preset
        self.offered = {
            setting.path: setting for setting in (*train_settings(preset), *data_settings(preset))
        }
        if self._networks:
            self.offered["model.name"] = Setting(
                "model.name", "deepmerge", _NETWORK, self._networks
            )
        for settings in self._of_methods.values():
            self.offered |= {setting.path: setting for setting in settings}
        names = {
            f"{path} ({setting.shown})": path
            for path, setting in self.offered.items()
            if path not in self._rows
        }
        self.add.param.update(options={"": "", **names}, value="")
        for path, (_, widget) in self._rows.items():
            if path in self.offered:
                self._rows[path] = self.offered[path], widget

    def add_option(self, path: str) -> Any:
        """Add an option, and return its widget."""
        setting = self.offered[path]
        widget: Any
        if setting.choices:
            options = {
                str(choice).lower() if isinstance(choice, bool) else str(choice): choice
                for choice in setting.choices
            }
            widget = pmui.Select(
                label=path, options=options, value=setting.default, width=220, **_SMALL
            )
        else:
            widget = pmui.TextInput(label=path, placeholder=setting.shown, width=220, **_SMALL)
        widget.param.watch(lambda _: self._changed(), "value")
        text = (
            f"<p class='hint'>{escape(setting.help)} Default:"
            f" <code>{escape(setting.shown)}</code></p>"
        )
        away = pmui.IconButton(
            icon="close", size="small", margin=0, description=f"Leave {path} at its default"
        )
        row = pn.Row(
            widget,
            away,
            pn.pane.HTML(
                text, stylesheets=STYLES, sizing_mode="stretch_width", margin=0, align="center"
            ),
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "10px"},
        )

        def remove(*_: Any) -> None:
            del self._rows[path]
            self._list.remove(row)
            self.set_defaults(self._preset)
            self._changed()

        away.on_click(remove)
        self._rows[path] = setting, widget
        self._list.append(row)
        self.set_defaults(self._preset)
        self._changed()
        return widget

    def _chosen(self, event: Any) -> None:
        if event.new:
            self.add_option(event.new)

    def _ask(self) -> None:
        """The alignments' options come when torch has been imported elsewhere."""

        async def arrive() -> None:
            # Without them the list is shorter, and the command line still takes them all.
            self._learn(await asyncio.wrap_future(submit_process("data", method_options)))

        if pn.state.curdoc:
            pn.state.onload(arrive)
        else:
            self._learn(submit_process("data", method_options).result())

    def _learn(self, found: tuple[dict[str, list[Setting]], tuple[str, ...]]) -> None:
        self._of_methods, self._networks = found
        self.set_defaults(self._preset)


def method_options() -> tuple[dict[str, list[Setting]], tuple[str, ...]]:
    """Return the options of every alignment by its name, and the names of networks; imports
    torch.
    """
    from daexplore.alignment import METHODS
    from daexplore.app.tabs.train.settings import method_settings
    from daexplore.models import NETWORKS
    from daexplore.utils.trust import trusted_names

    options = {name: method_settings(name, build) for name, build in METHODS.items()}
    return options, (*NETWORKS, *trusted_names())


def _alignment(path: str) -> str:
    return path.split(".")[1]
