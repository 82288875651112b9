"""Protocol of every network: a latent, and one linear head on it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Network", "NetworkOutputs"]


class NetworkOutputs(NamedTuple):
    """A batch seen by a network."""

    latents: Float[Tensor, "batch latent"]
    logits: Float[Tensor, "batch classes"]


class Network(nn.Module, ABC):
    """An encoder whose last hidden layer, the latent, feeds one linear head.

    Because the head is linear, the decision boundary between two classes is exactly a hyperplane of
    the latent space.

    Attributes:
        head: the linear layer from the latent to the class logits.
        has_maps: whether there are feature maps of an image that Grad-CAM can weigh.
    """

    head: nn.Linear
    has_maps: bool = True

    @property
    @abstractmethod
    def saliency_layer(self) -> nn.Module:
        """The last convolution, whose activations Grad-CAM weighs."""

    def start_epoch(self, epoch: int) -> None:
        """Prepare for an epoch of a training, from 1 on; most networks have nothing to do."""

    def rate_groups(self) -> Iterable[tuple[list[nn.Parameter], float]]:
        """Parameters to train, in groups, each with a factor on the learning rate."""
        yield list(self.parameters()), 1.0

    @abstractmethod
    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The latents of preprocessed images."""

    def forward(self, images: Float[Tensor, "batch band height width"]) -> NetworkOutputs:
        """Latents and logits of preprocessed images."""
        latents = self.encode(images)
        return NetworkOutputs(latents, self.head(latents))
