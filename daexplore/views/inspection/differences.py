"""Plots of the largest differences between two domains, and of the domain probe."""

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.views.inspection.pixels import QUIET_AXES
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL

__all__ = ["difference_plot", "probe_plot"]

_INK = DOMAIN_COLORS["both"]


def difference_plot(
    distances: pd.DataFrame,
    most: int = 12,
    size: tuple[int, int] | None = (380, 330),
    title: str = "In what they differ",
) -> hv.Overlay:
    """The quantities in which the domains differ most: Kolmogorov-Smirnov distance with its
    interval.

    Filled points are beyond what two samples of one population would show by chance, open ones do
    not.

    Args:
        distances: columns words, ks, ks_low, ks_high, chance; in their order.
        most: quantities drawn at most.
        size: of the frame [screen pixel]; None stretches.
        title: above the plot.
    """
    rows = distances.dropna(subset=["ks"]).iloc[:most].reset_index(drop=True)
    place = -np.arange(len(rows), dtype=float)
    numbers = {name: rows[name].to_numpy(float) for name in ("ks", "ks_low", "ks_high", "chance")}
    beyond = numbers["ks"] > numbers["chance"]
    chance = (
        float(np.nanmax(numbers["chance"]))
        if len(rows) and np.isfinite(numbers["chance"]).any()
        else 0.0
    )
    elements: list[hv.Element] = [
        hv.VSpan(0.0, chance).opts(color=NEUTRAL, alpha=0.18, backend="bokeh"),
        hv.Segments(
            (numbers["ks_low"], place, numbers["ks_high"], place), ["low", "y", "high", "y2"]
        ).opts(color=_INK, line_width=2.2, backend="bokeh"),
    ]
    for fill, chosen in ((1.0, beyond), (0.0, ~beyond)):
        points = hv.Points((numbers["ks"][chosen], place[chosen]), ["distance", "y"])
        elements.append(
            points.opts(color=_INK, fill_alpha=fill, size=9, line_width=1.6, backend="bokeh")
        )
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="KS distance, 0 alike to 1 apart",
        ylabel="",
        xlim=(0.0, 1.02),
        ylim=(-len(rows) + 0.4, 0.6),
        size=size,
        yticks=list(zip(place.tolist(), rows["words"].astype(str), strict=True)),
    ).opts(toolbar=None, show_legend=False, backend_opts=QUIET_AXES, backend="bokeh")


def probe_plot(
    probe: pd.DataFrame,
    size: tuple[int, int] | None = (300, 110),
    title: str = "Can a classifier separate them?",
) -> hv.Overlay:
    """The area under the ROC curve with which a cross-validated classifier distinguishes the
    domains, with its interval.

    Args:
        probe: columns images, auc, low, high.
        size: of the frame [screen pixel]; None stretches.
        title: above the plot.
    """
    rows = probe.dropna(subset=["auc"]).reset_index(drop=True)
    place = -np.arange(len(rows), dtype=float)
    low, high, auc = (rows[name].to_numpy(float) for name in ("low", "high", "auc"))
    elements = [
        hv.VLine(0.5).opts(color=NEUTRAL, line_width=1.4, line_dash="dotted", backend="bokeh"),
        hv.Segments((low, place, high, place), ["low", "y", "high", "y2"]).opts(
            color=_INK, line_width=3, backend="bokeh"
        ),
        hv.Points((auc, place), ["auc", "y"]).opts(color=_INK, size=11, backend="bokeh"),
    ]
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="domain-probe AUC: 0.5 no, 1 always",
        ylabel="",
        xlim=(min(0.4, float(np.nanmin(low, initial=0.5)) - 0.02), 1.02),
        ylim=(-len(rows) + 0.4, 0.6),
        size=size,
        yticks=list(zip(place.tolist(), rows["images"].astype(str), strict=True)),
    ).opts(toolbar=None, show_legend=False, backend_opts=QUIET_AXES, backend="bokeh")
