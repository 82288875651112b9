"""Encoders of timm by name, and those of Zoobot."""

from typing import Any

from daexplore.errors import InputError
from daexplore.models.encoder import Encoder, EncoderNetwork
from daexplore.models.weights import load_weights

__all__ = ["timm_network"]


def timm_network(
    name: str,
    bands: int,
    classes: int,
    size: int,
    pretrained: bool = True,
    weights: str | None = None,
    **options: Any,
) -> EncoderNetwork:
    """A network on an encoder of timm.

    Args:
        name: as timm knows it, such as "convnext_nano" or "hf_hub:mwalmsley/zoobot-encoder-...".
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel].
        pretrained: whether it starts from its published weights, which are downloaded once.
        weights: file to start from instead.
        options: of ``EncoderNetwork``.

    Raises:
        InputError: timm cannot be imported, does not know the name, or cannot get the weights.
    """
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        # A torchvision that was built for another torch fails with RuntimeError.
        raise InputError(
            f"The network {name} needs timm, which cannot be imported here ({error}). Install it"
            ' with: pip install "daexplore[pretrained]", and a torchvision that was built for your'
            " torch."
        ) from error
    try:
        module = timm.create_model(
            name, pretrained=pretrained and weights is None, num_classes=0, global_pool=""
        )
    except Exception as error:
        raise InputError(f"timm cannot make the network {name!r}: {error}") from error
    if weights is not None:
        load_weights(module, weights)
    found = module.pretrained_cfg
    side = int(found.get("input_size", (3, 224, 224))[-1])
    maps = _last_maps(module)
    encoder = Encoder(module, int(module.num_features), side, found["mean"], found["std"], maps)
    return EncoderNetwork(encoder, bands, classes, size, **options)


def _last_maps(module: Any) -> Any:
    """The part with the last feature maps, where timm names it."""
    info = getattr(module, "feature_info", None)
    if not info:
        return None
    last = info[-1] if isinstance(info, list) else info.info[-1]
    try:
        return module.get_submodule(last["module"])
    except (AttributeError, KeyError, TypeError):
        return None
