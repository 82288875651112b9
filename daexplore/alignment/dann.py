"""Domain-adversarial training: a domain classifier behind a gradient reversal."""

from collections.abc import Sequence

from torch import Tensor

from daexplore.alignment.base import Alignment, ganin_schedule
from daexplore.alignment.domain_classifier import DomainClassifier
from daexplore.domains import DomainOutputs

__all__ = ["DANN"]


class DANN(Alignment):
    """Ganin et al. 2016 (JMLR 17, 1-35): the domain classifier learns to tell the domains, the
    encoder to confuse it.

    The classifier always learns at full strength; what the encoder receives is its gradient times
    ``-reversal * schedule``. With the method's weight w the encoder's share is w times that.
    Published is a reversal of 1.

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
        classes: int,
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        reversal: float = 0.1,
        gamma: float = 10.0,
    ):
        super().__init__()
        self.reversal, self.gamma = reversal, gamma
        self.classifier = DomainClassifier(latent_dim, hidden, dropout)

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``domain``: the domain classifier's binary cross-entropy, ln 2 where it cannot
        distinguish the domains.
        """
        reversal = self.reversal * ganin_schedule(progress, self.gamma)
        return {"domain": self.classifier.loss(source.latents, target.latents, reversal)}
