"""Checks of numbers that a network gave."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

__all__ = ["check_finite"]


def check_finite(what: str, *arrays: NDArray[Any]) -> None:
    """Raise InputError if any number is NaN or infinite.

    Args:
        what: the arrays' name, in the plural and capitalised, as the message begins with it.
        arrays: of any shape.
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(
            f"{what} hold NaN or infinite values: the training diverged. Train again with a smaller"
            " learning rate."
        )
