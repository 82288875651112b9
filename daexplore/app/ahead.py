"""The epochs before and after the one on screen, read and laid out before anybody asks: a step then only moves points."""

import contextlib

from daexplore.app.background import Background
from daexplore.app.scene import scene
from daexplore.app.state import ExplorerState
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["ahead", "steps"]


def steps(state: ExplorerState) -> list[tuple[Run, int]]:
    """What a step of the epoch would show that is not on screen: of each run its evaluated epochs next to the one shown."""
    found = []
    for run in state.runs:
        shown, epochs = state.epoch_of(run), run.evaluated
        earlier, later = [each for each in epochs if each < shown], [each for each in epochs if each > shown]
        found += [(run, each) for each in earlier[-1:] + later[:1]]
    return found


def ahead(state: ExplorerState, background: Background) -> None:
    """Lays them out in a thread, once the visitor's hand rests. What cannot be read is named when it is asked for."""
    state = state.still()

    def compute() -> None:
        for run, epoch in steps(state):
            with contextlib.suppress(InputError, OSError):
                scene(state, run, epoch)

    background.settle("ahead", compute, lambda _: None)
