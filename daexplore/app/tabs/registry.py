"""What the menu leads to. A room is one module with a function ``furnish``, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import panel as pn

from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState

__all__ = ["ROOMS", "Door", "Entry", "Room", "nothing"]


@dataclass(frozen=True)
class Entry:
    """What a room is furnished with.

    Attributes:
        state: what the visitor looks at.
        session: in which slow results come in.
        visible: whether the room is the one on screen; one that is not need not follow the state.
        back: looks at the runs folder and leads to the first room.
    """

    state: ExplorerState
    session: Session
    visible: Callable[[], bool]
    back: Callable[[], None]


def nothing() -> None:
    """For rooms with nothing to do when they are entered again."""


@dataclass(frozen=True)
class Room:
    """A furnished room.

    Attributes:
        view: what is in it.
        entered: called whenever the visitor comes back to it.
    """

    view: pn.viewable.Viewable
    entered: Callable[[], object] = nothing


@dataclass(frozen=True)
class Door:
    """An item of the menu.

    Attributes:
        name: as the menu says it.
        module: imported when the room is first entered; its ``furnish`` takes an ``Entry`` and returns a ``Room``.
        shares: whether runs, epoch and threshold, and the sentence that compares the runs, stand above it.
    """

    name: str
    module: str
    shares: bool = True

    def furnish(self, entry: Entry) -> Room:
        """The room behind the door."""
        room: Room = import_module(self.module).furnish(entry)
        return room


ROOMS = (
    Door("Compare", "daexplore.app.tabs.compare.tab"),
    Door("Flips", "daexplore.app.tabs.flips.tab"),
    Door("Performance", "daexplore.app.tabs.performance.tab"),
    Door("Domain distance", "daexplore.app.tabs.distance.tab"),
    Door("What-if", "daexplore.app.tabs.whatif.tab"),
    Door("Data", "daexplore.app.tabs.data.tab", shares=False),
    Door("Train", "daexplore.app.tabs.train.tab", shares=False),
    Door("Runs", "daexplore.app.tabs.runs.tab", shares=False),
)
