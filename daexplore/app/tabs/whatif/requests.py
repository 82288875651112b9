"""Requests of the What-if tab to its child process, level by level and cached."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from daexplore.app.core.cache import LRUCache
from daexplore.app.core.processes import submit_process
from daexplore.app.core.session import error_message
from daexplore.app.latents.embeddings import change_token
from daexplore.engine.whatif.messages import LevelPlan, Query, Response
from daexplore.runs import Run

__all__ = ["WhatIfRequests"]

_plans: LRUCache[LevelPlan] = LRUCache(256)
_answers: LRUCache[Response] = LRUCache(2048)

_Key = tuple[Any, ...]


def _respond(question: Query, number: int | None) -> Any:
    # Imported in the child process alone: it takes torch.
    from daexplore.engine.whatif.response import answer, plan

    return plan(question) if number is None else answer(question, number)


def _submit(question: Query, number: int | None) -> "Future[Any]":
    return submit_process("whatif", _respond, question, number)


class WhatIfRequests:
    """The questions of one page.

    Args:
        later: runs a function in the page's session, from any thread.
        arrived: called in the session whenever something has arrived.
        submit: starts the work; by default in a child process.

    Attributes:
        failures: (question) -> what went wrong, in a sentence; such a question is not put again.
    """

    def __init__(
        self,
        later: Callable[[Callable[[], object]], None],
        arrived: Callable[[], object],
        submit: Callable[[Query, int | None], "Future[Any]"] = _submit,
    ) -> None:
        self._later, self._arrived, self._submit = later, arrived, submit
        self._wanted: list[tuple[Run, Query]] = []
        self._waiting: dict[_Key, Future[Any]] = {}
        self.failures: dict[Query, str] = {}

    def want(self, questions: Sequence[tuple[Run, Query]]) -> None:
        """Ask these instead of whatever was waiting. The position at which the survey recorded
        comes first, then its neighbours.
        """
        self._wanted = list(questions)
        needed = self._missing()
        for key in [key for key in self._waiting if key not in needed]:
            self._waiting.pop(key).cancel()
        for key, (question, number) in needed.items():
            # With work that is done at once, what follows in this list has arrived while its head
            # was asked.
            if key not in self._waiting and not self._there(key) and question not in self.failures:
                self._waiting[key] = future = self._submit(question, number)
                future.add_done_callback(partial(self._done, key, question))

    def plan(self, run: Run, question: Query) -> LevelPlan | None:
        """Where the dial can be turned to, if that is known yet."""
        return _plans.peek(_key(run, question, None))

    def answer(self, run: Run, question: Query, number: int) -> Response | None:
        """What the run says there, if that is known yet."""
        return _answers.peek(_key(run, question, number))

    @property
    def progress(self) -> tuple[int, int]:
        """Positions worked out, and those wanted, of all runs together; (0, 0) before the first
        plan.
        """
        done = total = 0
        for run, question in self._wanted:
            plan = self.plan(run, question)
            if plan is not None and question not in self.failures:
                total += len(plan.stops)
                done += sum(
                    self.answer(run, question, number) is not None
                    for number in range(len(plan.stops))
                )
        return done, total

    @property
    def complete(self) -> bool:
        """Whether nothing is missing any more."""
        return not self._missing()

    def _there(self, key: _Key) -> bool:
        return (_plans if key[-1] is None else _answers).peek(key) is not None

    def _missing(self) -> dict[_Key, tuple[Query, int | None]]:
        found: list[tuple[int, _Key, tuple[Query, int | None]]] = []
        for run, question in self._wanted:
            if question in self.failures:
                continue
            plan = self.plan(run, question)
            if plan is None:
                found.append((-1, _key(run, question, None), (question, None)))
                continue
            own = next(number for number, stop in enumerate(plan.stops) if stop.original)
            for number in range(len(plan.stops)):
                if self.answer(run, question, number) is None:
                    found.append(
                        (abs(number - own), _key(run, question, number), (question, number))
                    )
        # Runs take turns at each position: the images made for the first are then available for the
        # others.
        return {key: wanted for _, key, wanted in sorted(found, key=lambda one: one[0])}

    def _done(self, key: _Key, question: Query, done: "Future[Any]") -> None:
        if not done.cancelled() and done.exception() is None:
            result = done.result()
            if isinstance(result, LevelPlan):
                _plans.get(key, lambda: result)
            else:
                _answers.get(key, lambda: result)
        self._later(partial(self._came, key, question, done))

    def _came(self, key: _Key, question: Query, done: "Future[Any]") -> None:
        if self._waiting.pop(key, None) is None:
            return
        # Where another page gave up what both were waiting for, it is asked for again below.
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self.failures[question] = error_message(error)
        self.want(self._wanted)
        self._arrived()


def _key(run: Run, question: Query, number: int | None) -> _Key:
    return *change_token(run, question.epoch), question, number
