"""Domain distance per class."""

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.views.plots.distance_style import (
    ALPHA,
    AsinhAxis,
    RunColours,
    legend_width,
    run_points,
)
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import NEUTRAL

__all__ = ["class_distances", "summary_class_distances"]


def summary_class_distances(measures: pd.DataFrame, split: str) -> str:
    """The MMD^2 of each class in each run, as called and (oracle) as labelled, and whether it is
    beyond chance.

    Args:
        measures: as :func:`daexplore.views.plots.distance_over_epochs.class_distances` takes it.
        split: which held-out images.
    """
    if measures.empty:
        return f"MMD² class by class ({split}): being computed."
    parts = []
    for run, rows in measures.groupby("run", sort=False):
        classes = rows[rows["name"] == "class_mmd2"]
        free, oracle = (_each(classes[classes["oracle"] == flag]) for flag in (False, True))
        known = f"; true classes (oracle): {oracle}" if oracle else ""
        parts.append(f"{run}, predicted classes: {free}{known}{_hidden(rows)}")
    return f"MMD² class by class, {split}; * beyond chance (p ≤ {ALPHA}): {'. '.join(parts)}."


def _each(rows: pd.DataFrame) -> str:
    return ", ".join(
        (
            f"{row['kind']} {row['value']:.3g}{'*' if row['p_value'] <= ALPHA else ''}"
            if np.isfinite(row["value"])
            else f"{row['kind']} –"
        )
        for row in rows.to_dict("records")
    )


def _hidden(rows: pd.DataFrame) -> str:
    """Marginals that match hide classes that do not."""
    whole = rows[rows["name"] == "mmd2"].iloc[0]
    classes = rows[(rows["name"] == "class_mmd2") & (rows["p_value"] <= ALPHA)]
    if whole["p_value"] <= ALPHA or classes.empty:
        return ""
    return " (as a whole the domains match, class by class they do not)"


def class_distances(
    measures: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """MMD^2 of all galaxies and of each class in every run, over what chance gives; hollow where
    target labels were used.

    Args:
        measures: columns run, name, kind, value, null_low, null_high, p_value, effect, n_source,
            n_target, oracle.
        split: which held-out images.
        legend: whether the runs' names are beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the zero line, the bands, and for each run its points.
    """
    looks = RunColours(measures["run"])
    rows = looks.of(
        measures[measures["name"].isin(["mmd2", "class_mmd2"]) & np.isfinite(measures["value"])]
    )
    axis = AsinhAxis(legend_width(rows))
    rows["what"] = [
        _what(str(kind), bool(oracle))
        for kind, oracle in zip(rows["kind"], rows["oracle"], strict=True)
    ]
    lines = {what: -float(place) for place, what in enumerate(dict.fromkeys(rows["what"]))}
    rows["y"] = rows["what"].map(lines) - 0.7 / len(looks.hue) * looks.offset(rows["run"])
    rows = rows.assign(solid=np.where(rows["oracle"], 0.0, 1.0), big=9.0, end=rows["y"])
    for name in ("value", "null_low", "null_high"):
        rows[f"at_{name}"] = axis.place(rows[name])
    bars = hv.Segments(
        rows.dropna(subset=["null_low"]), ["at_null_low", "y", "at_null_high", "end"], []
    )
    tips = [
        "run",
        "what",
        "value",
        "null_low",
        "null_high",
        "p_value",
        "effect",
        "n_source",
        "n_target",
    ]
    elements: list[hv.Element] = [
        hv.VLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"),
        bars.opts(color=NEUTRAL, line_width=7, alpha=0.4, backend="bokeh"),
        *(
            run_points(part, ["at_value", "y"], tips, str(run))
            for run, part in rows.groupby("run", sort=False)
        ),
    ]
    limits = axis.limits(rows[["value", "null_low", "null_high"]].to_numpy(float).ravel())
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"MMD² class by class over what chance gives (grey, 95%), {split}",
        xlabel="MMD² of the latents (asinh scale)",
        ylabel="",
        xlim=limits,
        ylim=(-len(lines) + 0.4, 0.6),
        xticks=axis.ticks(limits),
        yticks=[(place, what) for what, place in lines.items()],
        legend="right",
        size=size,
    )
    return plot.opts(show_legend=legend, backend="bokeh")


def _what(kind: str, oracle: bool) -> str:
    return (
        "all galaxies" if not kind else f"true {kind} (oracle)" if oracle else f"predicted {kind}"
    )
