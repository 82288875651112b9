"""Publication figure: galaxies in latent space or the margin plane."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from daexplore.domains import DOMAINS
from daexplore.views.figures.base import (
    MARKERS,
    Figure,
    FigureInput,
    FigureSpec,
    PlotLayout,
    PlotPositions,
    RunResult,
    figure_metadata,
    oracle_note,
    title,
)
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, class_marker, domain_title

__all__ = ["FIGURE", "RASTER", "PlotPositions", "galaxies_drawing"]


_KINDS = {
    "plane": "Margin plane",
    "pca": "Principal components",
    "umap": "UMAP",
    "aligned": "UMAP (aligned)",
}


def galaxies_drawing(
    compared: Sequence[RunResult],
    places: Sequence[PlotPositions],
    kind: str = "plane",
    split: str = "test",
    threshold: float = 0.5,
    pair: tuple[int, int] = (0, 1),
    domains: Sequence[str] = DOMAINS,
) -> FigureSpec:
    """The galaxies of each run where it puts them, and the boundary at the threshold.

    Args:
        compared: the runs, side by side.
        places: of each run.
        kind: "plane", "pca", "umap" or "aligned".
        split: which held-out galaxies.
        threshold: probability of the pair's second class.
        pair: the Class pair of the boundary.
        domains: which are drawn.
    """
    parts, words = [], []
    for (label, run_id, found, classes), place in zip(compared, places, strict=True):
        rows = np.flatnonzero(found.mask(split=split) & np.isin(found.domain, list(domains)))
        common = {
            "series": "galaxy",
            "run": label,
            "run_id": run_id,
            "epoch": found.epoch,
            "split": split,
        }
        columns = {
            "sample_id": found.sample_ids[rows].astype(str),
            "domain": found.domain[rows],
            "label": found.labels[rows],
        }
        table = pd.DataFrame(common | columns, index=range(len(rows)))
        table["class"] = [classes[i] if i >= 0 else "" for i in found.labels[rows].tolist()]
        parts.append(
            table.assign(
                probability=found.pair_probability(pair)[rows], x=place.x[rows], y=place.y[rows]
            )
        )
        if place.boundary is not None:
            parts.append(
                pd.DataFrame(
                    [
                        common
                        | {
                            "series": "boundary",
                            "label": -1,
                            "probability": threshold,
                            "x": place.boundary,
                        }
                    ]
                )
            )
        beyond = ", ".join(
            f"{(part['probability'] > threshold).mean():.0%} of {len(part)} {domain}"
            for domain, part in parts[-1 if place.boundary is None else -2].groupby(
                "domain", sort=True
            )
        )
        words.append(
            f"{label}, epoch {found.epoch}: {beyond or '0'} galaxies are predicted as"
            f" {classes[pair[1]]}"
        )
    table = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series", "run"])
    )
    galaxies = table[table["series"] == "galaxy"] if parts else table
    counts = "; ".join(
        f"{each.label} {int((galaxies['run'] == each.label).sum())} of"
        f" {int(each.evaluation.mask(split=split).sum())}"
        for each in compared
    )
    meta = figure_metadata(
        _KINDS[kind], compared, split, f"p = {threshold:g}", counts, oracle_note(compared, domains)
    )
    classes = compared[0].classes if compared else ()
    axes = places[0].axes if kind != "pca" and places else ("PC 1", "PC 2")
    return FigureSpec(
        "galaxies", table, meta, f"{_KINDS[kind]}: {'; '.join(words)}.", classes, axes
    )


RASTER = 5000
"""A panel of more galaxies is drawn as a raster: viewers fail on an SVG of a million marks."""


def _galaxy_panels(drawing: "FigureSpec") -> list[Any]:
    return list(dict.fromkeys(drawing.table["run"]))


def _draw_galaxies(axes: Any, drawing: "FigureSpec", run: str, letters: int) -> None:
    """Columns series (galaxy, boundary), run, epoch, domain, label, x, y. The boundary is a
    vertical line at x.
    """
    rows = drawing.table[drawing.table["run"] == run]
    galaxies = rows[rows["series"] == "galaxy"]
    # One collection a class, the domains mixed within: neither covers the other.
    order = galaxies.iloc[
        np.argsort(pd.util.hash_array(galaxies["sample_id"].to_numpy(object)), kind="stable")
    ]
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
        axes.text(
            0.98,
            0.02,
            f"{len(galaxies) - inside} outside",
            transform=axes.transAxes,
            ha="right",
            va="bottom",
        )
    title(
        axes,
        letters,
        run,
        f"epoch {int(galaxies['epoch'].iloc[0])}, {galaxies['split'].iloc[0]} n = {len(galaxies)}",
    )


def _same_axes(drawing: "FigureSpec") -> bool:
    """Whether x and y mean the same in every panel: they do in the margin plane, which has a
    boundary.
    """
    return bool((drawing.table["series"] == "boundary").any())


def _frame(axes: Any, points: pd.DataFrame, drawn: pd.DataFrame) -> int:
    """Fit the axes to all but a few far points; how many of those drawn are within."""
    xy = points[["x", "y"]].to_numpy(float)
    low, high = np.percentile(xy, [0.5, 99.5], axis=0, method="nearest")
    gap = np.maximum(0.12 * (high - low), 1e-6)
    low, high = (
        np.maximum(low - gap, xy.min(axis=0) - gap / 3),
        np.minimum(high + gap, xy.max(axis=0) + gap / 3),
    )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    here = drawn[["x", "y"]].to_numpy(float)
    return int(((here >= low) & (here <= high)).all(axis=1).sum())


def _galaxy_key(drawing: "FigureSpec", ink: str) -> list[Any]:  # noqa: ARG001
    from matplotlib.lines import Line2D

    galaxies = drawing.table[drawing.table["series"] == "galaxy"]
    handles = []
    for domain in DOMAINS:
        for label in sorted(
            set(galaxies.loc[galaxies["domain"] == domain, "label"]),
            key=lambda label: (label < 0, label),
        ):
            kind = drawing.classes[label] if label >= 0 else "unlabelled"
            name = domain_title(domain) if label >= 0 else domain
            marker = MARKERS[class_marker(label)]
            handles.append(
                Line2D(
                    [],
                    [],
                    color=DOMAIN_COLORS[domain],
                    marker=marker,
                    linestyle="none",
                    markersize=4,
                    label=f"{name}: {kind}",
                )
            )
    if _same_axes(drawing):
        handles.append(
            Line2D(
                [],
                [],
                color=NEUTRAL,
                linewidth=1.2,
                label=f"boundary at {drawing.meta['threshold']}",
            )
        )
    return handles


def _build(given: FigureInput) -> FigureSpec:
    return galaxies_drawing(
        given.runs,
        given.positions(),
        given.kind,
        given.split,
        given.threshold,
        given.pair,
        given.domains,
    )


FIGURE = Figure(
    PlotLayout(_galaxy_panels, _draw_galaxies, _galaxy_key, 40.0, 0.85, 2, _same_axes),
    "Galaxies, hue: domain",
    _build,
)
