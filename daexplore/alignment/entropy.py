"""Entropy minimisation of predictions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DOMAINS, DomainOutputs

__all__ = ["Entropy", "entropies"]


def entropies(logits: Tensor) -> Tensor:
    """(n,) Shannon entropies of the softmax of (n, K) logits [nat]."""
    logs = logits.log_softmax(dim=1)
    return -(logs.exp() * logs).sum(dim=1)


class Entropy(Alignment):
    """Grandvalet & Bengio 2004 (NeurIPS 17), with the domains of DeepMerge II (arXiv:2103.01373):
    the mean entropy of predictions.

    Alone it makes a network sure, not right; it is meant beside a loss that aligns.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        domains: whose predictions count; ("target",) leaves the source to its labels.
        start: share of the training before which the loss is off: an untrained network should not
            grow sure.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        domains: Sequence[str] = DOMAINS,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.domains, self.start, self.ramp = tuple(domains), start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``entropy``, the mean over the images of the chosen domains together [nat]."""
        chosen = [
            outputs.logits
            for name, outputs in (("source", source), ("target", target))
            if name in self.domains
        ]
        return {"entropy": entropies(torch.cat(chosen)).mean()}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
