"""Networks on vectors, such as embeddings: images of one pixel whose bands are the features."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from daexplore.errors import InputError
from daexplore.models.base import Network

__all__ = ["MLP", "Linear"]


class Linear(Network):
    """Logistic regression: the latent is the vector itself.

    Nothing before the head is trained, so an alignment of latents cannot change anything.

    Args:
        bands: length of a vector.
        classes: number of classes.
        size: height and width of an image [pixel]; vectors are images of one pixel.

    Raises:
        InputError: images of more than one pixel.
    """

    has_maps = False

    def __init__(self, bands: int, classes: int, size: int):
        super().__init__()
        _require_vectors("linear", size)
        self.head = nn.Linear(bands, classes)

    @property
    def saliency_layer(self) -> nn.Module:
        """Vectors have no feature maps."""
        raise _no_maps()

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The vectors."""
        return images.flatten(1)


class MLP(Network):
    """Fully connected layers with ReLU; the last of them is the latent.

    Args:
        bands: length of a vector.
        classes: number of classes.
        size: height and width of an image [pixel]; vectors are images of one pixel.
        hidden: widths of the layers; the last is the latent's dimension.
        dropout: share of each layer's values dropped while training.

    Raises:
        InputError: images of more than one pixel, or no layer.
    """

    has_maps = False

    def __init__(
        self,
        bands: int,
        classes: int,
        size: int,
        hidden: Sequence[int] = (256, 64),
        dropout: float = 0.0,
    ):
        super().__init__()
        _require_vectors("mlp", size)
        if not hidden or min(hidden) < 1:
            raise InputError(f"model.options.hidden must name at least one width; got {hidden}.")
        layers: list[nn.Module] = []
        before = bands
        for width in hidden:
            layers += [nn.Linear(before, width), nn.ReLU(), nn.Dropout(dropout)]
            before = width
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    @property
    def saliency_layer(self) -> nn.Module:
        """Vectors have no feature maps."""
        raise _no_maps()

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The last hidden layer."""
        latents: Tensor = self.hidden(images.flatten(1))
        return latents


def _require_vectors(name: str, size: int) -> None:
    if size != 1:
        raise InputError(
            f"The network {name} takes vectors, and these are images of {size} x {size} pixels."
            " Make vectors of them with: daexplore embed DATA --network NAME --out SET"
        )


def _no_maps() -> InputError:
    return InputError(
        "This network was trained on vectors, so there is no image whose regions Grad-CAM or a"
        " perturbation could explain. Use the encoder that made the vectors as the network."
    )
