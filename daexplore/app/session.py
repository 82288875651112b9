"""Doing things later in one visitor's session: from another thread, or once the visitor's hand rests."""

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
from panel.io.document import unlocked
from panel.io.state import set_curdoc

__all__ = ["Session"]

_REST = 120  # [ms]


class Session:
    """The session that is current when this is made. Without one (in a test, in a notebook) everything is done at once."""

    def __init__(self) -> None:
        self._document: Any = pn.state.curdoc
        self._resting: dict[str, Any] = {}
        self._gone = False
        if self._document is not None and self._document.session_context is not None:
            pn.state.on_session_destroyed(self._destroyed)

    def later(self, function: Callable[[], object]) -> None:
        """Runs ``function`` in this session as soon as it can, whatever thread this is called from; drops it once the visitor is gone."""
        if self._document is None:
            function()
        elif not self._gone:
            self._document.add_next_tick_callback(partial(self._call, function))

    def settled(self, name: str, function: Callable[[], object]) -> None:
        """Runs ``function`` once this has not been called with the same ``name`` for a moment: for what is too slow to follow a slider."""
        if self._document is None:
            function()
            return
        waiting = self._resting.pop(name, None)
        if waiting is not None:
            self._document.remove_timeout_callback(waiting)
        self._resting[name] = self._document.add_timeout_callback(partial(self._rested, name, function), _REST)

    def _rested(self, name: str, function: Callable[[], object]) -> None:
        self._resting.pop(name, None)
        self._call(function)

    def _call(self, function: Callable[[], object]) -> None:
        with set_curdoc(self._document), unlocked():
            function()

    def _destroyed(self, _: Any) -> None:
        self._gone = True
