"""What the menu leads to. A room is one module with a function ``build_tab``, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import panel as pn

from daexplore.app.core.session import Session
from daexplore.app.state import ExplorerState

__all__ = ["ROOMS", "TabContext", "TabSpec", "TabView", "noop"]


@dataclass(frozen=True)
class TabContext:
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


def noop() -> None:
    """For rooms with nothing to do when they are entered again."""


@dataclass(frozen=True)
class TabView:
    """A furnished room.

    Attributes:
        view: what is in it.
        entered: called whenever the visitor comes back to it.
    """

    view: pn.viewable.Viewable
    entered: Callable[[], object] = noop


@dataclass(frozen=True)
class TabSpec:
    """An item of the menu.

    Attributes:
        name: as the menu says it.
        module: imported when the room is first entered; its ``build_tab`` takes an ``TabContext`` and returns a ``TabView``.
        shares: whether runs, epoch and threshold, and the sentence that compares the runs, stand above it.
    """

    name: str
    module: str
    shares: bool = True

    def build_tab(self, entry: TabContext) -> TabView:
        """The room behind the door."""
        room: TabView = import_module(self.module).build_tab(entry)
        return room


ROOMS = (
    TabSpec("Compare", "daexplore.app.tabs.compare.tab"),
    TabSpec("Flips", "daexplore.app.tabs.flips.tab"),
    TabSpec("Performance", "daexplore.app.tabs.performance.tab"),
    TabSpec("Domain distance", "daexplore.app.tabs.distance.tab"),
    TabSpec("What-if", "daexplore.app.tabs.whatif.tab"),
    TabSpec("Data", "daexplore.app.tabs.data.tab", shares=False),
    TabSpec("Train", "daexplore.app.tabs.train.tab", shares=False),
    TabSpec("Runs", "daexplore.app.tabs.runs.tab", shares=False),
)
