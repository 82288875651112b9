"""How the plots of ``drawings_measures`` are drawn for publication."""

from typing import TYPE_CHECKING, Any

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
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, domain_title, run_styles

if TYPE_CHECKING:
    from daexplore.views.publication import Drawing

__all__ = ["MEASURE_PLOTS"]

# Okabe & Ito 2008; the hatches tell the same without hue.
_FLIPS = {
    "right in both": ("#999999", ""),
    "fixed": ("#009E73", "////"),
    "broken": ("#CC79A7", "xxxx"),
    "wrong in both": ("#F0E442", "...."),
}


def _draw_precision_recall(axes: Any, drawing: "Drawing", domain: str, letters: int) -> None:
    """Columns series (curve, threshold), run, domain, n, positive, ap, recall, precision."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    axes.axhline(rows["positive"].iloc[0], color=NEUTRAL, linewidth=0.7, linestyle=":")
    for run, part in rows.groupby("run", sort=False):
        curve, point = (part[part["series"] == name] for name in ("curve", "threshold"))
        label = f"{run}: AP {curve['ap'].iloc[0]:.3f}"
        curve_and_point(axes, curve, point, ("recall", "precision"), styles[str(run)], colour, label)
    axes.legend(loc="lower left", frameon=False, handlelength=2.6)
    axes.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_box_aspect(1)
    title(axes, letters, start(domain_title(domain)), f"{drawing.meta['split']} n = {counts(rows['n'])}")


def _draw_risk(axes: Any, drawing: "Drawing", domain: str, letters: int) -> None:
    """Columns run, domain, n, aurc, coverage, risk, low, high."""
    rows = drawing.table[drawing.table["domain"] == domain]
    styles, colour = run_styles(drawing.table["run"]), DOMAIN_COLORS[domain]
    for run, part in rows.groupby("run", sort=False):
        style = styles[str(run)]
        axes.fill_between(part["coverage"], part["low"], part["high"], color=colour, alpha=0.12, linewidth=0)
        label = f"{run}: AURC {part['aurc'].iloc[0]:.3f}"
        line = {"linestyle": DASHES[style.dash], "marker": MARKERS[style.marker], "markevery": 8, "markersize": 3.5}
        axes.plot(part["coverage"], part["risk"], color=colour, label=label, **line)
    axes.legend(loc="upper left", frameon=False, handlelength=2.6)
    axes.set(xlabel="share of galaxies kept", ylabel="share of errors among them", xlim=(-0.01, 1.01))
    axes.set_ylim(bottom=0)
    title(axes, letters, start(domain_title(domain)), f"{drawing.meta['split']} n = {counts(rows['n'])}")


def _draw_paths(axes: Any, drawing: "Drawing", _: str, letters: int) -> None:
    """Columns run, epoch, mmd2, accuracy, n, shown. A hollow marker is the first epoch, a large one the epoch shown."""
    styles = run_styles(drawing.table["run"])
    for run, part in drawing.table.groupby("run", sort=False):
        style, part = styles[str(run)], part.sort_values("epoch")
        marker = MARKERS[style.marker]
        axes.plot(part["mmd2"], part["accuracy"], linestyle=DASHES[style.dash], marker=marker, markersize=2.5, color=DOMAIN_COLORS["both"])
        first, shown = part.iloc[:1], part[part["shown"]]
        axes.plot(first["mmd2"], first["accuracy"], marker=marker, markersize=5.5, markerfacecolor="white", color=DOMAIN_COLORS["both"])
        axes.plot(shown["mmd2"], shown["accuracy"], marker=marker, markersize=7, color=DOMAIN_COLORS["target"], linestyle="none")
    axes.set(xlabel="MMD² of the latents", ylabel="target accuracy (oracle)")
    title(axes, letters, "Distance and target accuracy", f"{drawing.meta['split']}, target n = {counts(drawing.table['n'])}")


def _paths_key(drawing: "Drawing", ink: str) -> list[Any]:
    from matplotlib.lines import Line2D

    hollow = Line2D([], [], color=ink, marker="o", markersize=5, markerfacecolor="white", linestyle="none", label="first epoch")
    shown = Line2D([], [], color=DOMAIN_COLORS["target"], marker="o", markersize=6, linestyle="none", label="epoch shown")
    return [*run_key(drawing, ink), hollow, shown]


def _draw_flips(axes: Any, drawing: "Drawing", domain: str, letters: int) -> None:
    """Columns step, domain, outcome, count, n."""
    rows = drawing.table[drawing.table["domain"] == domain]
    steps = list(dict.fromkeys(rows["step"]))
    for place, step in enumerate(steps):
        left = 0.0
        for outcome, (colour, hatch) in _FLIPS.items():
            [row] = rows[(rows["step"] == step) & (rows["outcome"] == outcome)].to_dict("records")
            share = row["count"] / row["n"]
            axes.barh(place, share, left=left, height=0.62, color=colour, hatch=hatch, edgecolor="white", linewidth=0.4)
            if share > 0.07:
                box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1}
                axes.text(left + share / 2, place, str(row["count"]), ha="center", va="center", color="#1a1a1a", bbox=box)
            left += share
    axes.set(xlabel="share of galaxies", xlim=(0, 1), yticks=range(len(steps)), yticklabels=[step.replace(" → ", "\n→ ") for step in steps])
    axes.invert_yaxis()
    title(axes, letters, start(domain_title(domain)), f"{drawing.meta['split']} n = {counts(rows['n'])}")


def _flips_key(drawing: "Drawing", ink: str) -> list[Any]:  # noqa: ARG001
    from matplotlib.patches import Patch

    return [Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name) for name, (colour, hatch) in _FLIPS.items()]


def _one(drawing: "Drawing") -> list[Any]:  # noqa: ARG001
    return ["all"]


MEASURE_PLOTS = {
    "precision-recall": Plot(domains_of, _draw_precision_recall, threshold_key, 70.0, 0.78, 2, apart),
    "risk-coverage": Plot(domains_of, _draw_risk, run_key, 70.0, 0.78, 2, apart),
    "paths": Plot(_one, _draw_paths, _paths_key, 80.0, 0.6, 2, apart),
    "flips": Plot(domains_of, _draw_flips, _flips_key, 80.0, 0.6, 2, apart),
}
"""By the name of the drawing."""
