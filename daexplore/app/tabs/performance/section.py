"""Base class of the sections of the Performance tab."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
import pandas as pd
import panel as pn

from daexplore.app.core.compute import Compute
from daexplore.app.core.layout import html_pane, responsive_figure
from daexplore.app.state import ExplorerState
from daexplore.app.theme import STYLE
from daexplore.domains import DOMAINS
from daexplore.utils.files import static_text

__all__ = [
    "SIZE",
    "STYLES",
    "Rows",
    "Section",
    "counts_text",
    "domains_in",
    "figure_grid",
    "html",
    "notices",
    "panes",
]

Rows = dict[str, list[dict[str, Any]]]
"""Tables under construction: the lines of each, by its name."""


STYLES = [STYLE, static_text("app", "performance.css")]
"""Style sheets of the tab's panes."""
SIZE = (560, 340)
"""Of a figure's frame, about, by which its title is broken into lines."""
_HEIGHT = "clamp(340px, calc(100vh - 420px), 900px)"


class Section(ABC):
    """A part of the tab. It is made when it is first shown, and brought up to date only while it
    is on screen.

    Args:
        state: what the user looks at.
        service: where results are computed.
    """

    def __init__(self, state: ExplorerState, service: Compute) -> None:
        self._state, self._compute = state, service
        self._drawn: tuple[Any, ...] | None = None
        self._threshold: float | None = None
        self._summary = html()
        self.view = pn.Column(sizing_mode="stretch_width", margin=0, styles={"gap": "8px"})

    def show(self) -> None:
        """Bring the section up to date; does nothing where it is."""
        key = self._key()
        if key != self._drawn:
            self._drawn, self._threshold = key, self._state.threshold
            self.draw()
        elif self._state.threshold != self._threshold:
            self.on_threshold_drag()
            self.on_threshold_settled()

    def choices(self) -> tuple[Any, ...]:
        """What else than the state the section depends on."""
        return ()

    def _key(self) -> tuple[Any, ...]:
        state = self._state
        return (
            tuple(state.run_ids),
            state.epoch,
            state.split,
            tuple(state.pair),
            state.progress,
            *self.choices(),
        )

    def figures(
        self, makers: Mapping[str, Callable[[], hv.Overlay]], done: Callable[[list[Any]], object]
    ) -> None:
        """Make a figure of each plot, by its tag, and calls ``done`` with them."""
        made: list[Any] = []

        def make(tag: str, maker: Callable[[], hv.Overlay]) -> None:
            made.append(responsive_figure(maker(), tag))

        self._compute.run_in_steps(
            self,
            [*(partial(make, tag, maker) for tag, maker in makers.items()), lambda: done(made)],
        )

    @abstractmethod
    def draw(self) -> None:
        """Draw everything again."""

    def on_threshold_drag(self) -> None:  # noqa: B027
        """Follow the threshold while the user drags it: nothing that takes longer than some
        milliseconds.
        """

    def on_threshold_settled(self) -> None:
        """Follow the threshold once it rests."""
        self._threshold = self._state.threshold


def html(markup: str = "") -> pn.pane.HTML:
    """A pane of markup in the tab's style."""
    return html_pane(markup, STYLES)


def domains_in(table: pd.DataFrame) -> list[str]:
    """The domains of a table's column ``domain``, in their order."""
    return [domain for domain in DOMAINS if len(table) and (table["domain"] == domain).any()]


def counts_text(table: pd.DataFrame) -> str:
    """The numbers of a table's column ``n``, each once."""
    return " / ".join(dict.fromkeys(str(n) for n in table["n"]))


def notices(sentences: Sequence[str]) -> str:
    """What cannot be shown and why, as markup."""
    return "".join(f"<p class='hint lost'>{escape(sentence)}</p>" for sentence in sentences)


def figure_grid() -> pn.Row:
    """A row for the figures of the domains side by side; below one another where the page is
    narrow, as high as the page has room for.
    """
    styles = {
        "display": "grid",
        "grid-template-columns": "repeat(auto-fit, minmax(min(420px, 100%), 1fr))",
        "grid-auto-rows": _HEIGHT,
        "max-width": f"max(1000px, calc(3.2 * {_HEIGHT}))",
        "gap": "8px 20px",
    }
    return pn.Row(sizing_mode="stretch_width", margin=0, styles=styles)


def panes(figures: Sequence[Any]) -> list[pn.pane.Bokeh]:
    """Figures of the domains, for the board. They share their axes: what is compared is at the
    same height.
    """
    for name in ("x_range", "y_range"):
        ranges = [getattr(figure, name) for figure in figures]
        if len(ranges) > 1:
            low, high = min(each.start for each in ranges), max(each.end for each in ranges)
            ranges[0].update(start=low, end=high, reset_start=low, reset_end=high)
            for figure in figures[1:]:
                setattr(figure, name, ranges[0])
    # On a narrow page, and where there is one domain only, a figure does not become a banner.
    limit = {"max-width": f"max(620px, calc(1.6 * {_HEIGHT}))"}
    return [
        pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0, styles=limit)
        for figure in figures
    ]
