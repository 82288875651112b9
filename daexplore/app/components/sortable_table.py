"""Sortable table with a checkbox per row; every text in it is escaped."""

from typing import ClassVar

import param
from panel.custom import JSComponent

from daexplore.utils.files import static_text

__all__ = ["SelectableTable"]


class SelectableTable(JSComponent):  # type: ignore[misc]
    """Lines of text with a box to tick before each. It draws; what is sorted and how is up to
    the caller.

    A cell holds any of ``text``, ``small`` (below it), ``badge``, ``chips`` (a list), ``strong``,
    ``state`` (a CSS class) and ``span``.
    """

    caption = param.String(default="", doc="what the table is, for those who cannot see it")
    columns = param.List(
        default=[],
        item_type=dict,
        doc="of each column: key, text, help, badge, kind; no key: not to sort by",
    )
    rows = param.String(
        default="[]",
        doc=(
            "JSON, since hundreds of lines take long to compare: of each key, label, damaged, cells"
        ),
    )
    order = param.List(
        default=[], item_type=str, doc="keys of the lines to show, from top to bottom"
    )
    ticked = param.List(
        default=[], item_type=str, doc="keys of the ticked lines, also of some that are not shown"
    )
    sort = param.String(default="", doc="key of the column that it is sorted by")
    descending = param.Boolean(default=False, doc="whether the largest comes first")

    _esm: ClassVar[str] = static_text("app", "sortable_table.js")
