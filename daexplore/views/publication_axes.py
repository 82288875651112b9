"""How each plot for publication is drawn, panel by panel, from the table of its ``Drawing``."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daexplore.views.publication_measures import MEASURE_PLOTS
from daexplore.views.publication_parts import (
    DASHES,
    MARKERS,
    Plot,
    apart,
    counts,
    curve_and_point,
    domains_of,
    run_key,
    start,
    threshold_key,
    title,
)
from daexplore.views.publication_whatif import WHATIF_PLOTS
from daexplore.views.style import DOMAIN_COLORS, DOMAINS, NEUTRAL, QUANTITIES, class_marker, domain_title, run_styles

if TYPE_CHECKING:
    from daexplore.views.publication import Drawing

__all__ = ["PLOTS", "RASTER"]

RASTER = 5000
"""A panel of more galaxies draws them as a raster: an SVG of a million marks opens nowhere."""


def _galaxy_panels(drawing: "Drawing") -> list[Any]:
    return list(dict.fromkeys(drawing.table["run"]))


def _draw_galaxies(axes: Any, drawing: "Drawing", run: str, letters: int) -> None:
    """Columns series (galaxy, boundary), run, epoch, domain, label, x, y. The boundary is a vertical line at x."""
    rows = drawing.table[drawing.table["run"] == run]
    galaxies = rows[rows["series"] == "galaxy"]
    # One collection a class, the domains mixed within: neither covers the other.
    order = galaxies.iloc[np.argsort(pd.util.hash_array(galaxies["sample_id"].to_numpy(object)), kind="stable")]
    for label, part in order.groupby("label", sort=True):
        marker = MARKERS[class_marker(int(str(label)))]
        colours = part["domain"].map(DOMAIN_COLORS).tolist()
        axes.scatter(
            part["x"],
            part["y"],
            s=5,
            c=colours,
            marker=marker,
            alpha=0.7,
            linewidths=0.6 if marker == "x" else 0,
            rasterized=len(galaxies) > RASTER,
            gid=f"galaxies-{label}",
        )
    for x in rows.loc[rows["series"] == "boundary", "x"]:
        axes.axvline(x, color=NEUTRAL, linewidth=1.2, gid="boundary")
    points = drawing.table if _same_axes(drawing) else rows
    inside = _frame(axes, points[points["series"] == "galaxy"], galaxies)
    across, up = ("\n".join(textwrap.wrap(name, max(letters, 12))) for name in drawing.axes)
    axes.set(xlabel=across, ylabel=up)
    if inside < len(galaxies):
        axes.text(0.98, 0.02, f"{len(galaxies) - inside} outside", transform=axes.transAxes, ha="right", va="bottom")
    title(axes, letters, run, f"epoch {int(galaxies['epoch'].iloc[0])}, {galaxies['split'].iloc[0]} n = {len(galaxies)}")


def _same_axes(drawing: "Drawing") -> bool:
    """Whether x and y mean the same in every panel: they do in the margin plane, which has a boundary."""
    return bool((drawing.table["series"] == "boundary").any())


def _frame(axes: Any, points: pd.DataFrame, drawn: pd.DataFrame) -> int:
    """Fits the axes to all but a few far points; how many of those drawn are within."""
    xy = points[["x", "y"]].to_numpy(float)
    low, high = np.percentile(xy, [0.5, 99.5], axis=0, method="nearest")
    gap = np.maximum(0.12 * (high - low), 1e-6)
    low, high = np.maximum(low - gap, xy.min(axis=0) - gap / 3), np.minimum(high + gap, xy.max(axis=0) + gap / 3)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    here = drawn[["x", "y"]].to_numpy(float)
    return int(((here >= low) & (here <= high)).all(axis=1).sum())


def _galaxy_key(drawing: "Drawing", ink: str) -> list[Any]:  # noqa: ARG001
    from matplotlib.lines import Line2D

    galaxies = drawing.table[drawing.table["series"] == "galaxy"]
    handles = []
    for domain in DOMAINS:
        for label in sorted(set(galaxies.loc[galaxies["domain"] == domain, "label"]), key=lambda label: (label < 0, label)):
            kind = drawing.classes[label] if label >= 0 else "unlabelled"
            name = domain_title(domain) if label >= 0 else domain
            marker = MARKERS[class_marker(label)]
            handles.append(
                Line2D([], [], color=DOMAIN_COLORS[domain], marker=marker, linestyle="none", markersize=4, label=f"{name}: {kind}")
            )
    if _same_axes(drawing):
        handles.append(Line2D([], [], color=NEUTRAL, linewidth=1.2, label=f"boundary at {drawing.meta['threshold']}"))
    return handles


def _draw_roc(axes: Any, drawing: "Drawing", domain: str, letters: int) -> None:
    """Columns series (curve, band, threshold), run, domain, n, auc, fpr, tpr, low, high."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        band, curve, point = (part[part["series"] == name] for name in ("band", "curve", "threshold"))
        axes.fill_between(band["fpr"], band["low"], band["high"], color=colour, alpha=0.12, linewidth=0)
        label = f"{run}: AUC {curve['auc'].iloc[0]:.3f}"
        curve_and_point(axes, curve, point, ("fpr", "tpr"), styles[str(run)], colour, label)
    axes.legend(loc="lower right", frameon=False, handlelength=2.6)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_box_aspect(1)
    title(axes, letters, start(domain_title(domain)), f"{drawing.meta['split']} n = {counts(rows['n'])}")


def _draw_reliability(axes: Any, drawing: "Drawing", domain: str, letters: int) -> None:
    """Columns run, domain, of, probability, frequency, low, high, n."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        style = styles[str(run)]
        errors = np.maximum([part["frequency"] - part["low"], part["high"] - part["frequency"]], 0)
        axes.errorbar(
            part["probability"],
            part["frequency"],
            yerr=errors,
            color=colour,
            linestyle=DASHES[style.dash],
            marker=MARKERS[style.marker],
            markersize=3.5,
            elinewidth=0.6,
        )
    first = drawing.table["of"].iloc[0]
    known = first == "class 1" and len(drawing.classes) == 2
    across, up = (f"probability of {drawing.classes[1]}", f"share of {drawing.classes[1]}") if known else ("confidence", "accuracy")
    axes.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_box_aspect(1)
    title(axes, letters, start(domain_title(domain)), f"{drawing.meta['split']} n = {counts(rows['n'])}")


def _draw_curves(axes: Any, drawing: "Drawing", name: str, letters: int) -> None:
    """Columns name, run, domain, split, epoch, value."""
    rows = drawing.table[drawing.table["name"] == name]
    styles = run_styles(drawing.table["run"])
    for (run, domain), part in rows.groupby(["run", "domain"], sort=False):
        style = styles[str(run)]
        line = {"linestyle": DASHES[style.dash], "marker": MARKERS[style.marker], "markersize": 2.5}
        axes.plot(part["epoch"], part["value"], color=DOMAIN_COLORS[str(domain)], **line)
    quantity = QUANTITIES.get(name, name)
    axes.set(xlabel="epoch", ylabel=quantity)
    axes.xaxis.get_major_locator().set_params(integer=True)
    title(axes, letters, start(quantity), f"{drawing.meta['split']} galaxies")


def _curve_key(drawing: "Drawing", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    names = {"both": "both domains together"}
    present = [domain for domain in (*DOMAINS, "both") if (drawing.table["domain"] == domain).any()]
    hues = [Line2D([], [], color=DOMAIN_COLORS[d], linewidth=3, label=names.get(d, domain_title(d))) for d in present]
    return [*run_key(drawing, ink), *hues]


def _roc_key(drawing: "Drawing", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    return [*threshold_key(drawing, ink), Line2D([], [], color=ink, alpha=0.15, linewidth=5, label="95% band over galaxies")]


PLOTS = {
    "galaxies": Plot(_galaxy_panels, _draw_galaxies, _galaxy_key, 40.0, 0.85, 2, _same_axes),
    "roc": Plot(domains_of, _draw_roc, _roc_key, 70.0, 0.78, 2, apart),
    "curves": Plot(lambda drawing: list(dict.fromkeys(drawing.table["name"])), _draw_curves, _curve_key, 70.0, 0.62, 2, apart),
    "reliability": Plot(domains_of, _draw_reliability, run_key, 70.0, 0.78, 2, apart),
    **MEASURE_PLOTS,
    **WHATIF_PLOTS,
}
"""By the name of the drawing."""
