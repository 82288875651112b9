"""ResNet-18 trained from scratch, with a linear bottleneck as its latent."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from daexplore.errors import InputError
from daexplore.models.base import Network

__all__ = ["ResNet18"]


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, CVPR, fig. 2)."""

    def __init__(self, before: int, width: int, stride: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(
        self, features: Float[Tensor, "batch before height width"]
    ) -> Float[Tensor, "batch after rows cols"]:
        """The block's output feature map."""
        return torch.relu(self.residual(features) + self.shortcut(features))


class ResNet18(Network):
    """He et al. 2016 (arXiv:1512.03385), as DeepMerge II uses it: average pooling, then a linear
    bottleneck as the latent.

    Args:
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel], at least 32.
        latent: dimension of the bottleneck; DeepMerge II has 256.

    Raises:
        InputError: images so small that the last feature map would be a single pixel.
    """

    def __init__(self, bands: int, classes: int, size: int, latent: int = 256):
        super().__init__()
        if size < 33:
            raise InputError(
                "The network resnet18 halves images five times and needs at least 33 x 33 pixels,"
                f" got {size} x {size}."
            )
        self.stem = nn.Sequential(
            nn.Conv2d(bands, 64, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        blocks, before = [], 64
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [BasicBlock(before, width, stride), BasicBlock(width, width, 1)]
            before = width
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, latent))
        self.head = nn.Linear(latent, classes)

    @property
    def saliency_layer(self) -> nn.Module:
        """The last residual block."""
        return self.blocks[-1]

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The bottleneck."""
        latents: Tensor = self.pool(self.blocks(self.stem(images)))
        return latents
