"""Precision-recall curves with bands, and areas under curves as text."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.plots.frame import style_overlay
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.plots.roc import band_areas, threshold_point
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, domain_title, run_styles

__all__ = ["precision_recall_curves", "summary_areas", "summary_points"]


def precision_recall_curves(
    curves: pd.DataFrame,
    *,
    bands: pd.DataFrame | None = None,
    points: pd.DataFrame | None = None,
    positive: float | None = None,
    title: str = "Precision and recall",
    legend: str = "bottom_left",
    size: tuple[int, int] | None = (340, 340),
    runs: Sequence[str] | None = None,
) -> hv.Overlay:
    """All curves of a table in one frame: hue is the domain, dash and marker the run.

    Args:
        curves: one row a point, columns run, domain, tpr (the recall), precision, threshold;
            optionally ap, shown in the legend.
        bands: columns run, domain, recall, low, high: a pointwise interval of the precision.
        points: columns run, domain, tpr, precision: where each curve is at the chosen
            threshold.
        positive: share of positives, drawn as the precision of calling at random.
        title: above the plot.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
        runs: all runs of the comparison in their order, where ``curves`` holds only some: a run
            then keeps its dash.

    Returns:
        An overlay of the chance line, areas, curves and points, in this order.
    """
    styles = run_styles(runs if runs is not None else curves["run"])
    elements: list[hv.Element] = []
    if positive is not None:
        chance = hv.Curve([(0.0, positive), (1.0, positive)], "recall", "precision")
        elements.append(
            chance.opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh")
        )
    elements += band_areas(bands, "recall")
    labels = {}
    several = curves["domain"].nunique() > 1
    for (run, domain), curve in curves.groupby(["run", "domain"], sort=False):
        area = f" · AP {curve['ap'].iloc[0]:.3f}" if "ap" in curve else ""
        labels[run, domain] = f"{run}{f' · {domain_title(str(domain))}' if several else ''}{area}"
        # Before the first galaxy is called there is no precision; and the infinite threshold there
        # cannot be shown.
        shown = curve[np.isfinite(curve["threshold"])].rename(columns={"tpr": "recall"})[
            ["recall", "precision", "threshold"]
        ]
        elements.append(
            hv.Curve(shown, "recall", ["precision", "threshold"], label=labels[run, domain]).opts(
                color=DOMAIN_COLORS[str(domain)],
                line_dash=styles[str(run)].dash,
                line_width=2.2,
                tools=["hover"],
                backend="bokeh",
            )
        )
    for row in [] if points is None else points.to_dict("records"):
        at, label = (row["tpr"], row["precision"]), labels[row["run"], row["domain"]]
        elements.append(
            threshold_point(at, ["recall", "precision"], label, row["domain"], styles[row["run"]])
        )
    return style_overlay(
        hv.Overlay(elements or [hv.Curve([], "recall", "precision")]),
        title=title,
        xlabel="recall (true positive rate)",
        ylabel="precision",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        legend=legend,
        size=size,
    )


def summary_areas(areas: pd.DataFrame, quantity: str, split: str = "test") -> str:
    """The area under each curve with its interval, by domain.

    Args:
        areas: columns run, domain, value, low, high, n.
        quantity: what it is, as a sentence begins.
        split: which galaxies it was computed on.
    """
    parts = []
    for domain in (name for name in DOMAINS if (areas["domain"] == name).any()):
        rows = areas[areas["domain"] == domain]
        values = ", ".join(
            f"{row['run']} {interval_text(row['value'], row['low'], row['high'])}"
            for row in rows.to_dict("records")
        )
        parts.append(
            f"{domain_title(domain)}, n ="
            f" {' / '.join(str(int(n)) for n in dict.fromkeys(rows['n']))}: {values}"
        )
    if not parts:
        return (
            f"{quantity}: no curve can be drawn, since galaxies of both classes with labels are"
            " needed."
        )
    return f"{quantity} on {split} galaxies: {'; '.join(parts)}."


def summary_points(points: pd.DataFrame, threshold: float, x: str, y: str) -> str:
    """Points of the curves at a threshold, by domain.

    Args:
        points: columns run, domain and the two quantities.
        threshold: probability beyond which galaxies are called positive.
        x: column of the first quantity, "fpr" or "tpr".
        y: column of the second, "tpr" or "precision".
    """
    words = {"fpr": "false positive rate", "tpr": "true positive rate", "precision": "precision"}
    parts = []
    for domain in (name for name in DOMAINS if (points["domain"] == name).any()):
        rows = points[points["domain"] == domain].to_dict("records")
        values = ", ".join(
            f"{row['run']} {interval_text(row[x])} and {interval_text(row[y])}" for row in rows
        )
        parts.append(f"{domain_title(domain)}: {values}")
    if not parts:
        return ""
    recall = "recall" if x == "tpr" else words[x]
    return f"At threshold {threshold:.2f}, {recall} and {words[y]}: {'; '.join(parts)}."
