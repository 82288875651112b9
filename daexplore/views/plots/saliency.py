"""Mean Grad-CAM maps by outcome, their overlap, and the sanity check."""

import textwrap
from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, domain_title, run_styles

__all__ = [
    "map_limit",
    "outcome_grid",
    "outcome_title",
    "overlap_table",
    "sanity_curves",
    "summary_outcomes",
    "summary_saliency",
    "summary_sanity",
]


def summary_saliency(sample_id: str, explained: str, shares: Mapping[str, float]) -> str:
    """Where the networks looked: the share of the map within the central half of the image's width
    and height.

    Args:
        sample_id: the galaxy.
        explained: name of the class the maps explain.
        shares: for each run that share, 0 to 1; a map without preference has a quarter there; NaN
            for a map that is zero everywhere.
    """
    parts = ", ".join(
        f"{run} {share:.0%}" if np.isfinite(share) else f"{run} (map is zero)"
        for run, share in shares.items()
    )
    return (
        f"Grad-CAM of {explained} for {sample_id}, share in the central quarter of the image:"
        f" {parts or 'no map stored'}."
    )


def summary_outcomes(maps: Mapping[str, Mapping[str, Any]]) -> str:
    """Of ``saliency.outcome_grid``: how many galaxies are in each mean map, and the share of its
    evidence in the central quarter.
    """
    rows = []
    for title, row in maps.items():
        parts = [
            (
                f"{outcome} {one.n} galaxies, {_central(np.asarray(one.mean, np.float64)):.0%}"
                " central"
                if one.n
                else f"{outcome} none"
            )
            for outcome, one in row.items()
        ]
        rows.append(f"{title}: {', '.join(parts)}")
    return (
        f"Mean Grad-CAM by outcome. {'; '.join(rows)}."
        if rows
        else "Mean Grad-CAM by outcome: nothing to show."
    )


def summary_sanity(table: pd.DataFrame, name: str = "correlation") -> str:
    """Of ``saliency.sanity_curves``: the likeness once all layers are random, beside that of other
    galaxies' maps.
    """
    rows = table[table["name"] == name]
    parts = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        steps, other = (
            mine[mine["layer"] != "none"],
            mine.loc[mine["layer"] == "none", "value"].dropna(),
        )
        if len(steps):
            last = steps.iloc[-1]
            floor = f", other galaxies {other.iloc[0]:.2f}" if len(other) else ""
            parts.append(
                f"{run}, {domain}: {last['value']:.2f} [{last['low']:.2f},"
                f" {last['high']:.2f}]{floor}, n = {int(last['n'])}"
            )
    what = "Rank correlation" if name == "correlation" else "IoU"
    return (
        f"{what} with the trained network's maps once all layers are random:"
        f" {'; '.join(parts) or 'nothing measured'}."
    )


def _central(mean: NDArray[np.float64]) -> float:
    """The share within the central half of width and height; cells on its edge count by the part
    inside.
    """
    inside = [
        np.clip((np.arange(size) + 1) / size, 0.25, 0.75)
        - np.clip(np.arange(size) / size, 0.25, 0.75)
        for size in mean.shape
    ]
    weight = np.outer(*inside) * mean.size
    total = float(np.nansum(mean))
    return float(np.nansum(mean * weight)) / total if total > 0 else float("nan")


def map_limit(maps: Mapping[str, Mapping[str, Any]]) -> float:
    """The largest value of all mean maps that are to be compared, 1 if there is none above zero."""
    largest = max(
        (
            float(np.nanmax(one.mean))
            for row in maps.values()
            for one in row.values()
            if np.isfinite(one.mean).any()
        ),
        default=0.0,
    )
    return largest if largest > 0 else 1.0


def outcome_grid(
    maps: Mapping[str, Mapping[str, Any]], *, limit: float | None = None, size: int = 130
) -> hv.Layout:
    """One row of four mean maps (TP, FP, TN, FN) for each run and domain, all on one colour scale,
    each on its layer's own grid.

    Args:
        maps: title of the row, such as "MMD · seed 0, target (oracle)", to outcome to what
            ``mean_by_outcome`` gives: mean (rows, cols), n and blank.
        limit: the value at the upper end of the colours; None takes the largest of all.
        size: of one map [screen pixel].

    Returns:
        A layout of images; the titles say how many galaxies are in the mean. Where there are none
        the image is empty.
    """
    top = map_limit(maps) if limit is None else limit
    panels: list[hv.Element] = []
    for title, row in maps.items():
        for number, (outcome, one) in enumerate(row.items()):
            # HoloViews draws row 0 of an array at the top, as image files do. It warns of maps
            # without a number: of no galaxy none is seen.
            image = hv.Image(
                np.nan_to_num(np.asarray(one.mean, np.float64)),
                bounds=(0, 0, 1, 1),
                vdims=["evidence"],
            )
            text = f"{outcome}: {one.n} ({one.blank} blank)" if one.n else f"{outcome}: none"
            panels.append(
                image.opts(
                    # The row's name over its first two maps, as far as each is wide.
                    title=f"{_part(title, number, size)}\n{text}",
                    cmap="inferno",
                    clim=(0.0, top),
                    alpha=1.0 if one.n else 0.0,
                    frame_width=size,
                    frame_height=size,
                    xaxis=None,
                    yaxis=None,
                    toolbar=None,
                    colorbar=number == len(row) - 1,
                    fontsize={"title": "9pt"},
                    backend="bokeh",
                )
            )
    return hv.Layout(panels).cols(max((len(row) for row in maps.values()), default=1))


def overlap_table(rows: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Overlap across methods beside that across seeds, to read.

    Args:
        rows: columns across, between, domain, pairs, value, low, high, others, chance, n, galaxies,
            blank, as ``iou_rows`` gives them.
        digits: after the point.
    """

    def text(row: Any) -> str:
        if not np.isfinite(row.value):
            return "–"
        return f"{row.value:.{digits}f} [{row.low:.{digits}f}, {row.high:.{digits}f}]"

    return pd.DataFrame(
        {
            "across": rows["across"],
            "between": rows["between"],
            "domain": rows["domain"],
            "IoU": [text(row) for row in rows.itertuples()],
            "other galaxies": [
                f"{value:.{digits}f}" if np.isfinite(value) else "–" for value in rows["others"]
            ],
            "random cells": [f"{value:.{digits}f}" for value in rows["chance"]],
            "pairs": rows["pairs"],
            "images": rows["n"],
            "blank": rows["blank"],
        }
    )


def sanity_curves(
    table: pd.DataFrame,
    name: str = "correlation",
    *,
    legend: str = "right",
    size: tuple[int, int] | None = (420, 260),
) -> hv.Overlay:
    """How the maps' likeness to those of the trained network falls as layers are randomised: hue is
    the domain, dash and marker the run.

    Args:
        table: columns run, domain, layer, randomised, name, value, low, high, n, mode, as
            ``sanity_rows`` gives them; of layer "none" the likeness to other galaxies' maps, drawn
            as a horizontal line.
        name: "correlation" or "iou".
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
    """
    rows = table[table["name"] == name]
    styles = run_styles(table["run"])
    elements: list[hv.Element] = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        color, style = DOMAIN_COLORS[str(domain)], styles[str(run)]
        steps = mine[mine["layer"] != "none"]
        steps = steps.assign(position=np.arange(1, len(steps) + 1))
        label = f"{run} · {domain}"
        elements.append(
            hv.Area(steps, "position", ["low", "high"]).opts(
                color=color, alpha=0.13, line_alpha=0, backend="bokeh"
            )
        )
        curve = hv.Curve(steps, "position", ["value", "layer", "n"], label=label)
        elements.append(
            curve.opts(
                color=color, line_dash=style.dash, line_width=2, tools=["hover"], backend="bokeh"
            )
        )
        elements.append(
            hv.Points(steps, ["position", "value"], label=label).opts(
                color=color, marker=style.marker, size=6, backend="bokeh"
            )
        )
        floor = mine.loc[mine["layer"] == "none", "value"]
        elements += [
            hv.HLine(float(value)).opts(
                color=color, line_width=1, line_dash="dotted", backend="bokeh"
            )
            for value in floor.dropna()
        ]
    layers = rows.loc[rows["layer"] != "none", "layer"].drop_duplicates().tolist()
    if not elements:
        elements.append(hv.Curve([], "position", "value").opts(color=NEUTRAL, backend="bokeh"))
    mode = str(rows["mode"].iloc[0]) if len(rows) else ""
    return style_overlay(
        hv.Overlay(elements),
        title=f"Likeness to the trained network's maps, {mode} randomisation",
        xlabel="layer randomised, from the head down",
        ylabel="rank correlation" if name == "correlation" else "IoU",
        legend=legend,
        size=size,
        xticks=[(number + 1, layer) for number, layer in enumerate(layers)],
        xrotation=40,
    )


def outcome_title(run: str, domain: str) -> str:
    """The title of a row of ``outcome_grid``: outcomes in the target are an oracle's knowledge."""
    return f"{run}, {domain_title(domain)}"


def _part(title: str, number: int, size: int) -> str:
    """The part of a row's title above its map of this number: one line each, in words."""
    lines = textwrap.wrap(title, max(10, int(size / 7)))
    return lines[number] if number < len(lines) else ""
