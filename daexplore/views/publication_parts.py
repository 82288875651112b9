"""What all plots for publication share: how one is described, markers, dashes, titles and the key of the runs."""

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from daexplore.views.style import DOMAINS, RunStyle, run_styles

if TYPE_CHECKING:
    from daexplore.views.publication import Drawing

__all__ = ["DASHES", "MARKERS", "Plot", "apart", "counts", "curve_and_point", "domains_of", "run_key", "start", "threshold_key", "title"]

MARKERS = {
    "circle": "o",
    "triangle": "^",
    "square": "s",
    "diamond": "D",
    "star": "*",
    "hex": "h",
    "x": "x",
    "inverted_triangle": "v",
    "plus": "P",
}
DASHES: dict[str, Any] = {"solid": "-", "dashed": "--", "dotted": ":", "dotdash": "-."}


class Plot(NamedTuple):
    """How to draw one kind of plot.

    Attributes:
        panels: what tells its panels apart, in order.
        draw: draws one of them: axes, drawing, panel, letters that fit in a line of the title.
        key: the handles of the legend.
        narrowest: width of a panel at the least [mm].
        ratio: height over width of a panel.
        lines: of the title.
        shared: whether the panels of a drawing have the same axes.
    """

    panels: Callable[["Drawing"], list[Any]]
    draw: Callable[[Any, "Drawing", Any, int], None]
    key: Callable[["Drawing", str], list[Any]]
    narrowest: float
    ratio: float
    lines: int
    shared: Callable[["Drawing"], bool]


def domains_of(drawing: "Drawing") -> list[Any]:
    """The domains that have rows, source first."""
    return [domain for domain in DOMAINS if (drawing.table["domain"] == domain).any()]


def run_key(drawing: "Drawing", ink: str) -> list[Any]:
    """Dash and marker of each run."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=ink, linestyle=DASHES[style.dash], marker=MARKERS[style.marker], markersize=3.5, label=run)
        for run, style in run_styles(drawing.table["run"]).items()
    ]


def threshold_key(drawing: "Drawing", ink: str) -> list[Any]:
    """The point of the threshold."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=ink, marker="o", markersize=4, linestyle="none", label=f"threshold {drawing.meta['threshold']}")]


def title(axes: Any, letters: int, first: str, second: str) -> None:
    """The panel's title: the first line broken where it is too long, the second as it is."""
    axes.set_title("\n".join([*textwrap.wrap(first, max(letters, 12)), second]), loc="left")


def curve_and_point(
    axes: Any, curve: pd.DataFrame, point: pd.DataFrame, rates: tuple[str, str], style: RunStyle, colour: str, label: str
) -> None:
    """A run's curve, where it stands at the threshold, and one entry of the legend for both.

    A precision is that of the next recall: between points there is nothing.
    """
    dash, marker, (x, y) = DASHES[style.dash], MARKERS[style.marker], rates
    steps = "steps-pre" if y == "precision" else "default"
    axes.plot(curve[x], curve[y], color=colour, linestyle=dash, drawstyle=steps)
    axes.plot(point[x], point[y], color=colour, marker=marker, markersize=5, markeredgecolor="white", linestyle="none")
    axes.plot([], [], color=colour, linestyle=dash, marker=marker, markersize=4, label=label)


def start(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def apart(drawing: "Drawing") -> bool:  # noqa: ARG001
    """Whether the panels share their axes: they do not."""
    return False


def counts(values: pd.Series) -> str:
    """One number, or from the least to the most."""
    found = sorted({int(value) for value in values.dropna()})
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
