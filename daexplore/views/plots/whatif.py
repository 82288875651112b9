"""One perturbed galaxy: probability per level, and its margin-plane trajectory."""

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, run_styles

__all__ = ["dial_curves", "summary_dial", "summary_walks", "trajectory_plot", "walk_limits"]

Limits = tuple[tuple[float, float], tuple[float, float]]


def dial_curves(
    table: pd.DataFrame,
    *,
    unit: str,
    threshold: float,
    here: float,
    positive: str,
    title: str,
    size: tuple[int, int] | None = (520, 300),
) -> hv.Overlay:
    """Probability of a class against the level: hue is the galaxy's domain, dash and marker the
    run.

    Args:
        table: columns run, domain, level, original, probability, low, high, first, draws, sorted by
            run and level; band from low to high.
        unit: of the level.
        threshold: drawn as a horizontal line.
        here: the level that is looked at, drawn as a vertical line.
        positive: name of the class.
        title: above the plot.
        size: of the frame.

    Returns:
        An overlay of the threshold, the survey's own level (dotted), the level looked at, and of
        each run band, curve, points and, larger and hollow, what it said of the recorded image.
    """
    styles = run_styles(table["run"])
    own = table.loc[table["original"], "level"]
    elements: list[hv.Element] = [
        hv.HLine(threshold).opts(color=NEUTRAL, line_width=1.5, line_dash="dashed", backend="bokeh")
    ]
    elements += [
        hv.VLine(float(level)).opts(
            color=NEUTRAL, line_width=1.5, line_dash="dotted", backend="bokeh"
        )
        for level in own[:1]
    ]
    elements.append(
        hv.VLine(here).opts(color=NEUTRAL, line_width=5, line_alpha=0.35, backend="bokeh")
    )
    for run, rows in table.groupby("run", sort=False):
        colour, style = DOMAIN_COLORS[str(rows["domain"].iloc[0])], styles[str(run)]
        elements.append(
            hv.Area(rows, "level", ["low", "high"]).opts(
                color=colour, alpha=0.14, line_alpha=0, backend="bokeh"
            )
        )
        curve = hv.Curve(
            rows, "level", ["probability", "low", "high", "draws", "run"], label=str(run)
        )
        elements.append(
            curve.opts(
                color=colour, line_dash=style.dash, line_width=2.2, tools=["hover"], backend="bokeh"
            )
        )
        points = hv.Points(rows, ["level", "probability"], label=str(run))
        elements.append(points.opts(color=colour, marker=style.marker, size=7, backend="bokeh"))
        recorded = hv.Points(rows[rows["original"]], ["level", "first"])
        hollow: dict[str, Any] = {
            "fill_alpha": 0.0,
            "line_color": colour,
            "line_width": 2,
            "size": 13,
        }
        elements.append(recorded.opts(marker=style.marker, **hollow, backend="bokeh"))
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel=unit,
        ylabel=f"p({positive})",
        ylim=(-0.03, 1.03),
        legend="right",
        size=size,
    )


def trajectory_plot(
    others: pd.DataFrame,
    walk: pd.DataFrame,
    *,
    here: int,
    threshold_x: float,
    title: str,
    limits: Limits,
    marker: str = "circle",
    size: tuple[int, int] | None = (300, 260),
) -> hv.Overlay:
    """The way of one galaxy through a margin plane, over the run's other galaxies.

    Args:
        others: columns x, y, domain.
        walk: columns x, y, level, number, domain, original, in the order of the levels.
        here: the number of the position that is looked at.
        threshold_x: where the boundary is.
        title: above the plot.
        limits: of x and of y.
        marker: of the galaxy's class.
        size: of the frame.

    Returns:
        An overlay of the others, the boundary, the way, its positions, the recorded one (hollow),
        the levels at both ends, and last the position that is looked at.
    """
    elements: list[hv.Element] = []
    for domain in DOMAINS:
        here_too = others[others["domain"] == domain]
        points = hv.Points(here_too, ["x", "y"])
        elements.append(
            points.opts(
                color=DOMAIN_COLORS[domain], alpha=0.13, size=3.5, line_alpha=0, backend="bokeh"
            )
        )
    if np.isfinite(threshold_x):
        elements.append(
            hv.VLine(threshold_x).opts(
                color=NEUTRAL, line_width=1.5, line_dash="dashed", backend="bokeh"
            )
        )
    colour = DOMAIN_COLORS[str(walk["domain"].iloc[0])] if len(walk) else NEUTRAL
    line = hv.Curve(walk, "x", ["y", "level"]).opts(color=NEUTRAL, line_width=2, backend="bokeh")
    stops = hv.Points(walk, ["x", "y"], ["level"])
    elements += [
        line,
        stops.opts(
            color=colour,
            marker="circle",
            size=6,
            line_color="white",
            tools=["hover"],
            backend="bokeh",
        ),
    ]
    recorded = hv.Points(walk[walk["original"]], ["x", "y"])
    elements.append(
        recorded.opts(
            fill_alpha=0, line_color=colour, line_width=2, size=15, marker=marker, backend="bokeh"
        )
    )
    ends = walk.iloc[[0, -1]] if len(walk) > 1 else walk
    words = hv.Labels(
        ends.assign(text=[f"{level:.3g}" for level in ends["level"]]), ["x", "y"], "text"
    )
    elements.append(
        words.opts(
            text_color=NEUTRAL,
            text_font_size="10pt",
            yoffset=0.06 * (limits[1][1] - limits[1][0]),
            backend="bokeh",
        )
    )
    looked = hv.Points(walk[walk["number"] == here], ["x", "y"])
    elements.append(
        looked.opts(
            color=colour,
            marker=marker,
            size=13,
            line_color="white",
            line_width=1.5,
            backend="bokeh",
        )
    )
    return style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="distance to boundary [source σ]",
        ylabel="domain probe [source σ]",
        xlim=limits[0],
        ylim=limits[1],
        size=size,
    ).opts(show_legend=False, backend="bokeh")


def walk_limits(others: pd.DataFrame, walks: pd.DataFrame) -> Limits:
    """Limits of x and y within which all walks and nearly all other galaxies are, with a margin.

    Args:
        others: columns x, y, of all runs.
        walks: as above.
    """
    found = []
    for axis in ("x", "y"):
        central = (
            np.quantile(others[axis], [0.005, 0.995]) if len(others) else np.array([-1.0, 1.0])
        )
        values = np.r_[central, walks[axis]]
        low, high = float(values.min()), float(values.max())
        margin = 0.12 * (high - low or 1.0)
        found.append((low - margin, high + margin))
    return found[0], found[1]


def summary_dial(table: pd.DataFrame, unit: str, positive: str, threshold: float) -> str:
    """In a sentence a run: from which to which probability, and between which levels it crosses the
    threshold.

    Args:
        table: as :func:`dial_curves` takes it.
        unit: of the level.
        positive: name of the class.
        threshold: of the decision.
    """
    parts = []
    for run, rows in table.groupby("run", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        above = (rows["probability"] > threshold).to_numpy()
        levels = rows["level"].to_numpy()
        crossings = [
            f"{levels[i]:.3g} and {levels[i + 1]:.3g}"
            for i in np.flatnonzero(above[1:] != above[:-1])
        ]
        side = f"always {'above' if above[0] else 'below'} the threshold"
        words = (
            f"crosses {threshold:.2f} between {', then between '.join(crossings)}"
            if crossings
            else side
        )
        parts.append(
            f"{run}: {first['probability']:.2f} at {first['level']:.3g} to"
            f" {last['probability']:.2f} at {last['level']:.3g}, {words}"
        )
    return (
        f"p({positive}) of one galaxy against the {unit}: {'; '.join(parts)}."
        if parts
        else "No probability is known yet."
    )


def summary_walks(walks: pd.DataFrame) -> str:
    """In a sentence a run: where in its plane the galaxy comes from and where it goes, in the
    plane's units.

    Args:
        walks: columns run, number, level, original, x, y, in the order of the levels.
    """
    parts = []
    for run, rows in walks.groupby("run", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{run}: from ({first['x']:.2f}, {first['y']:.2f}) at {first['level']:.3g} "
            f"to ({last['x']:.2f}, {last['y']:.2f}) at {last['level']:.3g}"
        )
    return (
        f"The galaxy's walk (distance to the boundary, domain probe): {'; '.join(parts)}."
        if parts
        else "No walk is known yet."
    )
