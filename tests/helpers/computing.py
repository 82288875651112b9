"""Compute services for tests: one that waits until it is told to go on, one that fails."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from daexplore.app.core.compute import Compute
from daexplore.app.core.session import Session, error_message
from daexplore.app.state import ExplorerState


class Waiting(Compute):
    """Collects what is submitted; each item of ``asked`` does it when it is called."""

    def __init__(self, state: ExplorerState) -> None:
        super().__init__(state, Session())
        self.asked: list[Callable[[], object]] = []

    def submit(
        self, key: object, function: Callable[..., Any], *arguments: Any, **options: Any
    ) -> "Future[Any]":
        self.asked.append(lambda: super(Waiting, self).submit(key, function, *arguments, **options))
        return Future()


class Failing(Compute):
    """Every computation fails with the same error."""

    def __init__(self, state: ExplorerState, error: Exception) -> None:
        super().__init__(state, Session())
        self.error, self.state = error, state

    def submit(
        self, key: object, function: Callable[..., Any], *arguments: Any, **options: Any
    ) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_exception(self.error)
        (options.get("failed") or self.state.warn)(error_message(self.error))
        return done
