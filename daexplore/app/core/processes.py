"""Child processes for work that would slow the page: one named pool of low priority per kind."""

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

__all__ = ["submit_process"]

_pools: dict[str, ProcessPoolExecutor] = {}
_pending: dict[tuple[Any, ...], "Future[Any]"] = {}
_lock = threading.Lock()


def submit_process(pool: str, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Start a call in a child process, or join the same call that is under way.

    Args:
        pool: name; each pool is one process, so that kinds of work do not wait for each other.
        function: defined at the top level of a module, which the child imports.
        arguments: hashable, and cheap to send.
    """
    key = (pool, function, *arguments)
    with _lock:
        if key in _pending:
            return _pending[key]
        try:
            future = _pool(pool).submit(function, *arguments)
        except BrokenProcessPool:
            # A killed worker breaks the pool (out of memory, for example): replace it.
            _pools.pop(pool).shutdown(wait=False)
            future = _pool(pool).submit(function, *arguments)
        _pending[key] = future
    future.add_done_callback(lambda _: _remove_result(key))
    return future


def _remove_result(key: tuple[Any, ...]) -> None:
    with _lock:
        _pending.pop(key, None)


def _pool(name: str) -> ProcessPoolExecutor:
    if name not in _pools:
        # One thread each, set before the child imports numpy: a page on a busy machine must not
        # make it busier.
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        _pools[name] = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=lower_priority
        )
    return _pools[name]


def lower_priority() -> None:
    """Give way to the server and to trainings."""
    if hasattr(os, "nice"):
        os.nice(10)


@atexit.register
def _stop() -> None:
    for pool in _pools.values():
        pool.shutdown(wait=False, cancel_futures=True)
