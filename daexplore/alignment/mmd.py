"""Maximum mean discrepancy between the domains' latents, as a loss."""

from collections.abc import Sequence

from torch import Tensor

from daexplore.alignment.base import Alignment
from daexplore.kernels import SCALES, median_heuristic, mmd2
from daexplore.types import DomainOutputs

__all__ = ["MMD"]


class MMD(Alignment):
    """Unbiased MMD^2 with a sum of Gaussian kernels around the batch's median distance.

    Gretton et al. 2012 (JMLR 13, eq. 3) as the loss of Long et al. 2015 (arXiv:1502.02791). The bandwidths are multiples of the median
    heuristic over the pooled batch; they carry no gradient, or shrinking the latent would lower the loss without aligning anything.
    The estimate may be negative and is left so.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        scales: multiples of the median heuristic's sigma^2.
        start: share of the training before which the loss is off, so that there is something to align.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(self, latent_dim: int, classes: int, scales: Sequence[float] = SCALES, start: float = 0.15, ramp: float = 0.15):  # noqa: ARG002
        super().__init__()
        self.scales, self.start, self.ramp = tuple(scales), start, ramp

    def forward(self, source: DomainOutputs, target: DomainOutputs, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """One term, ``mmd``."""
        bandwidth = median_heuristic(source.latents, target.latents)
        return {"mmd": mmd2(source.latents, target.latents, [scale * bandwidth for scale in self.scales])}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return min(max((progress - self.start) / self.ramp, 0.0), 1.0) if self.ramp else float(progress >= self.start)
