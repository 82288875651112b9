"""Markup whose buttons and galaxies can be clicked, or pressed by Enter or Space."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

import param
from panel.custom import JSComponent

from daexplore.utils.files import static_text

__all__ = ["ClickableHTML", "click_payload", "galaxy_clicked"]


class ClickableHTML(JSComponent):  # type: ignore[misc]
    """Markup that reports clicks.

    A button with ``click_payload`` sends its payload. Any other element with ``data-galaxy``
    becomes a button and sends ``["galaxy", id]``. The element that has the focus keeps it when the
    markup is replaced, and a part that scrolls sideways (class ``wide``) stays where it is.

    Args:
        on_click: called with the payload. It comes from a browser: validate it.
        params: of the component.
    """

    markup = param.String(default="", doc="HTML; whatever comes from a catalogue is escaped in it")
    chosen = param.String(default="", doc="``data-galaxy`` of the button that is shown as pressed")

    _esm = static_text("app", "clickable.js")

    def __init__(self, on_click: Callable[[Any], object], **params: Any) -> None:
        super().__init__(**params)
        self.on_click = on_click

    def _handle_msg(self, data: Any) -> None:
        self.on_click(data)


def click_payload(*words: str | int) -> str:
    """Return the attribute of a button that sends these words."""
    return f"data-say='{escape(json.dumps(list(words)), quote=True)}'"


def galaxy_clicked(select: Callable[[str], object]) -> Callable[[Any], None]:
    """Return a handler that calls ``select`` with the id of a clicked galaxy and ignores the
    rest.
    """

    def handle(payload: Any) -> None:
        match payload:
            case ["galaxy", str(sample_id)]:
                select(sample_id)

    return handle
