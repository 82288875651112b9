"""Domain distance against target accuracy, a path through the epochs per run."""

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.utils.text import count_range
from daexplore.views.plots.distance_style import (
    LARGE,
    AsinhAxis,
    RunColours,
    legend_width,
    run_points,
)
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import NEUTRAL

__all__ = ["distance_paths", "summary_paths"]


def summary_paths(table: pd.DataFrame, split: str) -> str:
    """What became of distance and target accuracy from the first to the selected epoch; oracle.

    Args:
        table: as :func:`daexplore.views.plots.distance_over_epochs.distance_paths` takes it.
        split: which held-out images.
    """
    if table.empty:
        return (
            f"Target accuracy ({split}, oracle) is not known: the target has no labels here, or"
            " nothing is logged yet."
        )
    parts = []
    for run, rows in table.groupby("run", sort=False):
        own = rows[rows["own"]].sort_values("epoch")
        if own.empty:
            continue
        first, end = own.iloc[0], (own[own["selected"]] if own["selected"].any() else own).iloc[-1]
        moved = "closer" if end["mmd2"] < first["mmd2"] else "farther"
        fared = (
            "better"
            if end["accuracy"] > first["accuracy"]
            else "worse"
            if end["accuracy"] < first["accuracy"]
            else "as good"
        )
        joint = "yet" if (moved == "closer") != (fared == "better") else "and"
        parts.append(
            f"{run} from epoch {first['epoch']} to {end['epoch']} {moved} ({first['mmd2']:.3g} to"
            f" {end['mmd2']:.3g}) {joint} {fared} ({first['accuracy']:.3f} to"
            f" {end['accuracy']:.3f}){_seeds(rows)}"
        )
    counts = sorted(set(table["n"]))
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return (
        f"MMD² and target accuracy (oracle), {split}, n = {n} labelled target images:"
        f" {'; '.join(parts)}."
    )


def _seeds(rows: pd.DataFrame) -> str:
    others = rows[~rows["own"]]
    if others.empty:
        return ""
    ends = [
        (part[part["selected"]] if part["selected"].any() else part).sort_values("epoch").iloc[-1]
        for _, part in others.groupby("seed")
    ]
    values = [float(end["accuracy"]) for end in ends]
    many = f"{len(values)} further seed{'s' if len(values) > 1 else ''}"
    return (
        f", {many} {min(values):.3f} to {max(values):.3f}"
        if len(values) > 1
        else f", {many} {values[0]:.3f}"
    )


def distance_paths(
    table: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """Target accuracy (oracle) against MMD^2: each run's way from epoch to epoch; further seeds of
    the same settings faint behind it.

    A hollow marker is the first epoch, a large filled one the last, a ringed one the selected;
    their numbers are beside them. A path to the left and down is negative transfer: the domains
    come closer and the target is called worse.

    Args:
        table: columns run, seed, own (whether it is the run itself or a further seed of its
            settings), epoch, mmd2, accuracy, selected, n.
        split: which held-out images.
        legend: whether the runs' names are beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the further seeds' paths of each run that has some, a path for each run, the
        points, the rings of the selected epochs, and the marked epochs' numbers.
    """
    looks, axis = RunColours(table["run"]), AsinhAxis(legend_width(table))
    placed = (
        looks.of(table)
        .assign(at_mmd2=axis.place(table["mmd2"]))
        .sort_values("epoch", kind="stable")
    )
    limits = axis.limits(table["mmd2"])
    keys = ["at_mmd2", "accuracy"]
    faint: list[hv.Element] = []
    lines: list[hv.Element] = []
    for run, rows in placed.groupby("run", sort=False):
        style = {
            "color": looks.hue[str(run)],
            "line_dash": looks.dash[str(run)],
            "backend": "bokeh",
        }
        others = [part[keys].to_numpy() for _, part in rows[~rows["own"]].groupby("seed")]
        if others:
            faint.append(hv.Path(others, keys).opts(alpha=0.45, line_width=1.1, **style))
        # A path, not a curve, which would need an x axis; it has no legend, the points' are
        # for it.
        lines.append(
            hv.Path([rows.loc[rows["own"], keys].to_numpy()], keys, label=str(run)).opts(
                line_width=2.2, **style
            )
        )
    own = placed[placed["own"]]
    place = own.groupby("run").cumcount()
    first, last = place == 0, own.groupby("run").cumcount(ascending=False) == 0
    marked = own.assign(
        solid=np.where(first & ~last, 0.0, 1.0), big=np.where(first | last, LARGE, 5.5)
    )
    rings = hv.Points(own[own["selected"]], keys, ["hue"])
    named = own[first | last | own["selected"]]
    words = hv.Labels(named.assign(text=named["epoch"].astype(str)), keys, "text")
    shift = 0.018 * (limits[1] - limits[0])
    elements = [
        *faint,
        *lines,
        run_points(marked, keys, ["run", "epoch", "mmd2"]),
        rings.opts(
            color=hv.dim("hue"),
            fill_alpha=0,
            line_width=1.6,
            size=19,
            marker="circle",
            backend="bokeh",
        ),
        words.opts(
            text_color=NEUTRAL,
            text_font_size="9pt",
            text_align="left",
            text_baseline="bottom",
            xoffset=shift,
            backend="bokeh",
        ),
    ]
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"Distance against target accuracy (oracle), {split} n = {count_range(table['n'])}",
        xlabel="MMD² of the latents (asinh scale): left is closer",
        ylabel="target accuracy (oracle)",
        xlim=limits,
        xticks=axis.ticks(limits),
        legend="right",
        size=size,
        padding=(0, 0.12),
    )
    return plot.opts(show_legend=legend, backend="bokeh")
