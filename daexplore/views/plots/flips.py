"""Alluvial plot of prediction changes through several runs."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from daexplore.views.plots.frame import style_overlay
from daexplore.views.style import DOMAIN_COLORS, NEUTRAL, domain_title

__all__ = ["flows", "flows_plot", "summary_flows"]

_HALF = 0.16  # half the width of a run's column, in units of the columns' distance
_GAP = 0.14  # between the blocks of a column, in units of its height
_STEPS = 32


def flows(paths: pd.DataFrame) -> pd.DataFrame:
    """How many galaxies go from which level to which, between each run and the next.

    Args:
        paths: one row a way through all runs: for each run a column with the level (0, 1, …) that
            the galaxies have there, and n.

    Returns:
        Columns stage (0: from the first run to the second), before, after, n.
    """
    runs = [column for column in paths.columns if column != "n"]
    parts = []
    for stage, (one, two) in enumerate(pairwise(runs)):
        part = (
            paths.groupby([one, two], sort=True)["n"]
            .sum()
            .reset_index()
            .set_axis(["before", "after", "n"], axis=1)
        )
        parts.append(part.assign(stage=stage)[["stage", "before", "after", "n"]])
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["stage", "before", "after", "n"])
    )


def flows_plot(
    paths: pd.DataFrame,
    levels: Sequence[str],
    *,
    domain: str = "target",
    title: str = "",
    dark: bool = False,
    size: tuple[int, int] | None = None,
) -> hv.Overlay:
    """An alluvial diagram: a column a run, a block a level with its count, a band for those who go
    from one block to another.

    The widths of bands are numbers of galaxies, printed on them. Who stays on a level is grey; who
    changes has the domain's hue, filled where the level rises (wrong to right) and pale with an
    outline where it falls.

    Args:
        paths: as :func:`flows` takes them.
        levels: what the levels are called, from the lowest: "wrong", "right", or the classes.
        domain: of the galaxies.
        title: above the plot.
        dark: whether it is on a dark ground.
        size: of the frame; None stretches.
    """
    runs = [column for column in paths.columns if column != "n"]
    total = max(int(paths["n"].sum()), 1)
    ink, hue = "#f2f2f2" if dark else "#1a1a1a", DOMAIN_COLORS[domain]
    columns = [_column(paths.groupby(run)["n"].sum(), len(levels), total) for run in runs]
    bands: list[dict[Any, Any]] = []
    counts: list[tuple[float, float, str]] = []
    for band in _bands(flows(paths), columns, total):
        before, after = int(band["before"]), int(band["after"])
        stays, rises = before == after, after > before
        bands.append(
            {
                ("x", "y"): band["outline"],
                "from": f"{levels[before]} under {runs[band['stage']]}",
                "to": f"{levels[after]} under {runs[band['stage'] + 1]}",
                "galaxies": band["n"],
                "hue": NEUTRAL if stays else hue,
                "fill": 0.8 if rises else 0.22,
                "edge": 0.0 if stays else 1.0,
            }
        )
        counts.append((*band["place"], f"{band['n']}"))
    tips = [("from", "@from"), ("to", "@to"), ("galaxies", "@galaxies")]
    elements: list[hv.Element] = [
        hv.Polygons(bands, ["x", "y"], ["from", "to", "galaxies", "hue", "fill", "edge"]).opts(
            color="hue",
            fill_alpha="fill",
            line_color="hue",
            line_alpha="edge",
            tools=["hover"],
            hover_tooltips=tips,
            backend="bokeh",
        )
    ]
    blocks = [
        (i - _HALF, low, i + _HALF, high)
        for i, column in enumerate(columns)
        for low, high in column
        if high > low
    ]
    elements.append(
        hv.Rectangles(blocks).opts(
            fill_color=NEUTRAL, fill_alpha=0.45, line_alpha=0, backend="bokeh"
        )
    )
    names = [
        (i, (low + high) / 2, _block(levels[level], high - low, total))
        for i, column in enumerate(columns)
        for level, (low, high) in enumerate(column)
        if high > low
    ]
    elements.append(
        hv.Labels([*names, *counts], ["x", "y"], "text").opts(
            text_font_size="10pt", text_color=ink, backend="bokeh"
        )
    )
    top = 1 + _GAP * (len(levels) - 1)
    plot = style_overlay(
        hv.Overlay(elements),
        title=title,
        xlabel="",
        ylabel="",
        xlim=(-_HALF - 0.03, len(runs) - 1 + _HALF + 0.03),
        ylim=(-0.03, top + 0.03),
        size=size,
        xticks=[(i, str(run)) for i, run in enumerate(runs)],
        yaxis=None,
        hooks=[_unframed],
    )
    plot.opts(
        show_grid=False,
        show_legend=False,
        toolbar=None,
        default_tools=[],
        fontsize={"title": "11pt", "xticks": "10pt"},
        backend="bokeh",
    )
    return plot


def summary_flows(
    paths: pd.DataFrame,
    levels: Sequence[str],
    domain: str = "target",
    split: str = "test",
    rule: str = "",
) -> str:
    """Who changes between each run and the next, in a line.

    Args:
        paths: as :func:`flows` takes them.
        levels: what the levels are called.
        domain: of the galaxies.
        split: as above.
        rule: how a galaxy is called, such as "threshold 0.50".
    """
    runs = [column for column in paths.columns if column != "n"]
    truth = tuple(levels) == ("wrong", "right")
    where = domain_title(domain) if truth else domain
    parts = []
    for stage, part in flows(paths).groupby("stage"):
        changes = part[part["before"] != part["after"]]
        if truth:
            fixed, broken = (
                int(changes.loc[changes["after"] == level, "n"].sum()) for level in (1, 0)
            )
            words = f"{fixed} fixed, {broken} broken"
        else:
            lines = changes.to_dict("records")
            words = (
                ", ".join(
                    f"{row['n']} {levels[row['before']]} to {levels[row['after']]}" for row in lines
                )
                or "none changes"
            )
        parts.append(f"{runs[int(str(stage))]} to {runs[int(str(stage)) + 1]} {words}")
    told = "; ".join(parts) or "choose a second run to see who changes"
    return (
        f"On {int(paths['n'].sum())} {split} galaxies of the {where}{f', {rule}' if rule else ''}:"
        f" {told}."
    )


def _unframed(plot: Any, _: Any) -> None:
    plot.state.outline_line_color = None


def _block(name: str, share: float, total: int) -> str:
    """Two lines where there is room for them."""
    count = round(share * total)
    return f"{name}\n{count} ({share:.0%})" if share > 0.12 else f"{name} {count}"


def _column(sizes: "pd.Series[int]", levels: int, total: int) -> list[tuple[float, float]]:
    """Bottom and top of each level's block, the lowest level at the bottom."""
    blocks, bottom = [], 0.0
    for level in range(levels):
        height = float(sizes.get(level, 0)) / total
        blocks.append((bottom, bottom + height))
        bottom += height + _GAP
    return blocks


def _bands(
    table: pd.DataFrame, columns: list[list[tuple[float, float]]], total: int
) -> Iterator[dict[str, Any]]:
    """Each flow's outline and where its count is written. On both sides bands are in the order of
    where they go to or come from.
    """
    for stage, part in table.groupby("stage"):
        i = int(str(stage))
        leaves = [low for low, _ in columns[i]]
        enters = [low for low, _ in columns[i + 1]]
        leaving = [0] * len(leaves)
        for row in part.sort_values(["before", "after"]).to_dict("records"):
            before, after, height = int(row["before"]), int(row["after"]), int(row["n"]) / total
            left, right = leaves[before], enters[after]
            leaves[before] += height
            enters[after] += height
            along = np.linspace(0, 1, _STEPS)
            rise = left + (right - left) * along**2 * (3 - 2 * along)
            x = i + _HALF + (1 - 2 * _HALF) * along
            outline = np.column_stack([np.r_[x, x[::-1]], np.r_[rise, rise[::-1] + height]])
            # Bands that change level cross half-way: their counts are before that, those of one
            # block one after another.
            along_band = (
                (0.5 if len(leaves) == 2 else 0.08)
                if before == after
                else 0.22 + 0.13 * (leaving[before] % 3)
            )
            leaving[before] += before != after
            at = int(_STEPS * along_band)
            place = (float(x[at]), float(rise[at]) + height / 2)
            yield {
                "stage": i,
                "before": before,
                "after": after,
                "n": int(row["n"]),
                "outline": outline,
                "place": place,
            }
