"""Data tab: selected galaxies, their images, and how the domains differ."""

from html import escape
from io import BytesIO
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.core.session import Session, show_errors
from daexplore.app.jobs.commands import command_line
from daexplore.app.state import ExplorerState
from daexplore.app.tabs.data.inspection_job import inspect_command
from daexplore.app.tabs.data.markup import DATA_STYLES, findings, head_html, look_html
from daexplore.app.tabs.data.model import DomainInspectionModel, run_choices
from daexplore.app.tabs.data.preview import DomainChoice, validated_choice
from daexplore.app.tabs.registry import TabContext, TabView
from daexplore.errors import InputError

__all__ = ["DataTab", "build_tab", "data_tab"]

_LOOK_EVERY = 500  # [ms]
_OWN = "my own"
_KINDS = (
    "a galaxy set made by <code>daexplore ingest</code> or <code>simulate</code>",
    "<code>.npy</code> images with a file of labels named alike",
    "FITS: an HLSP file, or a folder with a file a galaxy or a file a band",
    "a folder of PNG or JPEG images with <code>catalogue.csv</code>",
    "a catalogue (CSV, ECSV, FITS, VOTable, Parquet) of images, or of positions on survey tiles",
)
_TEACH = (
    "<p class='lead'>Before anything is trained: <b>how do these domains differ?</b></p><p"
    " class='hint'>Press Inspect. Pixels, noise, signal-to-noise, spectra, colours, sizes, classes,"
    " missing values and copies of galaxies across splits are measured in both domains, with"
    " intervals over galaxies, and a classifier tries to tell the domains apart. No network is"
    " trained, and no label of the target decides anything.</p>"
)


def build_tab(entry: TabContext) -> TabView:
    """The tab behind the menu's item."""
    return data_tab(entry.state, entry.session)


def data_tab(
    state: ExplorerState, session: Session, data: DomainInspectionModel | None = None
) -> TabView:
    """The tab, open.

    Args:
        state: the page's; its runs' galaxies are offered, and its alert says what went wrong.
        session: the user's.
        data: what the tab knows; by default its own over the page's folder of runs.
    """
    tab = DataTab(state, session, data or DomainInspectionModel(state.root))
    enter = show_errors(state, tab.enter)
    enter()
    return TabView(tab.view, enter)


class DataTab:
    """The widgets, and what is below them. Arguments as for :func:`data_tab`."""

    def __init__(self, state: ExplorerState, session: Session, data: DomainInspectionModel) -> None:
        self._state, self._session, self._data = state, session, data
        self._choices: dict[str, DomainChoice] = {}
        self._seen: tuple[Any, ...] = ()
        small: dict[str, Any] = {"size": "small", "margin": 0}
        html: dict[str, Any] = {
            "stylesheets": DATA_STYLES,
            "sizing_mode": "stretch_width",
            "margin": 0,
        }
        self.galaxies = pmui.RadioButtonGroup(options=[_OWN], value=None, **small)
        self.source = pmui.TextInput(
            label="Source: labelled images",
            placeholder="path or preset",
            width=300,
            visible=False,
            **small,
        )
        self.target = pmui.TextInput(
            label="Target: images of the survey",
            placeholder="path or preset",
            width=300,
            visible=False,
            **small,
        )
        self.label = pmui.TextInput(
            label="Label column", placeholder="auto-detect", width=150, visible=False, **small
        )
        self.inspect = pmui.Button(
            label="Inspect", icon="search", color="primary", variant="contained", margin=0
        )
        self.stop = pmui.Button(
            label="Stop",
            icon="stop",
            color="error",
            variant="text",
            size="small",
            margin=0,
            visible=False,
        )
        self.save = pmui.FileDownload(
            label="Save as HTML",
            callback=show_errors(state, self._page),
            filename="inspection.html",
            margin=0,
            visible=False,
        )
        # Given to the constructor, the style is warned about: Panel then finds it under its old
        # name too.
        self.save.variant = "outlined"
        self._command, self._progress, self._head, self._galleries = (
            pn.pane.HTML("", **html) for _ in range(4)
        )
        self._body = pn.Column(sizing_mode="stretch_width", margin=0, styles={"gap": "14px"})
        self.galaxies.param.watch(show_errors(state, self._chosen), "value")
        for widget in (self.source, self.target, self.label):
            widget.param.watch(show_errors(state, self._describe), "value")
        self.inspect.on_click(show_errors(state, self._inspect))
        self.stop.on_click(show_errors(state, self._stop))
        name = pn.pane.HTML(
            "<p class='hint'>Galaxies</p>", stylesheets=DATA_STYLES, margin=0, align="center"
        )
        self.view = pn.Column(
            pn.FlexBox(
                pn.Row(name, self.galaxies, margin=0, styles={"gap": "8px"}),
                self.source,
                self.target,
                self.label,
                self.inspect,
                self.save,
                align_items="center",
                gap="12px 22px",
                sizing_mode="stretch_width",
                margin=0,
            ),
            self._command,
            pn.Row(self._progress, self.stop, sizing_mode="stretch_width", margin=0),
            self._head,
            self._galleries,
            self._body,
            sizing_mode="stretch_width",
            margin=0,
            styles={"gap": "12px"},
        )
        session.call_every(_LOOK_EVERY, show_errors(state, self.tick))
        if pn.state.curdoc:
            pn.state.on_session_destroyed(lambda _: data.leave())

    def enter(self) -> None:
        """Offer the galaxies of the runs on screen now, and keeps what was chosen where that is
        still there.
        """
        from daexplore.data.simulate import PRESETS

        first = not self._choices
        self._choices = run_choices(self._state) | {
            name: DomainChoice(name, name) for name in PRESETS
        }
        options = [*self._choices, _OWN]
        value = self.galaxies.value if self.galaxies.value in options and not first else options[0]
        self.galaxies.param.update(options=options, value=value)
        self._chosen()

    def tick(self) -> None:
        """Follow the work in progress; called twice a second."""
        try:
            self._data.tick()
        finally:
            self._draw()

    def _chosen(self, *_: Any) -> None:
        own = self.galaxies.value == _OWN
        self.source.visible = self.target.visible = self.label.visible = own
        self._data.set_domains(self._choices.get(self.galaxies.value))
        self._describe()
        self.tick()

    def _asked(self) -> DomainChoice:
        if self.galaxies.value == _OWN:
            return validated_choice(self.source.value, self.target.value, self.label.value)
        return self._choices[self.galaxies.value]

    def _describe(self, *_: Any) -> None:
        try:
            line = command_line(inspect_command(self._asked()))
            self._command.object = (
                f"<p class='hint'>The same from a terminal: <code>{escape(line)}</code></p>"
            )
        except InputError as error:
            kinds = "".join(f"<li>{kind}</li>" for kind in _KINDS)
            self._command.object = (
                f"<p class='hint'>{escape(str(error))}</p><ul class='hint kinds'>{kinds}</ul>"
            )

    def _inspect(self, *_: Any) -> None:
        choice = self._asked()
        self._state.warn("")
        self._data.inspect(choice)
        self.tick()

    def _stop(self, *_: Any) -> None:
        self._data.stop()
        self._draw()

    def _page(self) -> BytesIO | None:
        page = self._data.page
        if page is None:
            raise InputError("There is no inspection to save yet; press Inspect first.")
        return BytesIO(page.read_bytes())

    def _draw(self) -> None:
        data = self._data
        self._progress.object = _bar(*data.progress()) if data.busy else ""
        seen = (data.revision, self.galaxies.value)
        if seen == self._seen:
            return
        self._seen = seen
        look = data.look
        self.stop.visible = data.inspecting
        self.inspect.param.update(
            visible=data.inspection is None or self.galaxies.value == _OWN, disabled=data.inspecting
        )
        self.save.visible = data.page is not None
        if look is not None:
            self.save.filename = (
                f"inspection {look.names['source']} {look.names['target']}.html".replace("/", "-")
            )
        self._galleries.object = look_html(look)
        waits = "" if data.inspecting else _TEACH
        self._head.object = waits if data.inspection is None else head_html(data.inspection)
        self._body.objects = [] if data.inspection is None else findings(data.inspection)


def _bar(text: str, done: float | None) -> str:
    value = "" if done is None else f" aria-valuenow='{100 * done:.0f}'"
    kind, width = (
        ("bar unknown", "") if done is None else ("bar", f" style='width: {100 * done:.1f}%'")
    )
    role = (
        f"role='progressbar' aria-label='inspection' aria-valuemin='0' aria-valuemax='100'{value}"
    )
    return (
        f"<div class='{kind}' {role}><div{width}></div></div><p class='caption'>{escape(text)}</p>"
    )
