"""Maximum mean discrepancy between the domains' latents, as a loss."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.domains import DomainOutputs
from daexplore.errors import InputError
from daexplore.kernels import (
    SCALES,
    median_heuristic,
    mmd2,
    mmd2_biased,
    mmd2_features,
    mmd2_linear,
)

__all__ = ["MMD"]

_ESTIMATORS: dict[str, Callable[[Tensor, Tensor, Sequence[float]], Tensor]] = {
    "unbiased": mmd2,
    "biased": mmd2_biased,
    "linear": mmd2_linear,
}


class MMD(Alignment):
    """MMD^2 with a mean of Gaussian kernels around the batch's median distance.

    Gretton et al. 2012 (JMLR 13, eq. 3) as the loss of Long et al. 2015 (arXiv:1502.02791). The
    bandwidths are multiples of the median heuristic over the pooled batch; they carry no gradient,
    or shrinking the latent would lower the loss without aligning anything. The unbiased estimate
    may be negative and is left so.

    Args:
        latent_dim: dimension of the latent.
        classes: number of classes; not needed by this method.
        scales: multiples of the median heuristic's sigma^2.
        estimator: "unbiased" (eq. 3), "biased" (eq. 5), "linear" in the batch's size (lemma 14; far
            noisier), or "features": random Fourier features (Rahimi & Recht 2007), for batches of
            thousands.
        features: number of random features; the frequencies are drawn once.
        start: share of the training before which the loss is off, so that there is something to
            align.
        ramp: share of the training over which its strength then rises linearly to 1.

    Raises:
        InputError: an estimator that there is not.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        scales: Sequence[float] = SCALES,
        estimator: str = "unbiased",
        features: int = 1000,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        if estimator not in (*_ESTIMATORS, "features"):
            raise InputError(
                f"The estimator of mmd is one of {', '.join(_ESTIMATORS)}, features; got"
                f" {estimator!r}."
            )
        self.scales, self.estimator, self.start, self.ramp = tuple(scales), estimator, start, ramp
        if estimator == "features":
            # Of a stream of their own: the network's must not depend on the method.
            drawn = torch.randn(features, latent_dim, generator=torch.Generator().manual_seed(0))
            self.register_buffer("frequencies", drawn)

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """One term, ``mmd``."""
        bandwidth = median_heuristic(source.latents, target.latents)
        bandwidths = [scale * bandwidth for scale in self.scales]
        if self.estimator == "features":
            return {
                "mmd": mmd2_features(
                    source.latents, target.latents, bandwidths, self.get_buffer("frequencies")
                )
            }
        return {"mmd": _ESTIMATORS[self.estimator](source.latents, target.latents, bandwidths)}

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
