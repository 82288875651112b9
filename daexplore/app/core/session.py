"""Session of one page: batched updates, calls from threads, debouncing and error alerts."""

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import panel as pn
from panel.io.callbacks import PeriodicCallback
from panel.io.document import hold
from panel.io.state import set_curdoc

from daexplore.app.state import ExplorerState
from daexplore.errors import InputError

__all__ = ["Session", "bind", "error_message", "show_errors"]


P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)
_REST = 120  # [ms]


def show_errors(state: ExplorerState, function: Callable[P, T]) -> Callable[P, T | None]:
    """``function`` with every exception turned into an alert on the page; those that are a fault of
    ours also go to the server's log.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            state.warn(error_message(error))
            return None

    return call


def bind(widget: Any, state: ExplorerState, name: str) -> None:
    """Bind a widget's value to a field of the state, both ways."""

    def follow(*_: Any) -> None:
        widget.value = getattr(state, name)

    follow()
    state.param.watch(show_errors(state, follow), name)
    widget.param.watch(show_errors(state, lambda event: state.show(**{name: event.new})), "value")


def error_message(error: BaseException) -> str:
    """An exception in a sentence for the page."""
    if isinstance(error, InputError):
        return str(error)
    _log.error("A callback of the explorer failed", exc_info=error)
    return (
        f"Something went wrong here: {type(error).__name__}: {error}. The terminal that serves this"
        " page has the details."
    )


class Session:
    """The session that is current when this is made. Without one (in a test, in a notebook)
    everything is done at once.
    """

    def __init__(self) -> None:
        self._document: Any = pn.state.curdoc
        self._resting: dict[str, Any] = {}
        self._gone = False
        if self._document is not None and self._document.session_context is not None:
            pn.state.on_session_destroyed(self._destroyed)

    def batched(self, function: Callable[P, T]) -> Callable[P, T]:
        """``function`` with all its changes to the page sent as one message, in order.

        Panel and Bokeh send theirs by different ways; when a function both shows new figures and
        moves what is in them, the second message may otherwise overtake the first and speak of
        models that the page does not know yet.
        """

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            if self._document is None:
                return function(*args, **kwargs)
            with set_curdoc(self._document), hold(self._document, policy="collect"):
                return function(*args, **kwargs)

        return call

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run ``function`` in this session as soon as it can, whatever thread this is called from;
        drops it once the user is gone.
        """
        if self._document is None:
            function()
        elif not self._gone:
            self._document.add_next_tick_callback(self.batched(function))

    def debounced(self, name: str, function: Callable[[], object]) -> None:
        """Run ``function`` once this has not been called with the same ``name`` for a moment: for
        what is too slow to follow a slider.
        """
        if self._document is None:
            function()
            return
        waiting = self._resting.pop(name, None)
        if waiting is not None:
            self._document.remove_timeout_callback(waiting)
        self._resting[name] = self._document.add_timeout_callback(
            partial(self._rested, name, function), _REST
        )

    def call_every(self, period: int, function: Callable[[], object]) -> None:
        """Call ``function`` every ``period`` [ms] from when the browser has the page; without a
        session never.

        Changes sent while a browser is still fetching the page would speak of models it does not
        know. The calls do not count as the server being busy: that sign would flicker with
        each, and Panel walks through all models of the page to change it.
        """
        if self._document is not None:
            clock = PeriodicCallback(
                callback=self.batched(function), period=period, background=True
            )
            pn.state.onload(clock.start)

    def clock(self, period: int, function: Callable[[], object]) -> PeriodicCallback:
        """Something to ``start`` and ``stop`` that calls ``function`` every ``period`` [ms] while
        it runs.
        """
        return PeriodicCallback(callback=self.batched(function), period=period, background=True)

    def _rested(self, name: str, function: Callable[[], object]) -> None:
        self._resting.pop(name, None)
        self.batched(function)()

    def _destroyed(self, _: Any) -> None:
        self._gone = True
