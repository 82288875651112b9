"""What a view shows, found as its reader finds it: by its text, a widget's label, a plot's name."""

from collections.abc import Iterator
from typing import Any

import panel as pn

__all__ = ["drawn", "figures", "parts", "shown", "widget"]


def parts(view: Any) -> Iterator[Any]:
    """All visible parts of a view, in the order of the page; what is in a hidden one is hidden."""
    if not getattr(view, "visible", True):
        return
    yield view
    for part in getattr(view, "objects", None) or ():
        yield from parts(part)


def shown(view: Any) -> str:
    """The markup of all visible panes and components."""
    texts = (
        part.object if isinstance(part, pn.pane.HTML) else getattr(part, "markup", "")
        for part in parts(view)
    )
    return "\n".join(text for text in texts if text)


def figures(view: Any) -> list[Any]:
    """All visible Bokeh figures."""
    return [part.object for part in parts(view) if isinstance(part, pn.pane.Bokeh)]


def widget(view: Any, label: str) -> Any:
    """The one visible widget of this label or name."""
    (found,) = (
        part
        for part in parts(view)
        if isinstance(part, pn.widgets.WidgetBase)
        and label in (getattr(part, "label", None), part.name)
    )
    return found


def drawn(figure: Any, place: int = 0) -> dict[str, Any]:
    """The columns behind one renderer of a figure: the first, if no other is asked for."""
    return figure.renderers[place].data_source.data
