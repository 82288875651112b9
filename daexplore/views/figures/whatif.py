"""Publication figures of one perturbed galaxy: probability and margin-plane trajectory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daexplore.utils.text import count_range
from daexplore.views.figures.base import (
    DASHES,
    MARKERS,
    Figure,
    FigureSpec,
    PlotLayout,
    RunResult,
    figure_metadata,
    independent_axes,
    run_key,
    title,
)
from daexplore.views.plots.whatif import summary_dial, summary_walks
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker, run_styles

if TYPE_CHECKING:
    from daexplore.views.figures.base import FigureSpec

__all__ = ["FIGURES", "DialContext", "dial_drawing", "walks_drawing"]


def _draw_dial(axes: Any, drawing: "FigureSpec", _: str, letters: int) -> None:
    """Columns run, domain, level, original, probability, low, high, first, draws. Hollow: the image
    as recorded.
    """
    styles = run_styles(drawing.table["run"])
    axes.axhline(
        float(drawing.meta["threshold"].removeprefix("p = ")),
        color=NEUTRAL,
        linewidth=0.8,
        linestyle="--",
    )
    for run, part in drawing.table.groupby("run", sort=False):
        style, colour = styles[str(run)], DOMAIN_COLORS[str(part["domain"].iloc[0])]
        marker = MARKERS[style.marker]
        axes.fill_between(
            part["level"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0
        )
        axes.plot(
            part["level"],
            part["probability"],
            color=colour,
            linestyle=DASHES[style.dash],
            marker=marker,
            markersize=3.5,
        )
        own = part[part["original"]]
        axes.plot(
            own["level"],
            own["first"],
            color=colour,
            marker=marker,
            markersize=7,
            markerfacecolor="none",
            linestyle="none",
        )
    axes.set(xlabel=drawing.axes[0], ylabel=drawing.axes[1], ylim=(-0.03, 1.03))
    title(
        axes,
        letters,
        drawing.meta["n"],
        f"up to {int(drawing.table['draws'].max())} draws of the noise",
    )


def _draw_walk(axes: Any, drawing: "FigureSpec", run: str, letters: int) -> None:
    """Columns run, domain, number, level, original, x, y, draws, boundary, label. Numbers are at
    both ends.
    """
    part = drawing.table[drawing.table["run"] == run]
    colour = DOMAIN_COLORS[str(part["domain"].iloc[0])]
    boundary = float(part["boundary"].iloc[0])
    if np.isfinite(boundary):
        axes.axvline(boundary, color=NEUTRAL, linewidth=0.8, linestyle="--")
    axes.plot(part["x"], part["y"], color=NEUTRAL, linewidth=1.0)
    axes.plot(
        part["x"],
        part["y"],
        color=colour,
        marker="o",
        markersize=3.5,
        markeredgecolor="white",
        linestyle="none",
    )
    own = part[part["original"]]
    marker = MARKERS[class_marker(int(part["label"].iloc[0]))]
    axes.plot(
        own["x"],
        own["y"],
        color=colour,
        marker=marker,
        markersize=8,
        markerfacecolor="none",
        linestyle="none",
    )
    for row in part.iloc[[0, -1]].to_dict("records"):
        axes.annotate(
            f"{row['level']:.3g}", (row["x"], row["y"]), xytext=(4, 4), textcoords="offset points"
        )
    axes.margins(0.15)
    axes.set(xlabel=drawing.axes[0], ylabel=drawing.axes[1])
    title(axes, letters, run, f"mean of {count_range(part['draws'].dropna())} draws")


def _walk_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    about = f"{drawing.meta['dial']} at both ends"
    return [
        Line2D(
            [],
            [],
            color=ink,
            marker="o",
            markersize=8,
            markerfacecolor="none",
            linestyle="none",
            label="as recorded",
        ),
        Line2D(
            [], [], color=NEUTRAL, linestyle="--", label=f"threshold {drawing.meta['threshold']}"
        ),
        Line2D([], [], linestyle="none", label=about),
    ]


@dataclass(frozen=True)
class DialContext:
    """Whose dial was turned, and which.

    Attributes:
        sample_id: the galaxy.
        label: its class; negative where it has none.
        split: it is of.
        unit: of the dial's levels, as its axis names it.
        positive: the class whose probability is meant.
        threshold: of the decision.
        seed: of the noise.
    """

    sample_id: str
    label: int
    split: str
    unit: str
    positive: str
    threshold: float
    seed: int


def dial_drawing(
    compared: Sequence[RunResult], turned: DialContext, table: pd.DataFrame
) -> FigureSpec:
    """Probability of the class against the level, of each run.

    Args:
        compared: the runs, at the epoch that was asked.
        turned: galaxy and dial.
        table: columns run, domain, number, level, original, how, probability, low, high, first,
            draws.
    """
    summary = summary_dial(table, turned.unit, turned.positive, turned.threshold)
    axes = turned.unit, f"p({turned.positive})"
    return FigureSpec(
        "dial", table, _meta("One galaxy along a dial", compared, turned, table), summary, axes=axes
    )


def walks_drawing(
    compared: Sequence[RunResult],
    turned: DialContext,
    table: pd.DataFrame,
    boundaries: dict[str, float],
) -> FigureSpec:
    """Position of the galaxy in each run's margin plane at each level.

    Args:
        compared: the runs, at the epoch that was asked.
        turned: galaxy and dial.
        table: columns run, domain, number, level, original, how, x, y, draws.
        boundaries: by run: where the decision boundary at the threshold is on x.
    """
    table = table.assign(boundary=table["run"].map(boundaries), label=turned.label)
    axes = "distance to boundary [source σ]", "domain probe [source σ]"
    return FigureSpec(
        "walks",
        table,
        _meta("The galaxy's walk through each margin plane", compared, turned, table),
        summary_walks(table),
        axes=axes,
    )


def _meta(
    view: str, compared: Sequence[RunResult], turned: DialContext, table: pd.DataFrame
) -> dict[str, str]:
    domain = str(table["domain"].iloc[0]) if len(table) else "unknown"
    oracle = "no target labels are used"
    if domain == "target" and turned.label >= 0:
        oracle = "the class of this target galaxy is the oracle's knowledge; no probability uses it"
    meta = figure_metadata(
        view,
        compared,
        turned.split,
        f"p = {turned.threshold:g}",
        f"1 galaxy, {turned.sample_id}, {domain}",
        oracle,
    )
    draws = int(table["draws"].max()) if len(table) else 0
    return meta | {"dial": turned.unit, "noise": f"seed {turned.seed}, up to {draws} draws a level"}


FIGURES = {
    "dial": Figure(
        PlotLayout(lambda _: ["all"], _draw_dial, run_key, 80.0, 0.6, 2, independent_axes)
    ),
    "walks": Figure(
        PlotLayout(
            lambda drawing: list(dict.fromkeys(drawing.table["run"])),
            _draw_walk,
            _walk_key,
            55.0,
            0.8,
            2,
            independent_axes,
        )
    ),
}
"""Built by the tab What-if itself, from the galaxy that it perturbs."""
