"""Where a page has its results computed while it answers its visitor."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import panel as pn

from daexplore.app.guard import guarded, say
from daexplore.app.session import Session
from daexplore.app.state import ExplorerState

__all__ = ["Background"]

T = TypeVar("T")

_pool = ThreadPoolExecutor(2, thread_name_prefix="background")


class Background:
    """Where one visitor's results are computed: in a thread, since resampling takes longer than a page may stand still.

    Args:
        state: whose alert says what went wrong.
        session: in which results come in.
    """

    def __init__(self, state: ExplorerState, session: Session) -> None:
        self._state, self._session = state, session
        # Without a page to keep alive (in a test, in a notebook) everything is done at once.
        self._at_once = pn.state.curdoc is None
        self._newest: dict[object, Future[Any]] = {}
        self._walks: dict[object, object] = {}

    def run(self, who: object, work: Callable[[], T], arrived: Callable[[T], object]) -> None:
        """Computes ``work`` and calls ``arrived`` with the result in the session, unless ``who`` asked for another since.

        ``work`` may not touch the page, nor read a state that the visitor may change meanwhile: see ``ExplorerState.still``.
        """
        if self._at_once:
            arrived(work())
            return
        before = self._newest.get(who)
        if before is not None:
            before.cancel()
        future = _pool.submit(work)
        self._newest[who] = future
        future.add_done_callback(lambda done: self._session.later(guarded(self._state, partial(self._arrived, who, done, arrived))))

    def settle(self, who: str, work: Callable[[], T], arrived: Callable[[T], object]) -> None:
        """As ``run``, once the visitor's hand rests; what ``who`` asked for before does not come in any more."""
        before = self._newest.pop(who, None)
        if before is not None:
            before.cancel()
        self._session.settled(who, guarded(self._state, partial(self.run, who, work, arrived)))

    def _arrived(self, who: object, done: "Future[T]", arrived: Callable[[T], object]) -> None:
        if done is not self._newest.get(who) or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._state.alert = say(error)
        else:
            arrived(done.result())

    def steps(self, who: object, steps: Sequence[Callable[[], object]]) -> None:
        """Does one step after the other in the session, between which the page answers others; stops when ``who`` begins anew.

        For figures: they can only be made where the page is, and each takes a tenth of a second or two.
        """
        token = self._walks[who] = object()

        def walk(rest: Sequence[Callable[[], object]]) -> None:
            if self._walks.get(who) is token and rest:
                rest[0]()
                go(rest[1:])

        def go(rest: Sequence[Callable[[], object]]) -> None:
            if self._at_once:
                walk(rest)
            else:
                self._session.later(guarded(self._state, partial(walk, rest)))

        walk(steps)
