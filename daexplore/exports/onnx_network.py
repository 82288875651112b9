"""Preprocessing and network as one module of torch."""

from jaxtyping import Float
from torch import Tensor, nn

from daexplore.data.preprocess import DomainSteps
from daexplore.exports.onnx_steps import TorchSteps
from daexplore.models import Network

__all__ = ["Whole"]


class Whole(nn.Module):
    """From images as they come to logits and latents.

    Args:
        steps: preprocessing of one domain.
        size: height and width of the images as they come [pixel].
        network: in evaluation mode.
    """

    def __init__(self, steps: DomainSteps, size: tuple[int, int], network: Network):
        super().__init__()
        self.preprocess, self.network = TorchSteps(steps, size), network

    def forward(
        self, images: Float[Tensor, "batch channel height width"]
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch latent"]]:
        """Logits (batch, K) and latents (batch, D)."""
        found = self.network(self.preprocess(images))
        return found.logits, found.latents
