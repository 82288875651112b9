"""Joint MMD: latents and predictions are aligned as one, not each for itself."""

from collections.abc import Sequence

from torch import Tensor

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs
from daexplore.kernels import SCALES, gaussian_kernel, median_heuristic, squared_distances

__all__ = ["JAN"]


class JAN(Alignment):
    """Long et al. 2017 (arXiv:1605.06636, eq. 9-10): MMD^2 with the product of a kernel of the
    latents and one of the probabilities.

    The estimate is the unbiased one, as in ``daexplore.alignment.MMD``; it may be negative. The
    published program takes one that is linear in the batch. The bandwidth of the probabilities is
    fixed, as published: their median distance is near 0 where both classes are predicted surely,
    and the gradient would then grow without bound.

    Args:
        latent_dim: dimension of the latent; not needed by this method.
        classes: number of classes; not needed by this method.
        scales: multiples of the median heuristic's sigma^2, for the latents.
        width: the kernel of the probabilities is ``exp(-d^2 / width)``; 1.68 as published.
        start: share of the training before which the loss is off.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        scales: Sequence[float] = SCALES,
        width: float = 1.68,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.scales, self.width, self.start, self.ramp = tuple(scales), width, start, ramp

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``jmmd``."""
        x, y = source.latents, target.latents
        p, q = source.logits.softmax(dim=1), target.logits.softmax(dim=1)
        median = median_heuristic(x, y)
        widths, width = [scale * median for scale in self.scales], [self.width / 2]

        def kernel(
            latents: Tensor, others: Tensor, probabilities: Tensor, of_others: Tensor
        ) -> Tensor:
            of_latents = gaussian_kernel(squared_distances(latents, others), widths)
            return of_latents * gaussian_kernel(squared_distances(probabilities, of_others), width)

        n, m = len(x), len(y)
        # k(x, x) = 1 exactly, so the diagonal's contribution is the number of points.
        within = (kernel(x, x, p, p).sum() - n) / (n * (n - 1)) + (kernel(y, y, q, q).sum() - m) / (
            m * (m - 1)
        )
        return {"jmmd": within - 2 * kernel(x, y, p, q).mean()}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
