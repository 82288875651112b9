"""Compute service of a page: threads and child processes, results in its session."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import panel as pn

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.processes import submit_process
from daexplore.app.core.session import Session, error_message, show_errors
from daexplore.app.state import ExplorerState

__all__ = ["Compute", "Task", "TaskQueue"]

T = TypeVar("T")
_threads = {
    # Answers that the user waits for, and work of seconds, do not wait for each other.
    "thread": ThreadPoolExecutor(3, thread_name_prefix="compute"),
    "slow": ThreadPoolExecutor(2, thread_name_prefix="compute-slow"),
    # One thread for the queues of all pages, so that they take turns.
    "queue": ThreadPoolExecutor(1, thread_name_prefix="compute-queue"),
}


@dataclass(frozen=True, eq=False)
class Task:
    """Something to compute.

    Attributes:
        memo: where the result is kept; what another page has computed meanwhile is not computed
            again.
        key: under which it is kept there.
        kind: what it is, for those who wait for it.
        name: as above, for a line of progress.
        make: computes it, in a thread.
    """

    memo: LRUCache[Any]
    key: Hashable
    kind: str
    name: str
    make: Callable[[], Any]

    @property
    def there(self) -> bool:
        """Whether the result is available."""
        return self.memo.peek(self.key) is not None


class TaskQueue:
    """The tasks of one page. Only one of them is with the worker at a time: so pages take turns,
    and what is no longer wanted is dropped.

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
        worker: Executor = _threads["queue"],
    ) -> None:
        self._later, self._arrived, self._looking, self._worker = later, arrived, looking, worker
        self._waiting: list[Task] = []
        self._running: Task | None = None
        self._finished = 0
        self.failures: dict[Hashable, str] = {}

    def want(self, tasks: Sequence[Task]) -> None:
        """Ask for these, the first one first, instead of whatever was waiting; what is available or
        has failed is left out.
        """
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


class Compute:
    """Computes a page's results while the page answers. Without a page, as in a test, everything is
    done at once.

    Args:
        state: its alert shows errors.
        session: delivers results.
    """

    def __init__(self, state: ExplorerState, session: Session) -> None:
        self._state, self._session = state, session
        self._at_once = pn.state.curdoc is None
        self._newest: dict[object, Future[Any]] = {}
        self._walks: dict[object, object] = {}

    def submit(
        self,
        key: object,
        function: Callable[..., T],
        *arguments: Any,
        where: str = "thread",
        then: Callable[[T], object] | None = None,
        failed: Callable[[str], object] | None = None,
    ) -> "Future[T]":
        """Start a call; its result is delivered in the session unless the same key has been
        submitted again.

        The call may not touch the page, nor read a state that changes meanwhile: pass
        ``ExplorerState.snapshot()``.

        Args:
            key: a newer call under it cancels this one.
            function: what to compute.
            arguments: of the function.
            where: "thread"; "slow" for work of seconds; else the name of a child process, see
                ``submit_process``.
            then: called with the result.
            failed: called with what went wrong, in a sentence; by default the page shows an alert.
        """
        before = self._newest.pop(key, None)
        if before is not None:
            before.cancel()
        future = self._start(where, function, arguments)
        self._newest[key] = future
        deliver = partial(
            self._deliver, key, future, then or (lambda _: None), failed or self._state.warn
        )
        if self._at_once and future.done():
            deliver()
        else:
            future.add_done_callback(
                lambda _: self._session.call_soon(show_errors(self._state, deliver))
            )
        return future

    def settle(
        self,
        key: str,
        function: Callable[..., T],
        *arguments: Any,
        then: Callable[[T], object] | None = None,
    ) -> None:
        """Like ``submit``, once the key has not been asked for during a moment: for what is too
        slow to follow a slider.
        """
        before = self._newest.pop(key, None)
        if before is not None:
            before.cancel()
        start = partial(self.submit, key, function, *arguments, then=then)
        self._session.debounced(key, show_errors(self._state, start))

    def run_in_steps(self, key: object, steps: Sequence[Callable[[], object]]) -> None:
        """Run steps in the session, between which the page answers; a newer call under the key ends
        this one.

        For figures: they can only be made where the page is, and each takes a tenth of a second or
        two.
        """
        token = self._walks[key] = object()

        def walk(rest: Sequence[Callable[[], object]]) -> None:
            if self._walks.get(key) is token and rest:
                rest[0]()
                go(rest[1:])

        def go(rest: Sequence[Callable[[], object]]) -> None:
            if self._at_once:
                walk(rest)
            else:
                self._session.call_soon(show_errors(self._state, partial(walk, rest)))

        walk(steps)

    def _start(
        self, where: str, function: Callable[..., T], arguments: tuple[Any, ...]
    ) -> "Future[T]":
        if where not in _threads:
            return submit_process(where, function, *arguments)
        if not self._at_once:
            return _threads[where].submit(function, *arguments)
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def _deliver(
        self,
        key: object,
        future: "Future[T]",
        then: Callable[[T], object],
        failed: Callable[[str], object],
    ) -> None:
        if future is not self._newest.get(key) or future.cancelled():
            return
        error = future.exception()
        if error is not None:
            failed(error_message(error))
        else:
            then(future.result())
