"""Conditional domain-adversarial training on latents and predictions together (CDAN)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from daexplore.alignment.base import Alignment, ganin_schedule
from daexplore.alignment.domain_classifier import DomainClassifier
from daexplore.alignment.entropy import entropies
from daexplore.domains import DomainOutputs

__all__ = ["CDAN"]


class CDAN(Alignment):
    """Long et al. 2018 (arXiv:1705.10667): adversarial alignment of latent and prediction together,
    so that classes meet classes.

    The classifier sees the outer product of latent and class probabilities (their multilinear map,
    eq. 6; the probabilities carry no gradient). With ``entropy`` (CDAN+E, eq. 8) galaxies weigh ``1
    + exp(-H)``, so that sure predictions lead.

    Args:
        latent_dim: dimension of the latent.
        classes: number of classes.
        entropy: whether sure predictions weigh more.
        hidden: widths of the domain classifier's hidden layers.
        dropout: share of their values dropped while training.
        reversal: the reversal's strength at the end of the schedule.
        gamma: steepness of the schedule.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        entropy: bool = True,
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        reversal: float = 0.1,
        gamma: float = 10.0,
    ):
        super().__init__()
        self.entropy, self.reversal, self.gamma = entropy, reversal, gamma
        self.classifier = DomainClassifier(latent_dim * classes, hidden, dropout)

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``domain``: the domain classifier's binary cross-entropy."""
        one, other = self.features(source), self.features(target)
        weights = (
            (self.certainty(source.logits), self.certainty(target.logits)) if self.entropy else None
        )
        return {
            "domain": self.classifier.loss(
                one, other, self.reversal * ganin_schedule(progress, self.gamma), weights
            )
        }

    @staticmethod
    def features(outputs: DomainOutputs) -> Tensor:
        """(n, classes * latent) outer products of probabilities and latents."""
        probabilities = outputs.logits.detach().softmax(dim=1)
        return torch.einsum("nk,nd->nkd", probabilities, outputs.latents).flatten(start_dim=1)

    @staticmethod
    def certainty(logits: Tensor) -> Tensor:
        """(n,) ``1 + exp(-H)``, without gradient."""
        return 1 + torch.exp(-entropies(logits.detach()))
