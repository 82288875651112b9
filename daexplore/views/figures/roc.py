"""Publication figure: ROC curves."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.figures.base import (
    Figure,
    FigureInput,
    FigureSpec,
    PlotLayout,
    RunResult,
    count_summary,
    curve_and_point,
    domain_panel_title,
    domains_of,
    figure_metadata,
    independent_axes,
    oracle_note,
    threshold_key,
)
from daexplore.views.plots.roc import operating_points, roc_tables, summary_roc
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, run_styles

__all__ = ["FIGURE", "roc_drawing"]


def roc_drawing(
    compared: Sequence[RunResult],
    split: str = "test",
    threshold: float = 0.5,
    pair: tuple[int, int] = (0, 1),
) -> FigureSpec:
    """ROC curves with their bands and the points of the threshold."""
    curves, bands = roc_tables({each.label: each.evaluation for each in compared}, split, pair)
    summary = summary_roc(curves, split)
    parts = [curves.assign(series="curve")]
    if bands is not None:
        points = operating_points(curves, threshold)
        parts += [bands.assign(series="band"), points.assign(series="threshold")]
    columns = ["series", "run", "domain", "n", "auc", "fpr", "tpr", "low", "high", "threshold"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns).astype({"n": "Int64"})
    meta = figure_metadata(
        "ROC",
        compared,
        split,
        f"p = {threshold:g}",
        count_summary(curves),
        oracle_note(compared, DOMAINS),
    )
    return FigureSpec("roc", table, meta, summary, compared[0].classes if compared else ())


def _draw_roc(axes: Any, drawing: "FigureSpec", domain: str, letters: int) -> None:
    """Columns series (curve, band, threshold), run, domain, n, auc, fpr, tpr, low, high."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        band, curve, point = (
            part[part["series"] == name] for name in ("band", "curve", "threshold")
        )
        axes.fill_between(
            band["fpr"], band["low"], band["high"], color=colour, alpha=0.12, linewidth=0
        )
        label = f"{run}: AUC {curve['auc'].iloc[0]:.3f}"
        curve_and_point(axes, curve, point, ("fpr", "tpr"), styles[str(run)], colour, label)
    axes.legend(loc="lower right", frameon=False, handlelength=2.6)
    axes.set(
        xlabel="false positive rate",
        ylabel="true positive rate",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
    )
    axes.set_box_aspect(1)
    domain_panel_title(axes, letters, drawing, domain, rows)


def _roc_key(drawing: "FigureSpec", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        *threshold_key(drawing, ink),
        Line2D([], [], color=ink, alpha=0.15, linewidth=5, label="95% band over galaxies"),
    ]


def _build(given: FigureInput) -> FigureSpec:
    return roc_drawing(given.runs, given.split, given.threshold, given.pair)


FIGURE = Figure(
    PlotLayout(domains_of, _draw_roc, _roc_key, 70.0, 0.78, 2, independent_axes),
    "ROC curves",
    _build,
)
