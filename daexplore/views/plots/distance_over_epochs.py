"""Domain distance over epochs, with its chance level."""

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.utils.text import count_range
from daexplore.views.plots.distance_style import (
    ALPHA,
    LARGE,
    AsinhAxis,
    RunColours,
    legend_width,
    run_points,
)
from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import NEUTRAL

__all__ = ["mmd_curves", "summary_distances"]


def summary_distances(table: pd.DataFrame, split: str) -> str:
    """From where to where the MMD^2 of each run went, and how far that is from chance at the epoch
    shown.

    Args:
        table: as :func:`daexplore.views.plots.distance_over_epochs.mmd_curves` takes it.
        split: which held-out images.
    """
    if table.empty:
        return f"MMD² of the latents ({split}): nothing logged yet."
    parts = []
    for run, rows in table.groupby("run", sort=False):
        rows = rows.sort_values("epoch")
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{run} {first['value']:.3g} (epoch {first['epoch']}) to {last['value']:.3g} (epoch"
            f" {last['epoch']}){_against_chance(rows[rows['shown']])}"
        )
    counts = table.iloc[0]
    return (
        f"MMD² of the latents, {split}, n = {counts['n_source']} source, {counts['n_target']}"
        f" target images: {'; '.join(parts)}."
    )


def _against_chance(shown: pd.DataFrame) -> str:
    if shown.empty or not np.isfinite(shown["p_value"].iloc[0]):
        return ""
    row = shown.iloc[0]
    told = "beyond chance" if row["p_value"] <= ALPHA else "not significant (p > 0.05)"
    return (
        f", at epoch {row['epoch']} {told} ({row['effect']:+.1f} σ, 95% of chance"
        f" {row['null_low']:.2g} to {row['null_high']:.2g})"
    )


_FEW = 6


def mmd_curves(
    table: pd.DataFrame,
    *,
    split: str,
    legend: bool = True,
    size: tuple[int, int] | None = (480, 280),
) -> hv.Overlay:
    """MMD^2 over the epochs of each run, with a bar at each epoch that holds 95% of what chance
    gives.

    A hollow marker is a distance that is not significant in the permutation test (p > 0.05), a
    large one the epoch that is shown.

    Args:
        table: columns run, epoch, value, null_low, null_high, p_value, effect (NaN where not
            computed yet), shown, n_source, n_target.
        split: which held-out images.
        legend: whether the runs' names are beside the frame; a page may say them once for all its
            figures.
        size: of the frame; None stretches.

    Returns:
        An overlay of the zero line, the bars, a curve for each run, and the points.
    """
    looks, axis = RunColours(table["run"]), AsinhAxis(legend_width(table))
    placed = looks.of(table).assign(
        **{f"at_{name}": axis.place(table[name]) for name in ("value", "null_low", "null_high")}
    )
    placed = placed.sort_values("epoch", kind="stable")
    # Side by side, where several runs have one at the same epoch.
    band = placed.dropna(subset=["null_low"])
    band = band.assign(
        at=band["epoch"] + 0.12 * looks.offset(band["run"]), end=lambda rows: rows["at"]
    )
    bars = hv.Segments(band, ["at", "at_null_low", "end", "at_null_high"], ["hue"])
    elements: list[hv.Element] = [
        hv.HLine(0).opts(color=NEUTRAL, line_width=1, line_dash="dotted", backend="bokeh"),
        bars.opts(color=hv.dim("hue"), line_width=5, alpha=0.4, backend="bokeh"),
    ]
    for run, rows in placed.groupby("run", sort=False):
        curve = hv.Curve(rows, "epoch", "at_value", label=str(run))
        elements.append(
            curve.opts(
                color=looks.hue[str(run)],
                line_dash=looks.dash[str(run)],
                line_width=2.2,
                backend="bokeh",
            )
        )
    points = placed.assign(
        solid=np.where(placed["p_value"] > ALPHA, 0.0, 1.0),
        big=np.where(placed["shown"], LARGE, 5.5),
    )
    elements.append(
        run_points(
            points,
            ["epoch", "at_value"],
            ["run", "value", "null_low", "null_high", "p_value", "effect"],
        )
    )
    limits = axis.limits(table[["value", "null_low", "null_high"]].to_numpy(float).ravel())
    epochs = sorted({int(epoch) for epoch in table["epoch"]})
    plot = style_overlay(
        hv.Overlay(elements),
        title=f"MMD² of the latents over the epochs, {split} n = {_counts(table)}",
        xlabel="epoch",
        ylabel="MMD² (asinh scale)",
        xlim=(epochs[0] - 0.5, epochs[-1] + 0.5),
        ylim=limits,
        yticks=axis.ticks(limits),
        legend="right",
        size=size,
    )
    # A tick between epochs would speak of what there is not.
    ticks = {"xticks": epochs} if len(epochs) < _FEW else {}
    return plot.opts(show_legend=legend, **ticks, backend="bokeh")


def _counts(table: pd.DataFrame) -> str:
    return f"{count_range(table['n_source'])} source, {count_range(table['n_target'])} target"
