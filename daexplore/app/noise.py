"""What another seed alone would change: the measure of every flip in the headline."""

import math

from daexplore.app.flips import outcomes
from daexplore.app.flips_control import rates, siblings
from daexplore.app.state import ExplorerState
from daexplore.errors import InputError

__all__ = ["seed_noise"]


def seed_noise(state: ExplorerState) -> tuple[float, int] | None:
    """How many target galaxies change hands between two seeds of one method, in the mean over the methods on screen that have two.

    Returns:
        That number, and of how many pairs of seeds it is the mean; None where no method has two seeds.
    """
    try:
        found = outcomes(state)
        families = siblings(state, found)
    except InputError:
        # The room that compares them says what is wrong.
        return None
    between = [rate for rate in rates(found, families) if rate.seeds and math.isfinite(rate.value)]
    if not between:
        return None
    return sum(rate.value for rate in between) / len(between) * len(found), sum(rate.pairs for rate in between)
