"""Markup with buttons that are heard on the server: galleries and tables of more parts than there should be widgets."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

import param
from panel.custom import JSComponent

__all__ = ["Clickable", "says"]


class Clickable(JSComponent):  # type: ignore[misc]
    """Markup whose native buttons say something when they are clicked, or pressed by Enter or Space.

    The button that has the focus keeps it when the markup is replaced, if its ``data-key`` is still there, and a part that scrolls
    sideways (class ``wide``) stays where it is.

    Args:
        heard: called with what a button says; see ``says``. It comes from a browser: check it.
        params: of the component.
    """

    markup = param.String(default="", doc="HTML; whatever comes from a catalogue is escaped by who makes it")
    chosen = param.String(default="", doc="the ``data-galaxy`` of the button that is shown as pressed")

    _esm = """
    export function render({ model, el }) {
      const mark = () => el.querySelectorAll("[data-galaxy]").forEach(
        button => button.setAttribute("aria-pressed", String(button.dataset.galaxy === model.chosen)));
      const draw = () => {
        const key = el.getRootNode().activeElement?.dataset?.key, left = el.querySelector(".wide")?.scrollLeft;
        el.innerHTML = model.markup;
        mark();
        if (left) el.querySelector(".wide")?.scrollTo({ left });
        if (key) el.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
      };
      el.addEventListener("click", event => {
        const button = event.target.closest("[data-say]");
        if (button) model.send_msg(JSON.parse(button.dataset.say));
      });
      model.on("markup", draw);
      model.on("chosen", mark);
      draw();
    }
    """

    def __init__(self, heard: Callable[[Any], object], **params: Any) -> None:
        super().__init__(**params)
        self._heard = heard

    def _handle_msg(self, data: Any) -> None:
        self._heard(data)


def says(*words: str | int) -> str:
    """The attribute of a button that says these words."""
    return f"data-say='{escape(json.dumps(list(words)), quote=True)}'"
