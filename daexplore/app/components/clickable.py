"""Markup in which galaxies can be picked, by mouse or keyboard, and keys that hold for the whole page."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

import param
from panel.custom import JSComponent

__all__ = ["ClickableHTML", "Pictures", "click_payload"]


class ClickableHTML(JSComponent):  # type: ignore[misc]
    """Markup whose native buttons say something when they are clicked, or pressed by Enter or Space.

    The button that has the focus keeps it when the markup is replaced, if its ``data-key`` is still there, and a part that scrolls
    sideways (class ``wide``) stays where it is.

    Args:
        heard: called with what a button says; see ``click_payload``. It comes from a browser: check it.
        params: of the component.
    """

    markup = param.String(
        default="", doc="HTML; whatever comes from a catalogue is escaped by who makes it"
    )
    chosen = param.String(
        default="", doc="the ``data-galaxy`` of the button that is shown as pressed"
    )

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


def click_payload(*words: str | int) -> str:
    """The attribute of a button that says these words."""
    return f"data-say='{escape(json.dumps(list(words)), quote=True)}'"


class Pictures(JSComponent):  # type: ignore[misc]
    """A pane of markup that tells the server which galaxy was clicked.

    Every element with ``data-galaxy`` can be focused with the tab key, and chosen by click, Enter or Space. Ids must be escaped by whoever
    writes the markup.

    Args:
        on_pick: called with the value of ``data-galaxy``.
    """

    object = param.String(default="", doc="the markup")

    _esm = """
    export function render({ model, el }) {
      const place = document.createElement('div')
      el.append(place)
      const draw = () => {
        const kept = el.getRootNode().activeElement?.dataset?.galaxy
        place.innerHTML = model.object
        for (const item of place.querySelectorAll('[data-galaxy]')) {
          item.tabIndex = 0
          item.setAttribute('role', 'button')
          if (item.dataset.galaxy === kept) item.focus()
        }
      }
      const pick = event => {
        const item = event.target.closest('[data-galaxy]')
        if (!item || (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ')) return
        event.preventDefault()
        model.send_msg({ galaxy: item.dataset.galaxy })
      }
      place.addEventListener('click', pick)
      place.addEventListener('keydown', pick)
      model.on('object', draw)
      draw()
    }
    """

    def __init__(self, on_pick: Callable[[str], Any], **params: Any) -> None:
        super().__init__(**params)
        self._on_pick = on_pick

    def _handle_msg(self, message: dict[str, Any]) -> None:
        galaxy = message.get("galaxy") if isinstance(message, dict) else None
        if isinstance(galaxy, str):
            self._on_pick(galaxy)
