"""Any encoder as a network: resize, encoder, pooling, latent, linear head."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from daexplore.errors import InputError
from daexplore.models.base import Network
from daexplore.models.symmetry import aligned, all_views

__all__ = ["Encoder", "EncoderNetwork", "adapt_bands"]


@dataclass
class Encoder:
    """A pretrained encoder, and what it expects.

    Attributes:
        module: from images (n, 3, S, S) to feature maps (n, D, h, w), or to features (n, D).
        features: D.
        size: side of the images it was trained on [pixel].
        mean: of the images it was trained on, per channel; pixels were between 0 and 1.
        std: as ``mean``.
        maps: the part whose feature maps Grad-CAM weighs; None takes what ``module`` returns.
    """

    module: nn.Module
    features: int
    size: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    maps: nn.Module | None = None


class EncoderNetwork(Network):
    """An encoder, a latent layer and a linear head.

    A frozen encoder stays as it is: its weights get no gradient, and its batch norms use their
    running statistics in training too, and do not update them.

    Args:
        encoder: the encoder.
        bands: channels of an image. Of a first convolution for three channels, the weights are
            averaged for one band and repeated for more than three.
        classes: number of classes.
        size: height and width of an image [pixel].
        tuning: "frozen" trains latent layer and head alone; "head_first" trains the encoder too,
            after ``head_epochs``; "full" trains it from the start.
        head_epochs: see ``tuning``.
        layer_decay: factor on the learning rate from each part of the encoder to the one before it.
        rate: factor on the learning rate of the encoder's last part.
        latent: dimension of the latent, a linear layer with ReLU on the pooled features; 0 takes
            the pooled features themselves.
        resize: side to which images are brought before the encoder [pixel]; 0 leaves them.
        input: "standard" for images of mean 0 and standard deviation 1, which pass as they are;
            "unit" for images of background 0 and peak 1 (``data.normalise=image``): these get an
            asinh stretch to 0 to 1, then the encoder's own mean and standard deviation.
        symmetric: average the features over the eight symmetries of the square, which makes the
            network exactly invariant to them at eight times the cost.

    Raises:
        InputError: an option that cannot be.
    """

    def __init__(
        self,
        encoder: Encoder,
        bands: int,
        classes: int,
        size: int,
        tuning: Literal["frozen", "head_first", "full"] = "frozen",
        head_epochs: int = 3,
        layer_decay: float = 0.8,
        rate: float = 0.1,
        latent: int = 256,
        resize: int = 0,
        input: Literal["standard", "unit"] = "standard",
        symmetric: bool = False,
    ):
        super().__init__()
        _check(tuning, input, layer_decay, rate, latent, resize)
        self.encoder = encoder.module
        self.maps = nn.Identity()
        adapt_bands(self.encoder, bands)
        self.tuning, self.head_epochs = tuning, head_epochs
        self.layer_decay, self.rate = layer_decay, rate
        self.resize, self.input, self.symmetric = resize or size, input, symmetric
        for name, values in (("mean", encoder.mean), ("std", encoder.std)):
            numbers = torch.tensor([values[band % len(values)] for band in range(bands)])
            self.register_buffer(f"input_{name}", numbers[:, None, None], persistent=False)
        self._inner_maps = [encoder.maps]  # In a list: else it would be registered twice.
        self.latent: nn.Module = (
            nn.Sequential(nn.Linear(encoder.features, latent), nn.ReLU())
            if latent
            else nn.Identity()
        )
        self.head = nn.Linear(latent or encoder.features, classes)
        self.start_epoch(1)

    @property
    def saliency_layer(self) -> nn.Module:
        """The encoder's last feature maps."""
        return self._inner_maps[0] or self.maps

    def start_epoch(self, epoch: int) -> None:
        """Train the encoder or not, as ``tuning`` says of this epoch."""
        trained = self.tuning == "full" or (
            self.tuning == "head_first" and epoch > self.head_epochs
        )
        self.encoder.requires_grad_(trained)

    @property
    def encoder_is_trained(self) -> bool:
        """Whether the encoder's weights change now."""
        return any(parameter.requires_grad for parameter in self.encoder.parameters())

    def train(self, mode: bool = True) -> "EncoderNetwork":
        """As of every module; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not self.encoder_is_trained:
            self.encoder.eval()
        return self

    def rate_groups(self) -> Iterator[tuple[list[nn.Parameter], float]]:
        """Parameters with a factor on the learning rate: head and latent with 1, the encoder's
        parts with less, the earlier the less.
        """
        own = [*self.latent.parameters(), *self.head.parameters()]
        yield own, 1.0
        if self.tuning == "frozen":
            return
        parts = [list(part) for part in _parts(self.encoder)]
        for depth, parameters in enumerate(reversed(parts)):
            yield parameters, self.rate * self.layer_decay**depth

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The latent layer's output."""
        prepared = self._prepared(images)
        if self.symmetric:
            found = [aligned(self._features(view), which) for which, view in all_views(prepared)]
            maps = self.maps(torch.stack(found).mean(0))
        else:
            maps = self.maps(self._features(prepared))
        pooled = adaptive_avg_pool2d(maps, 1).flatten(1) if maps.ndim == 4 else maps
        latents: Tensor = self.latent(pooled)
        return latents

    def _features(self, images: Tensor) -> Tensor:
        features: Tensor = self.encoder(images)
        if features.ndim not in (2, 4):
            raise InputError(
                "The encoder must return feature maps (n, D, h, w) or features (n, D); got"
                f" {tuple(features.shape)}."
            )
        return features

    def _prepared(self, images: Tensor) -> Tensor:
        if self.input == "unit":
            soft = 0.05
            stretched = torch.asinh(images.clamp(0, 1) / soft) / torch.asinh(torch.tensor(1 / soft))
            images = (stretched - self.get_buffer("input_mean")) / self.get_buffer("input_std")
        if images.shape[-1] == self.resize:
            return images
        return interpolate(images, size=(self.resize, self.resize), mode="bilinear")


def _check(
    tuning: str, kind: str, layer_decay: float, rate: float, latent: int, resize: int
) -> None:
    for name, value, choices in (
        ("tuning", tuning, ("frozen", "head_first", "full")),
        ("input", kind, ("standard", "unit")),
    ):
        if value not in choices:
            raise InputError(
                f"model.options.{name} must be one of {', '.join(choices)}; got {value!r}."
            )
    if not (0 < layer_decay <= 1 and rate > 0):
        raise InputError(
            "model.options.layer_decay must be in (0, 1] and model.options.rate positive; got"
            f" {layer_decay} and {rate}."
        )
    if latent < 0 or resize < 0:
        raise InputError(
            "model.options.latent and model.options.resize must be at least 0; got"
            f" {latent} and {resize}."
        )


def _parts(encoder: nn.Module) -> Iterator[Iterator[nn.Parameter]]:
    """The encoder's parts from first to last; a list of blocks counts block by block."""
    for child in encoder.children():
        if isinstance(child, nn.ModuleList | nn.Sequential):
            yield from (part.parameters() for part in child if any(True for _ in part.parameters()))
        elif any(True for _ in child.parameters()):
            yield child.parameters()


def adapt_bands(encoder: nn.Module, bands: int) -> None:
    """Let an encoder's first convolution take another number of channels than three.

    The weights are averaged over the channels for one band and repeated in turn for more, and
    scaled by the ratio of the numbers, so that the sums stay about as large as before.

    Raises:
        InputError: the encoder has no convolution.
    """
    convolution = next(
        (module for module in encoder.modules() if isinstance(module, nn.Conv2d)), None
    )
    if convolution is None:
        raise InputError("The encoder has no convolution whose channels can be adapted.")
    before = convolution.in_channels
    if before == bands:
        return
    with torch.no_grad():
        weight = convolution.weight
        chosen = [band % before for band in range(bands)]
        repeated = weight[:, chosen] if bands > 1 else weight.mean(1, keepdim=True)
        convolution.weight = nn.Parameter(repeated * (before / bands))
    convolution.in_channels = bands
