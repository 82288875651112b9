"""How the plots of ``drawings_whatif`` are drawn for publication."""

from typing import TYPE_CHECKING, Any

import numpy as np

from daexplore.views.publication_parts import DASHES, MARKERS, Plot, apart, counts, run_key, title
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker, run_styles

if TYPE_CHECKING:
    from daexplore.views.publication import Drawing

__all__ = ["WHATIF_PLOTS"]


def _draw_dial(axes: Any, drawing: "Drawing", _: str, letters: int) -> None:
    """Columns run, domain, level, original, probability, low, high, first, draws. Hollow: the image as recorded."""
    styles = run_styles(drawing.table["run"])
    axes.axhline(float(drawing.meta["threshold"].removeprefix("p = ")), color=NEUTRAL, linewidth=0.8, linestyle="--")
    for run, part in drawing.table.groupby("run", sort=False):
        style, colour = styles[str(run)], DOMAIN_COLORS[str(part["domain"].iloc[0])]
        marker = MARKERS[style.marker]
        axes.fill_between(part["level"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0)
        axes.plot(part["level"], part["probability"], color=colour, linestyle=DASHES[style.dash], marker=marker, markersize=3.5)
        own = part[part["original"]]
        axes.plot(own["level"], own["first"], color=colour, marker=marker, markersize=7, markerfacecolor="none", linestyle="none")
    axes.set(xlabel=drawing.axes[0], ylabel=drawing.axes[1], ylim=(-0.03, 1.03))
    title(axes, letters, drawing.meta["n"], f"up to {int(drawing.table['draws'].max())} draws of the noise")


def _draw_walk(axes: Any, drawing: "Drawing", run: str, letters: int) -> None:
    """Columns run, domain, number, level, original, x, y, draws, boundary, label. Numbers stand at both ends."""
    part = drawing.table[drawing.table["run"] == run]
    colour = DOMAIN_COLORS[str(part["domain"].iloc[0])]
    boundary = float(part["boundary"].iloc[0])
    if np.isfinite(boundary):
        axes.axvline(boundary, color=NEUTRAL, linewidth=0.8, linestyle="--")
    axes.plot(part["x"], part["y"], color=NEUTRAL, linewidth=1.0)
    axes.plot(part["x"], part["y"], color=colour, marker="o", markersize=3.5, markeredgecolor="white", linestyle="none")
    own = part[part["original"]]
    marker = MARKERS[class_marker(int(part["label"].iloc[0]))]
    axes.plot(own["x"], own["y"], color=colour, marker=marker, markersize=8, markerfacecolor="none", linestyle="none")
    for row in part.iloc[[0, -1]].to_dict("records"):
        axes.annotate(f"{row['level']:.3g}", (row["x"], row["y"]), xytext=(4, 4), textcoords="offset points")
    axes.margins(0.15)
    axes.set(xlabel=drawing.axes[0], ylabel=drawing.axes[1])
    title(axes, letters, run, f"mean of {counts(part['draws'])} draws")


def _walk_key(drawing: "Drawing", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    about = f"{drawing.meta['dial']} at both ends"
    return [
        Line2D([], [], color=ink, marker="o", markersize=8, markerfacecolor="none", linestyle="none", label="as recorded"),
        Line2D([], [], color=NEUTRAL, linestyle="--", label=f"threshold {drawing.meta['threshold']}"),
        Line2D([], [], linestyle="none", label=about),
    ]


WHATIF_PLOTS = {
    "dial": Plot(lambda _: ["all"], _draw_dial, run_key, 80.0, 0.6, 2, apart),
    "walks": Plot(lambda drawing: list(dict.fromkeys(drawing.table["run"])), _draw_walk, _walk_key, 55.0, 0.8, 2, apart),
}
"""By the name of the drawing."""
