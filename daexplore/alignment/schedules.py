"""How a method's strength grows while the training goes on."""

import math

__all__ = ["ganin_schedule", "linear_ramp"]


def ganin_schedule(progress: float, gamma: float = 10.0) -> float:
    """``2 / (1 + exp(-gamma p)) - 1``: from 0 to almost 1 as the progress ``p`` goes from 0 to 1 (Ganin et al. 2016, sec. 5.2.2)."""
    return 2 / (1 + math.exp(-gamma * progress)) - 1


def linear_ramp(progress: float, start: float, ramp: float) -> float:
    """0 before ``start``, then rising linearly to 1 over ``ramp``; all three are shares of the training."""
    return min(max((progress - start) / ramp, 0.0), 1.0) if ramp else float(progress >= start)
