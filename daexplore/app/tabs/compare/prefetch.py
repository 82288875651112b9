"""Prefetching of the epochs around the displayed one."""

import contextlib

from daexplore.app.core.compute import Compute
from daexplore.app.latents.view import scene
from daexplore.app.state import ExplorerState
from daexplore.domains import DOMAINS
from daexplore.errors import InputError
from daexplore.runs import Run

__all__ = ["prefetch_epochs", "upcoming_epochs"]

_REACH = 4
"""So many epochs before and after the one on screen."""
_VALUES = 50_000_000


def upcoming_epochs(state: ExplorerState) -> list[tuple[Run, int]]:
    """What a few steps of the epoch would show that is not on screen: of each run its evaluated
    epochs around that shown, nearest first.
    """
    found = []
    for run in state.runs:
        shown, epochs = state.epoch_of(run), run.evaluated
        for side in (
            [each for each in reversed(epochs) if each < shown],
            [each for each in epochs if each > shown],
        ):
            found += [(distance, run, epoch) for distance, epoch in enumerate(side[:_REACH])]
    return [(run, epoch) for _, run, epoch in sorted(found, key=lambda each: each[0])]


def prefetch_epochs(state: ExplorerState, service: Compute) -> None:
    """Lay them out in a thread, once the user pauses. What cannot be read is named when it
    is asked for.

    Those next to the epoch on screen are always laid out, further ones while their latents together
    stay below a bound.
    """
    here, state = state, state.snapshot()

    def compute() -> None:
        values = 0
        for place, (run, epoch) in enumerate(upcoming_epochs(state)):
            # The user may have moved the slider meanwhile: then other epochs are next.
            if (
                here.epoch != state.epoch
                or here.run_ids != state.run_ids
                or (place >= 2 * len(state.runs) and values > _VALUES)
            ):
                return
            with contextlib.suppress(InputError, OSError):
                found = scene(state, run, epoch)
                values += found.evaluation.latents.size
                # An evaluation keeps these from when they are first asked for.
                _ = (
                    found.galaxies,
                    found.evaluation.row_by_id,
                    found.evaluation.rows_by_group,
                    [found.evaluation.mask(each) for each in DOMAINS],
                )
                run.saliency(epoch)

    service.settle("ahead", compute, then=lambda _: None)
