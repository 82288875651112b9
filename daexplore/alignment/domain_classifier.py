"""The domain classifier behind a gradient reversal, which adversarial methods share."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["DomainClassifier", "reverse_gradient"]


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latents: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return latents.view_as(latents)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(latents: Tensor, strength: float) -> Tensor:
    """The identity, whose gradient is multiplied by ``-strength`` (Ganin et al. 2016, JMLR 17, eq.
    14-15).
    """
    reversed_: Tensor = _Reverse.apply(latents, strength)  # type: ignore[no-untyped-call]
    return reversed_


class DomainClassifier(nn.Module):
    """Fully connected layers with ReLU that learn to tell target from source, and teach what is
    below them the opposite.

    Args:
        inputs: dimension of what is classified.
        hidden: widths of the hidden layers.
        dropout: share of their values dropped while training.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], dropout: float):
        super().__init__()
        layers: list[nn.Module] = []
        before = inputs
        for width in hidden:
            layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)]
            before = width
        self.layers = nn.Sequential(*layers, nn.Linear(before, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(n,) logits of being a target's, for (n, inputs)."""
        logits: Tensor = self.layers(features)
        return logits[:, 0]

    def loss(
        self,
        source: Tensor,
        target: Tensor,
        reversal: float,
        weights: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Binary cross-entropy, the mean of the two domains' weighted means; ln 2 where the domains
        cannot be separated.

        Domains of unequal batch size count equally, or the classifier would learn the larger one's
        share.

        Args:
            source: (n, inputs).
            target: (m, inputs).
            reversal: factor on the gradient that goes back, with its sign turned.
            weights: (n,) and (m,) of the images; by default 1 each.
        """
        logits = self(reverse_gradient(torch.cat([source, target]), reversal))
        is_target = torch.cat([logits.new_zeros(len(source)), logits.new_ones(len(target))])
        ones, others = weights or (logits.new_ones(len(source)), logits.new_ones(len(target)))
        share = torch.cat([0.5 * ones / ones.sum(), 0.5 * others / others.sum()])
        return binary_cross_entropy_with_logits(logits, is_target, share, reduction="sum")
