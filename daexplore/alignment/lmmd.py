"""Local maximum mean discrepancy: each class aligned on its own (DSAN)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs
from daexplore.kernels import SCALES, gaussian_kernel, median_heuristic, squared_distances

__all__ = ["LMMD"]


class LMMD(Alignment):
    """Zhu et al. 2020 (DSAN, arXiv:2106.06633, eq. 8): the mean over classes of the MMD^2 between
    weighted samples.

    A source galaxy weighs in the class of its label, a target galaxy in each class by its predicted
    probability (without gradient); the weights of a class sum to 1 in each domain. As published, a
    class is left out that no source galaxy of the batch has, or that no target galaxy is called:
    else it would be aligned with galaxies of other classes. The estimate is the biased one.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes.
        scales: multiples of the median heuristic's sigma^2.
        start: share of the training before which the loss is off: predictions of an untrained
            network align nothing.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        scales: Sequence[float] = SCALES,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.classes, self.scales, self.start, self.ramp = classes, tuple(scales), start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``lmmd``."""
        assert source.labels is not None
        ones = one_hot(source.labels, self.classes).to(source.latents.dtype)
        others = target.logits.detach().softmax(dim=1)
        called = torch.bincount(others.argmax(dim=1), minlength=self.classes)
        present = (ones.sum(dim=0) > 0) & (called > 0)
        if not present.any():
            return {"lmmd": 0 * source.latents.sum()}
        # Signed weights (n + m, classes): MMD^2 of a class is then one quadratic form.
        weights = torch.cat(
            [ones / ones.sum(dim=0).clamp(min=1), -others / others.sum(dim=0).clamp(min=1e-12)]
        )[:, present]
        pooled = torch.cat([source.latents, target.latents])
        bandwidth = median_heuristic(source.latents, target.latents)
        kernel = gaussian_kernel(
            squared_distances(pooled, pooled), [scale * bandwidth for scale in self.scales]
        )
        return {"lmmd": (weights * (kernel @ weights)).sum() / weights.shape[1]}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
