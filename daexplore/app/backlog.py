"""What one page waits for, done one after the other in a thread beside all pages, and left undone once nobody looks."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from daexplore.app.cache import Memo
from daexplore.app.guard import say

__all__ = ["Backlog", "Task"]

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

    memo: Memo[Any]
    key: Hashable
    kind: str
    name: str
    make: Callable[[], Any]

    @property
    def there(self) -> bool:
        """Whether the result is at hand."""
        return self.memo.peek(self.key) is not None


class Backlog:
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
            self.failures[task.key] = say(error)
        try:
            self._arrived(task)
        finally:
            self._next()
