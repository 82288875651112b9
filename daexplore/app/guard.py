"""Callbacks that fail in the page's sight: an alert instead of a bare traceback or silence."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from daexplore.app.state import ExplorerState
from daexplore.errors import InputError

__all__ = ["guarded", "say"]

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


def guarded(state: ExplorerState, function: Callable[P, T]) -> Callable[P, T | None]:
    """``function`` with every exception turned into an alert on the page; those that are a fault of ours also go to the server's log."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            state.alert = say(error)
            return None

    return call


def say(error: BaseException) -> str:
    """An exception in a sentence for the page."""
    if isinstance(error, InputError):
        return str(error)
    _log.error("A callback of the explorer failed", exc_info=error)
    return f"Something went wrong here: {type(error).__name__}: {error}. The terminal that serves this page has the details."
