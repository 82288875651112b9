"""Confusion matrices as tables: count and share per cell."""

from html import escape
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from daexplore.utils.html import Cell, html_table
from daexplore.views.style import DOMAIN_COLORS, domain_title

__all__ = ["UNLABELLED", "confusion_tables", "summary_confusion"]

UNLABELLED = "no label"
"""Name of the row of galaxies whose class is not known."""


def confusion_tables(cells: pd.DataFrame, split: str = "test") -> str:
    """One table for each run and domain, as markup: a line a domain, a column a run.

    Args:
        cells: one row a cell, columns run, domain, true, called, count, share, n, low, high; an
            interval is written where it is known.
        split: which galaxies were counted.
    """
    if cells.empty:
        return f"<p class='hint'>No {escape(split)} galaxies here.</p>"
    matrices = _matrices(cells)
    lines = []
    for domain in dict.fromkeys(domain for _, domain in matrices):
        tables = "".join(
            _table(run, domain, split, rows)
            for (run, where), rows in matrices.items()
            if where == domain
        )
        lines.append(f"<div class='confusions'>{tables}</div>")
    return "".join(lines)


def summary_confusion(cells: pd.DataFrame, rule: str, split: str = "test") -> str:
    """The share of each true class that is called rightly, by run and domain; of unlabelled
    galaxies what they are called.

    Args:
        cells: as :func:`confusion_tables` takes them.
        rule: by what galaxies are called, e.g. "threshold 0.50".
        split: which galaxies were counted.
    """
    parts = []
    for (run, domain), rows in _matrices(cells).items():
        last = rows[-1]["called"]
        shares = [
            f"{row['share']:.0%} of {row['true']} predicted so"
            for row in rows
            if row["true"] == row["called"] and row["share"] >= 0
        ]
        known = domain_title(domain) if _labelled(rows) else domain
        shares += [
            f"{row['share']:.0%} of the unlabelled predicted as {last}"
            for row in rows
            if (row["true"], row["called"]) == (UNLABELLED, last)
        ]
        parts.append(f"{run}, {known}, n = {rows[0]['n']}: {', '.join(shares)}")
    return (
        f"Confusion on {split} galaxies at {rule}: {'; '.join(parts)}."
        if parts
        else f"No {split} galaxies to count."
    )


def _matrices(cells: pd.DataFrame) -> dict[tuple[str, str], list[dict[Any, Any]]]:
    """Cells by run and domain. Plain lists: a slider waits for them."""
    found: dict[tuple[str, str], list[dict[Any, Any]]] = {}
    for row in cells.to_dict("records"):
        found.setdefault((str(row["run"]), str(row["domain"])), []).append(row)
    return found


def _labelled(rows: list[dict[Any, Any]]) -> bool:
    return any(row["true"] != UNLABELLED for row in rows)


def _table(run: str, domain: str, split: str, rows: list[dict[Any, Any]]) -> str:
    classes = list(dict.fromkeys(row["called"] for row in rows))
    lines = []
    for true, line in groupby(rows, key=lambda row: str(row["true"])):
        cells = list(line)
        total = sum(row["count"] for row in cells)
        title = Markup("{}<small>n = {}</small>").format(true, total)
        lines.append([Cell(title, head=True), *(_cell(true, domain, row) for row in cells)])
    oracle = " <i>oracle</i>" if domain == "target" and _labelled(rows) else ""
    caption = f"{escape(run)} <small>{domain}{oracle}, {escape(split)}, n = {rows[0]['n']}</small>"
    head = ["true ↓ predicted →", *map(str, classes)]
    return html_table(lines, head, css_class="confusion", caption=Markup(caption))


def _cell(true: str, domain: str, row: dict[Any, Any]) -> Cell:
    if not np.isfinite(row["share"]):
        return Cell("–")
    known = np.isfinite(row["low"]) and np.isfinite(row["high"])
    interval = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]" if known else "no interval"
    # At most half as dark as the hue, so that the text can be read on it on either ground.
    shade = (
        f"background: color-mix(in srgb, {DOMAIN_COLORS[domain]} {50 * row['share']:.0f}%,"
        " transparent)"
    )
    text = f"<b>{row['count']}</b>{100 * row['share']:.1f}%<small>{interval}</small>"
    return Cell(Markup(text), "right" if true == row["called"] else "", style=shade)
