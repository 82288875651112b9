"""Shared parts of publication figures: specification, inputs, layout and counts."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
from numpy.typing import NDArray

from daexplore import __version__
from daexplore.domains import DOMAINS
from daexplore.runs import Evaluation
from daexplore.utils.text import capitalise, count_range
from daexplore.views.style import RunStyle, domain_title, run_styles

__all__ = [
    "DASHES",
    "MARKERS",
    "Figure",
    "FigureInput",
    "FigureSpec",
    "PlotLayout",
    "PlotPositions",
    "RunResult",
    "count_summary",
    "curve_and_point",
    "domain_panel_title",
    "domains_of",
    "figure_metadata",
    "independent_axes",
    "oracle_note",
    "run_key",
    "threshold_key",
    "title",
]


@dataclass(frozen=True, eq=False)
class FigureSpec:
    """What a figure shows: enough to draw it again.

    Attributes:
        name: which plot: one of ``registry.FIGURES``.
        table: exactly what is drawn, one row a mark; its columns are those of the plot.
        meta: what the numbers rest on, for the head of the CSV file: runs, epoch, split, threshold,
            n, oracle.
        summary: the figure in words.
        classes: names of the labels 0, 1, …
        axes: labels of x and y, for plots whose axes vary.
    """

    name: str
    table: pd.DataFrame
    meta: Mapping[str, str]
    summary: str
    classes: tuple[str, ...] = ()
    axes: tuple[str, str] = field(default=("", ""))


class RunResult(NamedTuple):
    """A run beside others.

    Attributes:
        label: its name in the figure.
        run_id: its folder.
        evaluation: what it said at the epoch shown.
        classes: names of the labels.
    """

    label: str
    run_id: str
    evaluation: Evaluation
    classes: tuple[str, ...]


class PlotPositions(NamedTuple):
    """Where one run puts its galaxies.

    Attributes:
        x: (n,) of all rows of the evaluation.
        y: (n,) as above.
        boundary: where the decision boundary at the threshold is on x; None where it is no
            vertical line.
        axes: labels of x and y.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    boundary: float | None
    axes: tuple[str, str]


@dataclass(frozen=True, eq=False)
class FigureInput:
    """What the figures of a comparison are built from.

    Attributes:
        runs: side by side.
        split: which held-out galaxies.
        threshold: probability of the pair's second class.
        pair: the two classes of the boundary.
        domains: which are drawn.
        kind: positions of galaxies: "plane", "pca", "umap" or "aligned".
        positions: of each run, computed when called.
        histories: of each run by its label, read when called.
    """

    runs: Sequence[RunResult]
    split: str
    threshold: float
    pair: tuple[int, int]
    domains: Sequence[str]
    kind: str
    positions: Callable[[], Sequence[PlotPositions]]
    histories: Callable[[], Mapping[str, pd.DataFrame]]


def labelled(
    compared: Sequence[RunResult], split: str
) -> Iterator[tuple[str, str, NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Run by run and domain by domain, where there are any labels: label of the run, domain, then
    labels (n,), probabilities (n, K) and groups (n,) of the split's labelled galaxies."""
    for each in compared:
        found = each.evaluation
        for domain in DOMAINS:
            mask = found.mask(domain, split) & (found.labels >= 0)
            if mask.any():
                yield (
                    each.label,
                    domain,
                    found.labels[mask],
                    found.probabilities[mask],
                    found.group_ids[mask],
                )


def figure_metadata(
    view: str, compared: Sequence[RunResult], split: str, threshold: str, n: str, oracle: str
) -> dict[str, str]:
    """What a figure's numbers rest on, for the head of its CSV file."""
    return {
        "view": view,
        "runs": "; ".join(
            f"{each.label} = {each.run_id}, epoch {each.evaluation.epoch}" for each in compared
        ),
        "split": split,
        "threshold": threshold,
        "n": n,
        "oracle": oracle,
        "made by": f"daexplore {__version__}",
    }


def count_summary(table: pd.DataFrame) -> str:
    """How many galaxies each run and domain has."""
    first = table.drop_duplicates(["run", "domain"])
    return (
        "; ".join(
            f"{row['run']} {row['domain']} {int(row['n'])}" for row in first.to_dict("records")
        )
        or "0"
    )


def oracle_note(compared: Sequence[RunResult], domains: Sequence[str]) -> str:
    """Whether target labels are used."""
    known = "target" in domains and any(
        bool((each.evaluation.labels[each.evaluation.domain == "target"] >= 0).any())
        for each in compared
    )
    return (
        "classes of target galaxies are the oracle's knowledge"
        if known
        else "no target labels are used"
    )


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


class PlotLayout(NamedTuple):
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

    panels: Callable[["FigureSpec"], list[Any]]
    draw: Callable[[Any, "FigureSpec", Any, int], None]
    key: Callable[["FigureSpec", str], list[Any]]
    narrowest: float
    ratio: float
    lines: int
    shared: Callable[["FigureSpec"], bool]


class Figure(NamedTuple):
    """One kind of publication figure.

    Attributes:
        layout: how it is drawn.
        title: how the page offers it; empty where it needs more than runs.
        build: from runs to what is drawn; None where the title is empty.
    """

    layout: PlotLayout
    title: str = ""
    build: Callable[[FigureInput], FigureSpec] | None = None


def domains_of(drawing: "FigureSpec") -> list[Any]:
    """The domains that have rows, source first."""
    return [domain for domain in DOMAINS if (drawing.table["domain"] == domain).any()]


def run_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    """Dash and marker of each run."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            color=ink,
            linestyle=DASHES[style.dash],
            marker=MARKERS[style.marker],
            markersize=3.5,
            label=run,
        )
        for run, style in run_styles(drawing.table["run"]).items()
    ]


def threshold_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    """The point of the threshold."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            color=ink,
            marker="o",
            markersize=4,
            linestyle="none",
            label=f"threshold {drawing.meta['threshold']}",
        )
    ]


def title(axes: Any, letters: int, first: str, second: str) -> None:
    """The panel's title: the first line broken where it is too long, the second as it is."""
    axes.set_title("\n".join([*textwrap.wrap(first, max(letters, 12)), second]), loc="left")


def domain_panel_title(
    axes: Any, letters: int, drawing: "FigureSpec", domain: str, rows: pd.DataFrame
) -> None:
    """The title of a domain's panel: the domain, the split and the numbers in the column ``n``."""
    counts = f"{drawing.meta['split']} n = {count_range(rows['n'].dropna())}"
    title(axes, letters, capitalise(domain_title(domain)), counts)


def curve_and_point(
    axes: Any,
    curve: pd.DataFrame,
    point: pd.DataFrame,
    rates: tuple[str, str],
    style: RunStyle,
    colour: str,
    label: str,
) -> None:
    """A run's curve, where it is at the threshold, and one entry of the legend for both.

    A precision is that of the next recall: between points there is nothing.
    """
    dash, marker, (x, y) = DASHES[style.dash], MARKERS[style.marker], rates
    steps = "steps-pre" if y == "precision" else "default"
    axes.plot(curve[x], curve[y], color=colour, linestyle=dash, drawstyle=steps)
    axes.plot(
        point[x],
        point[y],
        color=colour,
        marker=marker,
        markersize=5,
        markeredgecolor="white",
        linestyle="none",
    )
    axes.plot([], [], color=colour, linestyle=dash, marker=marker, markersize=4, label=label)


def independent_axes(drawing: "FigureSpec") -> bool:  # noqa: ARG001
    """Whether the panels share their axes: they do not."""
    return False
