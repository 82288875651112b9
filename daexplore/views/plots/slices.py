"""A metric in slices of a catalogue column: one point with its interval for each run."""

from collections.abc import Sequence
from html import escape
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from markupsafe import Markup

from daexplore.domains import DOMAINS
from daexplore.utils.html import Cell, html_table
from daexplore.views.plots.frame import style_overlay
from daexplore.views.plots.metrics_table import interval_text
from daexplore.views.style import DOMAIN_COLORS, domain_title, run_styles

__all__ = ["slice_points", "slice_tables", "summary_slices"]

_SPREAD = 0.5  # How far the runs of one slice are apart, of the distance between slices.


def slice_points(
    rows: pd.DataFrame,
    *,
    metric: str,
    column: str,
    title: str = "",
    ordered: bool = False,
    legend: str = "bottom_right",
    size: tuple[int, int] | None = (480, 300),
    runs: Sequence[str] | None = None,
) -> hv.Overlay:
    """One domain's slices side by side; hue is the domain, marker and dash the run. Slices without
    a value stay empty.

    Args:
        rows: of one domain: columns run, domain, slice, place, value, low, high, n, galaxies.
        metric: name of the quantity, for the axis.
        column: of the catalogue, for the axis.
        title: above the plot.
        ordered: whether the slices are parts of a scale: then a thin line joins those of a run.
        legend: HoloViews' ``legend_position``.
        size: of the frame; None stretches.
        runs: all runs of the comparison in their order, where ``rows`` holds only some: each then
            keeps its place and marker.
    """
    names = list(dict.fromkeys(runs if runs is not None else rows["run"]))
    styles = run_styles(names)
    elements: list[hv.Element] = []
    for run, mine in rows.groupby("run", sort=False):
        offset = _SPREAD * ((names.index(str(run)) + 0.5) / len(names) - 0.5)
        shown = mine[np.isfinite(mine["value"])].sort_values("place", kind="stable")
        shown = shown.assign(
            at=shown["place"] + offset,
            below=shown["value"] - shown["low"],
            above=shown["high"] - shown["value"],
        )
        look: dict[str, Any] = {
            "color": DOMAIN_COLORS[str(mine["domain"].iloc[0])],
            "backend": "bokeh",
        }
        elements.append(hv.ErrorBars(shown, "at", ["value", "below", "above"]).opts(**look))
        if ordered:
            line = hv.Curve(shown, "at", "value", label=str(run))
            elements.append(
                line.opts(line_dash=styles[str(run)].dash, line_width=1.2, alpha=0.7, **look)
            )
        points = hv.Points(
            shown, ["at", "value"], ["slice", "low", "high", "n", "galaxies"], label=str(run)
        )
        elements.append(
            points.opts(marker=styles[str(run)].marker, size=9, tools=["hover"], **look)
        )
    slices = rows.drop_duplicates("place").sort_values("place")
    ticks = [
        (int(row["place"]), f"{row['slice']}\nn = {_counts(rows, row['place'])}")
        for row in slices.to_dict("records")
    ]
    return style_overlay(
        hv.Overlay(elements or [hv.Points([], ["at", "value"])]),
        title=title,
        xlabel=column,
        ylabel=metric,
        xlim=(-0.6, max(len(ticks) - 0.4, 0.6)),
        legend=legend,
        size=size,
        xticks=ticks,
    )


def slice_tables(
    rows: pd.DataFrame, *, metric: str, column: str, split: str, labelled: bool = True
) -> str:
    """The same numbers as markup: one table a domain, one line a slice, one column a run; small
    slices are said to be too small.

    Args:
        rows: columns run, domain, slice, place, value, low, high, n, galaxies, small.
        metric: name of the quantity.
        column: of the catalogue.
        split: which galaxies were counted.
        labelled: whether labels were used, which on the target are an oracle's.
    """
    tables = []
    for domain in (name for name in DOMAINS if (rows["domain"] == name).any()):
        part = rows[rows["domain"] == domain]
        runs = list(dict.fromkeys(part["run"]))
        lines = []
        for _, cells in part.groupby("place", sort=True):
            by_run = {row["run"]: row for row in cells.to_dict("records")}
            body = [Markup(_cell(by_run[run])) if run in by_run else "–" for run in runs]
            images, galaxies = (
                _counts(part, cells["place"].iloc[0]),
                _counts(part, cells["place"].iloc[0], "galaxies"),
            )
            title = Cell(str(cells["slice"].iloc[0]), head=True)
            lines.append([title, Markup(images), Markup(galaxies), *body])
        oracle = " <i>oracle</i>" if domain == "target" and labelled else ""
        total = " / ".join(
            str(int(n)) for n in dict.fromkeys(part.groupby("run", sort=False)["n"].sum())
        )
        caption = (
            f"{domain.capitalize()}{oracle} <small>{escape(metric)} by {escape(column)},"
            f" {escape(split)}, n = {total}</small>"
        )
        head = ["slice", "images", "galaxies", *map(str, runs)]
        tables.append(html_table(lines, head, css_class="slices", caption=Markup(caption)))
    return f"<div class='side-by-side'>{''.join(tables)}</div>"


def summary_slices(
    rows: pd.DataFrame, *, metric: str, column: str, split: str, labelled: bool = True
) -> str:
    """The lowest and the highest slice of each run and domain, and how many slices were too small.

    Arguments as in :func:`slice_tables`.
    """
    parts = []
    for (run, domain), mine in rows.groupby(["run", "domain"], sort=False):
        known = mine[np.isfinite(mine["value"])]
        where = f"{run}, {domain_title(str(domain)) if labelled else domain}"
        if known.empty:
            parts.append(f"{where}: no slice has a value")
            continue
        low, high = (known.loc[known["value"].idxmin()], known.loc[known["value"].idxmax()])
        ends = [
            f"{end['slice']} {interval_text(end['value'], end['low'], end['high'], 2)} (n ="
            f" {end['n']})"
            for end in (low, high)
        ]
        parts.append(f"{where}: lowest {ends[0]}, highest {ends[1]}")
    if not parts:
        return (
            f"No {split} galaxies with a label are known here, so {metric} cannot be shown by"
            f" {column}."
        )
    small = rows[rows["small"]].drop_duplicates(["domain", "place"])
    end = f" {len(small)} slices are too small for a number." if len(small) else ""
    return (
        f"{metric[0].upper()}{metric[1:]} on {split} galaxies by {column}: {'; '.join(parts)}.{end}"
    )


def _counts(rows: pd.DataFrame, place: int, name: str = "n") -> str:
    return " / ".join(str(int(n)) for n in dict.fromkeys(rows.loc[rows["place"] == place, name]))


def _cell(row: dict[Any, Any]) -> str:
    if row["small"]:
        return f"<small>too small ({row['galaxies']} galaxies)</small>"
    if not np.isfinite(row["value"]):
        return "<small>undefined</small>"
    if not np.isfinite(row["low"]):
        return f"{row['value']:.3f}<small>no interval</small>"
    return f"{row['value']:.3f}<small>[{row['low']:.3f}, {row['high']:.3f}]</small>"
