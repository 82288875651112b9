"""One parameter of the page's address."""

from collections.abc import Callable
from dataclasses import dataclass

from daexplore.app.state import ExplorerState

__all__ = ["UrlParameter"]


@dataclass(frozen=True)
class UrlParameter:
    """A parameter: its name in the address, how its value is written, and how it is read.

    Attributes:
        name: in the address.
        write: the text for a state; None or "" where the value is the default.
        read: applies a text to a state; raises InputError for one that is not allowed.
    """

    name: str
    write: Callable[[ExplorerState], str | None]
    read: Callable[[ExplorerState, str], None]
