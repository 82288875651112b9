"""Self-training: the target's surest predictions are taken for labels, equally from each class."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs

__all__ = ["PseudoLabels"]


class PseudoLabels(Alignment):
    """Class-balanced self-training (Zou et al. 2018, arXiv:1810.07911): cross-entropy against the
    target's own surest predictions.

    Of the galaxies that a batch calls class k, the share ``portion`` with the largest probability
    of k is taken for k, at least one; the portion grows linearly over the training. Published is a
    choice over the whole target between rounds of training. Balanced, because sure
    predictions of an easy class would otherwise drown the other. What is wrong in the first
    predictions is learned too: it is meant beside a loss that aligns.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes.
        portion: at the start and the end of the training.
        start: share of the training before which the loss is off.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        portion: tuple[float, float] = (0.2, 0.5),
        start: float = 0.3,
        ramp: float = 0.3,
    ):
        super().__init__()
        self.classes, self.portion, self.start, self.ramp = classes, tuple(portion), start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``pseudo``, the mean over the galaxies taken."""
        probability, called = target.logits.detach().softmax(dim=1).max(dim=1)
        portion = self.portion[0] + (self.portion[1] - self.portion[0]) * progress
        taken = torch.zeros_like(called, dtype=torch.bool)
        for k in range(self.classes):
            rows = (called == k).nonzero()[:, 0]
            count = -int(-portion * len(rows) // 1)
            taken[rows[probability[rows].argsort(descending=True, stable=True)[:count]]] = True
        return {"pseudo": cross_entropy(target.logits[taken], called[taken])}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
