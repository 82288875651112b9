"""Sinkhorn divergence between the domains' latents, with learned loss weights (SIDDA)."""

import torch
from torch import Tensor, nn

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs
from daexplore.kernels import squared_distances

__all__ = ["Sinkhorn"]


class Sinkhorn(Alignment):
    """SIDDA (Pandya et al. 2025, arXiv:2501.14048): debiased entropic optimal transport with
    learned weights.

    The divergence is that of Feydy et al. 2019 (arXiv:1810.08278, eq. 3) with cost ``|x - y|^2 /
    2``, computed by geomloss, at a blur of 5% of the batch's largest distance. SIDDA minimises
    ``task / (2 a^2) + divergence / (2 b^2) + log(a b)`` (Kendall et al. 2018, arXiv:1705.07115)
    with a and b learned, ``a >= 1e-3`` and ``b >= a / 4``, after a warm-up with the task alone.
    Here a and b learn by that loss, while the network sees it times ``2 a^2``, a factor that Adam
    does not see: ``task + (a / b)^2 divergence``. The task so keeps its weight, and the method's
    weight multiplies the divergence alone. Until the warm-up ends a and b follow the optimum of
    their loss, ``a^2 = task`` and ``b^2 = divergence``: from 1 they would be learned too late for
    latents of any other scale, and the divergence of large latents would drown the task.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        blur: of the transport, as a share of the largest distance in the batch.
        scaling: factor between the steps of the annealing, below 1; 0.9 as SIDDA has it.
        smallest_blur: below which it does not fall, in the latent's units.
        learned: whether the weights are learned; otherwise the divergence is added as it is.
        start: share of the training that is warm-up.
        ramp: share of the training over which the strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        blur: float = 0.05,
        scaling: float = 0.9,
        smallest_blur: float = 0.01,
        learned: bool = True,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.scaling = scaling
        self.blur, self.smallest_blur, self.start, self.ramp = blur, smallest_blur, start, ramp
        self._warming = False
        self.scales = nn.Parameter(torch.ones(2)) if learned else None

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``sinkhorn``."""
        from geomloss import SamplesLoss

        self._warming = progress < self.start
        with torch.no_grad():
            largest = float(squared_distances(source.latents, target.latents).max()) ** 0.5
        blur = max(self.blur * largest, self.smallest_blur)
        # Where the annealing starts: no two points of a domain are further apart than twice the
        # largest distance across. 0 has no log.
        divergence = SamplesLoss(
            "sinkhorn",
            p=2,
            blur=blur,
            diameter=max(2 * largest, blur),
            scaling=self.scaling,
            backend="tensorized",
        )
        return {"sinkhorn": divergence(source.latents.contiguous(), target.latents.contiguous())}

    def penalty(self, terms: dict[str, Tensor], task: Tensor) -> Tensor:
        """``(a / b)^2 divergence`` in value and for the network; a and b see SIDDA's loss."""
        divergence = terms["sinkhorn"]
        if self.scales is None:
            return divergence
        with torch.no_grad():
            if self._warming:
                self.scales.copy_(torch.stack([task, divergence]).clamp(min=0).sqrt())
            self.scales[0].clamp_(min=1e-3)
            self.scales[1].clamp_(min=float(self.scales[0]) / 4)
        a, b = self.scales
        learned = task.detach() / (2 * a**2) + divergence.detach() / (2 * b**2) + torch.log(a * b)
        penalty: Tensor = (a / b).detach() ** 2 * divergence + learned - learned.detach()
        return penalty

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
