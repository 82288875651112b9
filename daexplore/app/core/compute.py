"""Where a page has its results computed while it answers its visitor."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import panel as pn

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.session import Session, error_message, show_errors
from daexplore.app.state import ExplorerState

__all__ = ["Task", "TaskQueue", "TaskRunner"]


_worker = ThreadPoolExecutor(1, thread_name_prefix="backlog")


@dataclass(frozen=True, eq=False)
class Task:
    """Something to compute.

    Attributes:
        memo: where the result is kept; what another page has computed meanwhile is not computed again.
        key: under which it is kept there.
        kind: what it is, for those who wait for it.
        name: likewise, for a line of progress.
        make: computes it, in a thread.
    """

    memo: LRUCache[Any]
    key: Hashable
    kind: str
    name: str
    make: Callable[[], Any]

    @property
    def there(self) -> bool:
        """Whether the result is at hand."""
        return self.memo.peek(self.key) is not None


class TaskQueue:
    """The tasks of one page. Only one of them is with the worker at a time: so pages take turns, and what is no longer wanted is dropped.

    Args:
        later: runs a function in the page's session, from any thread.
        arrived: called in the session after each task.
        looking: whether anybody still looks; otherwise the rest waits for the next ``want``.
        worker: by default one thread for all pages.

    Attributes:
        failures: key -> what went wrong, in a sentence; such a task is not tried again.
    """

    def __init__(
        self,
        later: Callable[[Callable[[], object]], None],
        arrived: Callable[[Task], object],
        looking: Callable[[], bool] = lambda: True,
        worker: Executor = _worker,
    ) -> None:
        self._later, self._arrived, self._looking, self._worker = later, arrived, looking, worker
        self._waiting: list[Task] = []
        self._running: Task | None = None
        self._finished = 0
        self.failures: dict[Hashable, str] = {}

    def want(self, tasks: Sequence[Task]) -> None:
        """Asks for these, the first one first, instead of whatever was waiting; what is at hand or has failed is left out."""
        running = None if self._running is None else (id(self._running.memo), self._running.key)
        missing = [task for task in tasks if not task.there and task.key not in self.failures]
        if not self._left:
            self._finished = 0
        self._waiting = [task for task in missing if (id(task.memo), task.key) != running]
        self._next()

    @property
    def progress(self) -> tuple[int, int, str]:
        """Tasks done, tasks wanted, and what is being done now ("" when all is done)."""
        now = self._running or (self._waiting[0] if self._waiting else None)
        return self._finished, self._finished + self._left, now.name if now else ""

    @property
    def _left(self) -> int:
        return len(self._waiting) + (self._running is not None)

    def _next(self) -> None:
        self._waiting = [task for task in self._waiting if not task.there]
        if self._running is not None or not self._waiting or not self._looking():
            return
        task = self._running = self._waiting.pop(0)
        future = self._worker.submit(lambda: task.memo.get(task.key, task.make))
        future.add_done_callback(lambda done: self._later(partial(self._done, task, done)))

    def _done(self, task: Task, done: "Future[Any]") -> None:
        self._running = None
        self._finished += 1
        error = done.exception()
        if error is not None:
            self.failures[task.key] = error_message(error)
        try:
            self._arrived(task)
        finally:
            self._next()


T = TypeVar("T")
_pool = ThreadPoolExecutor(2, thread_name_prefix="background")


class TaskRunner:
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
        future.add_done_callback(
            lambda done: self._session.call_soon(
                show_errors(self._state, partial(self._arrived, who, done, arrived))
            )
        )

    def settle(self, who: str, work: Callable[[], T], arrived: Callable[[T], object]) -> None:
        """As ``run``, once the visitor's hand rests; what ``who`` asked for before does not come in any more."""
        before = self._newest.pop(who, None)
        if before is not None:
            before.cancel()
        self._session.debounced(
            who, show_errors(self._state, partial(self.run, who, work, arrived))
        )

    def _arrived(self, who: object, done: "Future[T]", arrived: Callable[[T], object]) -> None:
        if done is not self._newest.get(who) or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._state.warn(error_message(error))
        else:
            arrived(done.result())

    def run_in_steps(self, who: object, steps: Sequence[Callable[[], object]]) -> None:
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
                self._session.call_soon(show_errors(self._state, partial(walk, rest)))

        walk(steps)
