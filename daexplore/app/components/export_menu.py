"""Export menu: publication figure, its data, report, link."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, show_errors
from daexplore.app.latents.embeddings import coordinates
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.runs import Run
from daexplore.utils.files import static_text
from daexplore.views.figures.base import FigureInput, FigureSpec, PlotPositions, RunResult
from daexplore.views.figures.registry import FIGURES
from daexplore.views.figures.render import FORMATS, WIDTHS, csv_text, render

__all__ = ["VIEWS", "ExportMenu", "FigureRequest", "export_menu", "figure_request", "make_figure"]

VIEWS = {figure.title: name for name, figure in FIGURES.items() if figure.title}
"""What can be drawn, as the page names it."""

_COPY = static_text("app", "copy_link.js")


@dataclass(frozen=True)
class FigureRequest:
    """What is on screen at one moment: later changes of the state do not reach a figure under way.

    Attributes:
        view: one of the values of ``VIEWS``.
        runs: label, run and epoch.
        kind: of the places of galaxies: "plane", "pca", "umap" or "aligned".
        split: which held-out galaxies.
        domains: which are drawn.
        threshold: probability of the pair's second class.
        pair: the Class pair of the boundary.
    """

    view: str
    runs: tuple[tuple[str, Run, int], ...]
    kind: str
    split: str
    domains: tuple[str, ...]
    threshold: float
    pair: tuple[int, int]

    @property
    def name(self) -> str:
        """For a file: what is drawn, and of which split."""
        return f"daexplore-{self.kind if self.view == 'galaxies' else self.view}-{self.split}"


def figure_request(state: ExplorerState, view: str) -> FigureRequest:
    """What the state shows, to be drawn as ``view``.

    Raises:
        InputError: no run is on screen.
    """
    runs = tuple((state.label(run), run, state.epoch_of(run)) for run in state.runs)
    if not runs:
        raise InputError("There are no runs on screen to draw: choose some first.")
    domains = DOMAINS if state.domains == "both" else (state.domains,)
    pair = (int(state.pair[0]), int(state.pair[1]))
    return FigureRequest(
        view, runs, state.view, state.split, tuple(domains), float(state.threshold), pair
    )


def make_figure(wish: FigureRequest) -> FigureSpec:
    """The table to draw and what it rests on; takes up to some seconds.

    Raises:
        InputError: a run cannot be read, or its UMAP is not computed yet.
    """
    runs = [
        RunResult(label, run.id, run.evaluation(epoch), run.classes)
        for label, run, epoch in wish.runs
    ]
    build = FIGURES[wish.view].build
    assert build is not None
    return build(
        FigureInput(
            runs,
            wish.split,
            wish.threshold,
            wish.pair,
            wish.domains,
            wish.kind,
            lambda: [_positions(wish, *run) for run in wish.runs],
            lambda: {label: run.history() for label, run, _ in wish.runs},
        )
    )


def _positions(wish: FigureRequest, label: str, run: Run, epoch: int) -> PlotPositions:
    found = coordinates(run, epoch, wish.kind, wish.pair)
    if found.kind != wish.kind:
        raise InputError(
            f"The UMAP of {label}, epoch {epoch}, is still being computed. Save it once it is on"
            " screen."
        )
    boundary = None if found.threshold_x is None else float(found.threshold_x(wish.threshold))
    return PlotPositions(found.x, found.y, boundary, found.axes)


def _figure(make: Callable[[], FigureSpec], kind: str, width: float) -> bytes:
    return csv_text(make()).encode() if kind == "csv" else render(make(), kind, width)


def _report(wish: FigureRequest, tell: Callable[[str], None]) -> bytes:
    from daexplore.engine.comparison.comparison import Comparison
    from daexplore.views.comparison.report import comparison_report

    def compared(done: int, total: int) -> None:
        tell(f"Comparing: {done} of {total} runs …")

    def drawn(done: int, total: int) -> None:
        tell(f"Drawing: {done} of {total} parts …")

    found = Comparison([run for _, run, _ in wish.runs], split=wish.split, report=compared)
    tables, about = found.tables(), found.to_dict()
    tell("Drawing the figures …")
    return comparison_report(tables, about, found.runs, drawn).encode()


class ExportMenu:
    """Draws what is asked for beside the page's own work, then hands it to the browser.

    Args:
        state: what the user looks at.
        session: in which the files arrive.
        view: which figure is offered first.
        own: figures of this tab alone, by the name on the page, offered before the others.
        service: computes the files; by default one of its own.
    """

    def __init__(
        self,
        state: ExplorerState,
        session: Session,
        view: str = "galaxies",
        own: Mapping[str, Callable[[], FigureSpec]] | None = None,
        service: Compute | None = None,
    ) -> None:
        self._state, self._session, self._own = state, session, own or {}
        self._compute = service or Compute(state, session)
        small: dict[str, Any] = {"size": "small", "margin": 0}
        options = {**{name: name for name in self._own}, **VIEWS}
        self.view_choice = pmui.Select(
            label="Figure", options=options, value=next(iter(self._own), view), width=250, **small
        )
        widths = {f"{name.capitalize()}, {width:.0f} mm": width for name, width in WIDTHS.items()}
        self.width = pmui.RadioButtonGroup(options=widths, value=174.0, **small)
        self.buttons = {
            kind: pmui.Button(label=kind.upper(), icon="download", variant="outlined", **small)
            for kind in (*FORMATS, "csv")
        }
        self.buttons["csv"].label = "Data (CSV)"
        self.buttons["html"] = pmui.Button(
            label="Report (HTML)", icon="article", variant="outlined", **small
        )
        self.link = pmui.Button(label="Copy link", icon="link", variant="text", **small)
        # Not seen: the browser saves what it is given, whenever it is given something.
        self.download = pmui.FileDownload(
            file=io.BytesIO(), filename="daexplore", label="Download", visible=False, margin=0
        )
        self.said = pn.pane.HTML(
            "",
            sizing_mode="stretch_width",
            stylesheets=[STYLE],
            margin=0,
            css_classes=["take-away-said"],
        )
        for kind, button in self.buttons.items():
            # As one message: a work that fails at once would else free the buttons before they are
            # heard to be busy.
            button.on_click(show_errors(state, session.batched(partial(self._asked, kind))))
        self.link.js_on_click(code=_COPY)
        self.link.on_click(lambda _: self._say("The link to this view is copied."))
        items = pn.FlexBox(
            *(self.view_choice, self.width, *self.buttons.values(), self.link, self.download),
            align_items="center",
            gap="6px 10px",
            sizing_mode="stretch_width",
            margin=0,
        )
        self.menu = pn.Column(
            items,
            self.said,
            sizing_mode="stretch_width",
            margin=0,
            visible=False,
            css_classes=["take-away"],
        )
        self.opener = pmui.Button(
            label="Save figure / data", icon="ios_share", variant="text", **small
        )
        self.opener.on_click(lambda _: self.menu.param.update(visible=not self.menu.visible))
        self.view = pn.Column(self.opener, self.menu, sizing_mode="stretch_width", margin=0)

    def _asked(self, kind: str, _: Any) -> None:
        choice, width = self.view_choice.value, float(self.width.value)
        wish = figure_request(self._state, "galaxies" if choice in self._own else choice)
        # What this tab has found is taken as it is now; the others are computed beside the page's
        # own work.
        own = self._own[choice]() if choice in self._own and kind != "html" else None
        stem = wish.name if own is None else f"daexplore-{own.name}-{wish.split}"
        name = {"html": f"daexplore-report-{wish.split}.html", "csv": f"{stem}.csv"}.get(
            kind, f"{stem}-{width:.0f}mm.{kind}"
        )
        make = partial(make_figure, wish) if own is None else lambda: own
        work = (
            partial(_report, wish, self._tell)
            if kind == "html"
            else partial(_figure, make, kind, width)
        )
        # A file like the last one would be no change, and the browser would not save it.
        self.download.data = None
        self._busy(True)
        self._say(
            "Comparing the runs at their selected epochs …"
            if kind == "html"
            else f"Drawing {name} …"
        )
        self._compute.submit(
            self, work, where="slow", then=partial(self._done, name), failed=self._failed
        )

    def _done(self, name: str, content: bytes) -> None:
        self._busy(False)
        self.download.param.update(file=io.BytesIO(content), filename=name)
        self.download.transfer(download=True)
        self._say(f"{name}, {len(content) / 1000:.0f} kB, is in the browser's downloads.")

    def _failed(self, reason: str) -> None:
        self._busy(False)
        self._say("")
        self._state.warn(reason)

    def _busy(self, busy: bool) -> None:
        for button in self.buttons.values():
            button.disabled = busy

    def _tell(self, text: str) -> None:
        self._session.call_soon(partial(self._say, text))

    def _say(self, text: str) -> None:
        self.said.object = f"<p class='hint' role='status'>{escape(text)}</p>" if text else ""


def export_menu(
    state: ExplorerState,
    session: Session,
    view: str = "galaxies",
    own: Mapping[str, Callable[[], FigureSpec]] | None = None,
) -> pn.viewable.Viewable:
    """A button that opens a row: figure as PNG, SVG or PDF, data as CSV, report as HTML, link. Any
    tab can hold one.

    Args:
        state: what the user looks at.
        session: in which the files arrive.
        view: which figure is offered first.
        own: figures of the tab alone, by the name on the page, offered before the others.
    """
    return ExportMenu(state, session, view=view, own=own).view
