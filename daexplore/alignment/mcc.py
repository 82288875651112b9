"""Minimum class confusion: the target's predictions should not waver between two classes."""

import torch
from torch import Tensor

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.alignment.entropy import entropies
from daexplore.domains import DomainOutputs

__all__ = ["MCC"]


class MCC(Alignment):
    """Jin et al. 2020 (arXiv:1912.03699): the share of a batch's class correlation that is
    between different classes.

    With ``P`` the softened predictions (n, K) and weights ``w ~ 1 + exp(-H)`` of mean 1 (eq. 4-5),
    the correlation ``P' diag(w) P`` has its rows normalised (eq. 6); the loss is the mean over
    classes of what is off the diagonal (eq. 7). It aligns no distributions.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        temperature: softens the predictions.
        start: share of the training before which the loss is off.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        temperature: float = 2.5,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.temperature, self.start, self.ramp = temperature, start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``confusion``, from 0 to 1 - 1/K."""
        logits = target.logits / self.temperature
        probabilities = logits.softmax(dim=1)
        certainty = 1 + torch.exp(-entropies(logits.detach()))
        correlation = probabilities.T @ (probabilities * (certainty / certainty.mean())[:, None])
        correlation = correlation / correlation.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return {"confusion": 1 - correlation.diagonal().mean()}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
