"""Deep CORAL: the domains' latents should have one covariance."""

from torch import Tensor

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs

__all__ = ["CORAL"]


class CORAL(Alignment):
    """Sun & Saenko 2016 (arXiv:1607.01719, eq. 1): ``|C_source - C_target|_F^2 / (4 d^2)``, C the
    covariance of a batch's latents.

    Means are not aligned, and unlike the other losses this one grows with the latents' scale.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        start: share of the training before which the loss is off.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(self, latent_dim: int, classes: int, start: float = 0.15, ramp: float = 0.15):
        super().__init__()
        self.start, self.ramp = start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``coral``."""
        difference = source.latents.T.cov() - target.latents.T.cov()
        return {"coral": (difference**2).sum() / (4 * source.latents.shape[1] ** 2)}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
