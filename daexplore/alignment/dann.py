"""Domain-adversarial training: a domain classifier behind a gradient reversal."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from daexplore.alignment.base import Alignment
from daexplore.types import DomainOutputs

__all__ = ["DANN", "ganin_schedule", "reverse_gradient"]


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latents: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return latents.view_as(latents)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(latents: Tensor, strength: float) -> Tensor:
    """The identity, whose gradient is multiplied by ``-strength`` (Ganin et al. 2016, JMLR 17, eq. 14-15)."""
    reversed_: Tensor = _Reverse.apply(latents, strength)  # type: ignore[no-untyped-call]
    return reversed_


def ganin_schedule(progress: float, gamma: float = 10.0) -> float:
    """``2 / (1 + exp(-gamma p)) - 1``: from 0 to almost 1 as the progress ``p`` goes from 0 to 1 (Ganin et al. 2016, sec. 5.2.2)."""
    return 2 / (1 + math.exp(-gamma * progress)) - 1


class DANN(Alignment):
    """Ganin et al. 2016 (JMLR 17, 1-35): the domain classifier learns to tell the domains, the encoder to confuse it.

    The classifier always learns at full strength; what the encoder receives is its gradient times ``-reversal * schedule``. With the
    method's weight w the encoder's share is w times that.

    Args:
        latent_dim: dimension of the latent.
        classes: number of classes; not needed by this method.
        hidden: widths of the domain classifier's hidden layers.
        dropout: share of their values dropped while training.
        reversal: the reversal's strength at the end of the schedule.
        gamma: steepness of the schedule.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,  # noqa: ARG002
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        reversal: float = 0.1,
        gamma: float = 10.0,
    ):
        super().__init__()
        self.reversal, self.gamma = reversal, gamma
        layers: list[nn.Module] = []
        before = latent_dim
        for width in hidden:
            layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)]
            before = width
        self.classifier = nn.Sequential(*layers, nn.Linear(before, 1))

    def forward(self, source: DomainOutputs, target: DomainOutputs, progress: float) -> dict[str, Tensor]:
        """One term, ``domain``: the domain classifier's binary cross-entropy, ln 2 where it cannot tell the domains apart."""
        latents = torch.cat([source.latents, target.latents])
        logits = self.classifier(reverse_gradient(latents, self.reversal * ganin_schedule(progress, self.gamma)))[:, 0]
        is_target = torch.cat([logits.new_zeros(len(source.latents)), logits.new_ones(len(target.latents))])
        # Domains of unequal batch size count equally, or the classifier would learn the larger one's share.
        weight = torch.where(is_target > 0, 0.5 / len(target.latents), 0.5 / len(source.latents)) * len(latents)
        return {"domain": binary_cross_entropy_with_logits(logits, is_target, weight)}
