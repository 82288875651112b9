"""LRU cache of expensive results shared by all sessions."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["LRUCache"]

T = TypeVar("T")


class LRUCache(Generic[T]):
    """A bounded store of read-only results; the one used longest ago goes first. Safe to share
    between sessions and threads.

    Keys name what a result came from (run, epoch, file stamp), never the arrays themselves:
    hashing samples of large arrays gives wrong hits.

    >>> squares = LRUCache(limit=2)
    >>> [squares.get(n, lambda: n * n) for n in (1, 2, 3)]
    [1, 4, 9]
    >>> squares.get(3, lambda: 0), squares.get(1, lambda: 0)
    (9, 0)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result under ``key``, made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        return value

    def peek(self, key: Hashable) -> T | None:
        """The result under ``key``, or None if it is not there."""
        with self._lock:
            return self._values.get(key)
