"""Markup in which galaxies can be picked, by mouse or keyboard, and keys that hold for the whole page."""

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

__all__ = ["Keys", "Pictures"]


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


class Keys(JSComponent):  # type: ignore[misc]
    """Listens to the whole page's keyboard; a key pressed in a field or a slider is theirs.

    Args:
        on_key: called with "ArrowLeft" and the like, or " ".
        keys: the keys that are listened to.
    """

    keys = param.List(default=[], item_type=str)

    _esm = """
    export function render({ model, el }) {
      const role = node => node.getAttribute?.('role')
      const writes = node => node.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(node.tagName)
        || ['slider', 'tab', 'combobox', 'listbox', 'option', 'gridcell', 'radio'].includes(role(node))
      const presses = node => node.tagName === 'BUTTON' || role(node) === 'button'
      const press = event => {
        const theirs = event.composedPath().some(node => writes(node) || (event.key === ' ' && presses(node)))
        if (theirs || !model.keys.includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return
        event.preventDefault()
        model.send_msg({ key: event.key })
      }
      document.addEventListener('keydown', press)
      model.on('remove', () => document.removeEventListener('keydown', press))
    }
    """

    def __init__(self, on_key: Callable[[str], Any], **params: Any) -> None:
        super().__init__(**params)
        self._on_key = on_key

    def _handle_msg(self, message: dict[str, Any]) -> None:
        key = message.get("key") if isinstance(message, dict) else None
        if isinstance(key, str) and key in self.keys:
            self._on_key(key)
