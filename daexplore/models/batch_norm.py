"""Batch norm with statistics of its own for each domain."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

__all__ = ["DomainBatchNorm2d", "batch_norm_domain", "copy_source_statistics", "separate_norms"]


class DomainBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that normalises target images by the target's statistics (AdaBN, Li et al. 2018,
    Pattern Recognition 80, 109).

    The source's tensors have the names that a plain batch norm gives them, so weights go from one
    to the other.

    Args:
        features: channels.
        own_affine: whether the target also has a scale and a shift of its own (Chang et al. 2019,
            arXiv:1906.03950).

    Attributes:
        domain: "source" or "target": whose images pass.
    """

    target_mean: Tensor
    target_var: Tensor

    def __init__(self, features: int, own_affine: bool):
        super().__init__(features)
        self.register_buffer("target_mean", torch.zeros(features))
        self.register_buffer("target_var", torch.ones(features))
        self.target_weight = nn.Parameter(torch.ones(features)) if own_affine else None
        self.target_bias = nn.Parameter(torch.zeros(features)) if own_affine else None
        self.domain = "source"

    def forward(self, input: Tensor) -> Tensor:
        """Normalised (n, C, H, W)."""
        if self.domain == "source":
            return super().forward(input)
        weight = self.weight if self.target_weight is None else self.target_weight
        bias = self.bias if self.target_bias is None else self.target_bias
        return batch_norm(
            input,
            self.target_mean,
            self.target_var,
            weight,
            bias,
            self.training,
            self.momentum or 0.1,
            self.eps,
        )


def separate_norms(network: nn.Module, own_affine: bool) -> None:
    """Put a ``DomainBatchNorm2d`` in the place of each batch norm, with its weights and statistics
    for both domains.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                norm = DomainBatchNorm2d(child.num_features, own_affine)
                norm.eps, norm.momentum = child.eps, child.momentum
                norm.load_state_dict(child.state_dict(), strict=False)
                setattr(parent, name, norm)
    copy_source_statistics(network)


@contextmanager
def batch_norm_domain(network: nn.Module, domain: str) -> Iterator[None]:
    """Images that pass in this block are of this domain; a network without separate batch norms
    does not mind.
    """
    norms = _norms(network)
    for norm in norms:
        norm.domain = domain
    try:
        yield
    finally:
        for norm in norms:
            norm.domain = "source"


def copy_source_statistics(network: nn.Module) -> None:
    """Let the target start from what the source has: for weights that come from a network without
    separate batch norms.
    """
    with torch.no_grad():
        for norm in _norms(network):
            pairs: list[tuple[Tensor | None, Tensor | None]] = [
                (norm.target_mean, norm.running_mean),
                (norm.target_var, norm.running_var),
            ]
            pairs += [(norm.target_weight, norm.weight), (norm.target_bias, norm.bias)]
            for target, source in pairs:
                if target is not None and source is not None:
                    target.copy_(source)


def _norms(network: nn.Module) -> list[DomainBatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, DomainBatchNorm2d)]
