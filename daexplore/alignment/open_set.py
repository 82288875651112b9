"""Open-set adaptation by neighbourhood clustering and entropy separation."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from daexplore.alignment.base import Alignment, linear_ramp
from daexplore.alignment.entropy import entropies
from daexplore.domains import DomainOutputs

__all__ = ["OpenSet"]


class OpenSet(Alignment):
    """Neighbourhood clustering and entropy separation (DANCE, Saito et al. 2020, arXiv:2002.07953),
    as in DeepAstroUDA (arXiv:2302.02005).

    ``neighbours`` (eq. 4-5) lowers the entropy of a target galaxy's likeness to the source's class
    means and to recent target galaxies, so that it joins either. ``separation`` (eq. 6) pushes the
    prediction's entropy, as a share of ln K, away from ``threshold`` where it is further than
    ``margin`` from it: towards a known class or towards none. A galaxy whose entropy ends above the
    threshold is called unknown. Published with a weight of 0.05; at 1 known classes are pushed
    apart too. Recent galaxies are kept in a queue, instead of one place for each galaxy of the
    survey as published.

    Args:
        latent_dim: dimension of the latent.
        classes: number of classes.
        threshold: of the entropy, as a share of ln K.
        margin: around it, within which nothing is pushed.
        queue: recent target galaxies to compare with; fewer than the target has, or a galaxy would
            meet its own earlier self there and be its own neighbour.
        temperature: of the likeness.
        start: share of the training before which the loss is off.
        ramp: share of the training over which its strength then rises linearly to 1.
    """

    bank: Tensor
    filled: Tensor

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        threshold: float = 0.5,
        margin: float = 0.1,
        queue: int = 256,
        temperature: float = 0.05,
        start: float = 0.15,
        ramp: float = 0.15,
    ):
        super().__init__()
        self.classes, self.threshold, self.margin, self.temperature = (
            classes,
            threshold,
            margin,
            temperature,
        )
        self.start, self.ramp = start, ramp
        self.register_buffer("bank", torch.zeros(queue, latent_dim))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def forward(
        self, source: DomainOutputs, target: DomainOutputs, progress: float
    ) -> dict[str, Tensor]:
        """Two terms, ``neighbours`` and ``separation``."""
        assert source.labels is not None
        latents = normalize(target.latents, dim=1)
        means = [
            source.latents[source.labels == k].mean(dim=0) for k in torch.unique(source.labels)
        ]
        known = normalize(torch.stack(means), dim=1)
        others = torch.cat([known, self.bank[: int(self.filled)].clone(), latents.detach()])
        likeness = latents @ others.T / self.temperature
        # A galaxy is not its own neighbour; the 0 in the place of its logarithm keeps 0 * inf out
        # of the gradient.
        own = torch.zeros_like(likeness, dtype=torch.bool)
        own[:, -len(latents) :].fill_diagonal_(True)
        logs = likeness.masked_fill(own, -math.inf).log_softmax(dim=1).masked_fill(own, 0.0)
        neighbours = -(logs.exp() * logs).sum(dim=1).mean()
        away = (entropies(target.logits) / math.log(self.classes) - self.threshold).abs()
        self._remember(latents.detach())
        return {
            "neighbours": neighbours,
            "separation": -torch.where(away > self.margin, away, 0.0).mean(),
        }

    def _remember(self, latents: Tensor) -> None:
        kept = self.bank[: int(self.filled)]
        recent = torch.cat([latents, kept])[: len(self.bank)]
        self.bank[: len(recent)] = recent.clone()
        self.filled.fill_(len(recent))

    def strength(self, progress: float) -> float:
        """0 before ``start``, then rising to 1 over ``ramp``."""
        return linear_ramp(progress, self.start, self.ramp)
