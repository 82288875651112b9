"""Random observing conditions of training images."""

from daexplore.data.conditions.measure import MeasuredConditions
from daexplore.data.conditions.observe import Conditions

__all__ = ["Conditions", "MeasuredConditions"]
