"""HTML tables, in which every text is escaped unless it is ``Markup``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

__all__ = ["Cell", "html_table"]


@dataclass(frozen=True)
class Cell:
    """A cell with attributes of its own.

    Attributes:
        content: text, a number, or ``Markup``.
        css_class: names of classes.
        head: whether it is the heading of its row.
        span: columns that it spans.
        style: inline style, for pages without a style sheet.
        sort: of a column, as ``aria-sort``: "ascending", "descending" or "none".
    """

    content: Any
    css_class: str = ""
    head: bool = False
    span: int = 1
    style: str = ""
    sort: str = ""


def html_table(
    rows: Iterable[Sequence[Any]],
    head: Sequence[Any] = (),
    *,
    css_class: str = "",
    caption: Any = "",
    style: str = "",
) -> Markup:
    """Return a table.

    Args:
        rows: of cells: text, numbers, ``Markup`` or ``Cell``.
        head: cells of the heading; empty for none.
        css_class: names of classes.
        caption: text or ``Markup``.
        style: inline style of the table.
    """
    titles = Markup("").join(_cell(each, "th", Markup(" scope='col'")) for each in head)
    lines = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_cell(each, "td", Markup("")) for each in row))
        for row in rows
    )
    return Markup("<table{}>{}{}<tbody>{}</tbody></table>").format(
        _attributes(css_class, style),
        Markup("<caption>{}</caption>").format(caption) if caption else "",
        Markup("<thead><tr>{}</tr></thead>").format(titles) if head else "",
        lines,
    )


def _cell(value: Any, tag: str, scope: Markup) -> Markup:
    cell = value if isinstance(value, Cell) else Cell(value)
    if cell.head and tag == "td":
        tag, scope = "th", Markup(" scope='row'")
    if cell.sort:
        scope += Markup(" aria-sort='{}'").format(cell.sort)
    span = Markup(" colspan='{}'").format(cell.span) if cell.span > 1 else Markup("")
    return Markup("<{0}{1}{2}{3}>{4}</{0}>").format(
        tag, scope, span, _attributes(cell.css_class, cell.style), escape(cell.content)
    )


def _attributes(css_class: str, style: str) -> Markup:
    found = Markup(" class='{}'").format(css_class) if css_class else Markup("")
    return found + (Markup(" style='{}'").format(style) if style else Markup(""))
