"""Protocol of every adaptation method, and the schedules of its strength."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from daexplore.domains import DomainOutputs

__all__ = ["Alignment", "ganin_schedule", "linear_ramp"]


def ganin_schedule(progress: float, gamma: float = 10.0) -> float:
    """``2 / (1 + exp(-gamma p)) - 1``: from 0 to almost 1 as the progress ``p`` goes from 0 to 1
    (Ganin et al. 2016, sec. 5.2.2).
    """
    return 2 / (1 + math.exp(-gamma * progress)) - 1


def linear_ramp(progress: float, start: float, ramp: float) -> float:
    """0 before ``start``, then rising linearly to 1 over ``ramp``; all three are shares of the
    training.
    """
    return min(max((progress - start) / ramp, 0.0), 1.0) if ramp else float(progress >= start)


class Alignment(nn.Module, ABC):
    """A loss that pulls two domains together; its trainable parts, if any, are its sub-modules.

    A method is one file with one subclass, whose constructor takes ``latent_dim`` and ``classes``
    and then its own options, and one line in ``daexplore.alignment.METHODS``.

    Attributes:
        gathers: whether, in distributed training, the method must see the batches of all processes
            together.
    """

    gathers: bool = True

    @abstractmethod
    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """Named, unweighted, scalar loss terms of one step.

        Args:
            source: latents, logits and labels of the source batch.
            target: latents and logits of the target batch; ``target.labels`` is None.
            progress: share of the training that is done, from 0 to 1.
        """

    def penalty(self, terms: dict[str, Tensor], task: Tensor) -> Tensor:
        """What the method's weight multiplies and the total loss gains: the sum of the terms,
        unless the method weighs them by itself.

        Args:
            terms: as ``forward`` gave them.
            task: the task loss of the same step.
        """
        return torch.stack(list(terms.values())).sum()

    def strength(self, progress: float) -> float:
        """Factor on the method's weight at this point of the training; 1 unless the method warms
        up.
        """
        return 1.0
