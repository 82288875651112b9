"""Notebook representation of objects: a few lines and a table."""

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape

from markupsafe import Markup

from daexplore.utils.html import Cell, html_table

__all__ = ["card", "interval_text", "pictures", "table"]

_QUIET = "opacity: 0.75; font-size: 0.92em"
_CELL = "padding: 2px 10px 2px 0; text-align: left; vertical-align: top"
_SENTENCE = 40  # [characters] beyond which a cell may be broken into lines


def card(title: str, lines: Iterable[str], *parts: str) -> str:
    """A title and quiet lines below it, both plain text, then ``parts``, which are markup."""
    told = "".join(f"<div style='{_QUIET}'>{escape(line)}</div>" for line in lines)
    return (
        "<div style='line-height:"
        f" 1.45'><div><b>{escape(title)}</b></div>{told}{''.join(parts)}</div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], pictured: Sequence[str] = ()) -> str:
    """Plain text in columns; nothing if there are no rows.

    Args:
        head: titles of the columns.
        rows: of text, as many as there are titles.
        pictured: markup for a last column, one a row.
    """
    titles = [
        Cell(title, style=f"{_CELL}; font-weight: 600")
        for title in (*head, *([""] if pictured else []))
    ]
    lines = []
    for place, row in enumerate(rows):
        nowrap = Markup("<span style='white-space: nowrap'>{}</span>")
        cells = [text if len(text) > _SENTENCE else nowrap.format(text) for text in row]
        cells += map(Markup, pictured[place : place + 1])
        lines.append([Cell(cell, style=_CELL) for cell in cells])
    style = "margin: 4px 0; border-collapse: collapse; font-size: inherit"
    return html_table(lines, titles, style=style) if lines else ""


def pictures(images: Iterable[tuple[bytes, str]], size: int) -> str:
    """PNG files side by side, each ``size`` pixels wide, each with a text that names it."""
    style = (
        f"display: inline-block; width: {size}px; height: auto; margin: 0 2px 0 0;"
        " border-radius: 3px"
    )
    return "".join(
        f"<img src='data:image/png;base64,{base64.b64encode(png).decode()}' alt='{escape(name)}'"
        f" title='{escape(name)}' style='{style}'>"
        for png, name in images
    )


def interval_text(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    digits: int = 3,
    sign: str = "",
) -> str:
    """A number with its interval, "0.731 [0.708, 0.754]"; "–" where it is undefined, the number
    alone where no interval is asked for, "[no interval]" where there were too few galaxies for one.

    Args:
        value: the number.
        low: lower end of its interval.
        high: upper end.
        digits: after the point.
        sign: "+" writes that of positive numbers too.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if low is None or high is None:
        return f"{value:{sign}.{digits}f}"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:{sign}.{digits}f} [no interval]"
    return f"{value:{sign}.{digits}f} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"
