"""The DeepMerge network: three convolutions, two hidden layers, a linear head."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from daexplore.errors import InputError
from daexplore.models.base import Network

__all__ = ["DeepMerge"]


class DeepMerge(Network):
    """Ćiprijanović et al. 2020 (Astronomy and Computing 32, 100390), the network of DeepMerge II
    (arXiv:2103.01373).

    Convolutions with 5, 3 and 3 pixel kernels, each followed by batch norm, max pooling by 2 and
    ReLU, then fully connected layers with ReLU; the last of these is the latent. Pooling before
    ReLU instead of after it is the same function (both are monotone) on a quarter of the pixels.
    With 3 bands, 2 classes and 75 pixels it has the published 174 626 parameters.

    Args:
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel], at least 8.
        widths: channels after each convolution.
        hidden: widths of the fully connected layers; the last is the latent's dimension.
        dropout: share of the last feature map's values dropped while training; the published
            network drops none.

    Raises:
        InputError: images too small for three poolings.
    """

    def __init__(
        self,
        bands: int,
        classes: int,
        size: int,
        widths: Sequence[int] = (8, 16, 32),
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.0,
    ):
        super().__init__()
        if size < 8:
            raise InputError(
                "The network deepmerge pools three times and needs images of at least 8 x 8"
                f" pixels, got {size} x {size}."
            )
        convolutions, before = [], bands
        for kernel, width in zip((5, 3, 3), widths, strict=True):
            convolutions += [
                nn.Conv2d(before, width, kernel, padding=kernel // 2),
                nn.BatchNorm2d(width),
                nn.MaxPool2d(2),
                nn.ReLU(),
            ]
            before = width
        self.convolutions = nn.Sequential(*convolutions)
        layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(dropout)]
        before *= (size // 8) ** 2
        for width in hidden:
            layers += [nn.Linear(before, width), nn.ReLU()]
            before = width
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    @property
    def saliency_layer(self) -> nn.Module:
        """The third convolution, before batch norm."""
        return self.convolutions[-4]

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The last hidden layer."""
        latents: Tensor = self.hidden(self.convolutions(images))
        return latents
