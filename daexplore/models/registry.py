"""Networks by name: those of this package, of timm, of Zoobot, and one's own."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from daexplore.config import ModelConfig
from daexplore.errors import InputError
from daexplore.models.base import Network
from daexplore.models.batch_norm import separate_norms
from daexplore.models.d4_deepmerge import D4DeepMerge
from daexplore.models.deepmerge import DeepMerge
from daexplore.models.efficientnet_lite import efficientnet_lite0
from daexplore.models.encoder import Encoder, EncoderNetwork
from daexplore.models.resnet import ResNet18
from daexplore.models.timm_encoder import timm_network
from daexplore.models.vectors import MLP, Linear
from daexplore.models.weights import load_weights
from daexplore.utils.trust import is_trusted

__all__ = ["NETWORKS", "build_network"]

NETWORKS: dict[str, Callable[..., Network]] = {
    "deepmerge": DeepMerge,
    "d4-deepmerge": D4DeepMerge,
    "resnet18": ResNet18,
    "efficientnet-lite0": efficientnet_lite0,
    "linear": Linear,
    "mlp": MLP,
}
"""Networks by the name a ``ModelConfig`` gives."""

_ZOOBOT = "hf_hub:mwalmsley/zoobot-encoder-"


def build_network(
    config: ModelConfig,
    bands: int,
    classes: int,
    size: int,
    batch_norm: str = "mixed",
    pretrained: bool = True,
) -> Network:
    """The network that ``config`` names, for images of this shape.

    Args:
        config: its name and options.
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel].
        batch_norm: with "adabn" and "separate", each domain has batch-norm statistics of its own;
            with the latter also scale and shift.
        pretrained: whether to start from the weights that the config names, or that are published;
            without them the weights of a run are expected to follow.

    Raises:
        InputError: unknown name or option, weights that do not fit, or images too small for it.
    """
    options = dict(config.options)
    build, takes_weights = _builder(config.name, pretrained)
    if takes_weights:
        options["pretrained"] = pretrained and bool(options.get("pretrained", True))
        options["weights"] = config.weights if pretrained else None
    try:
        network = build(bands, classes, size, **options)
    except TypeError as error:
        raise InputError(
            f"The network {config.name} cannot be built with the options {config.options}: {error}."
        ) from error
    if pretrained and config.weights is not None and not takes_weights:
        part = network.encoder if isinstance(network, EncoderNetwork) else network
        load_weights(part, config.weights)
    if batch_norm in ("adabn", "separate"):
        if isinstance(network, EncoderNetwork) and network.tuning == "frozen":
            raise InputError(
                f'train.batch_norm="{batch_norm}" changes the batch-norm statistics of the encoder,'
                " and a frozen encoder keeps them. Set model.options.tuning=full, or another"
                " train.batch_norm."
            )
        separate_norms(network, own_affine=batch_norm == "separate")
    return network


def _builder(name: str, pretrained: bool) -> tuple[Callable[..., Network], bool]:
    """What builds a network, and whether it loads pretrained weights itself."""
    if name in NETWORKS:
        return NETWORKS[name], name == "efficientnet-lite0"
    kind, _, rest = name.partition(":")
    if kind in ("timm", "zoobot") and rest:
        encoder = rest if kind == "timm" else _ZOOBOT + rest
        return lambda *shape, **options: timm_network(encoder, *shape, **options), True
    if not rest:
        raise InputError(
            f"Unknown network {name!r}; there are {', '.join(NETWORKS)}, timm:NAME, zoobot:NAME,"
            " and your own as package.module:factory."
        )
    return _imported(name, pretrained), False


def _imported(name: str, pretrained: bool) -> Callable[..., Network]:
    if not is_trusted(name):
        raise InputError(
            f"The network {name!r} is code outside of daexplore, and was not named on this machine"
            " before. It is not imported because a run folder says so. If you know and trust it,"
            f" allow it once with: daexplore runs trust {name}"
        )
    module, _, attribute = name.partition(":")
    try:
        factory: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"The network {name!r} cannot be imported: {error}.") from error
    if not callable(factory):
        raise InputError(f"The network {name!r} is no class or function.")

    def build(bands: int, classes: int, size: int, **options: Any) -> Network:
        if isinstance(factory, type) and issubclass(factory, Network):
            return factory(bands, classes, size, **options)
        names = set(EncoderNetwork.__init__.__annotations__) - {"encoder", "return"}
        own = {key: value for key, value in options.items() if key not in names}
        if "pretrained" in inspect.signature(factory).parameters:
            own.setdefault("pretrained", pretrained)
        made = factory(bands, classes, size, **own)
        if isinstance(made, Encoder):
            others = {key: value for key, value in options.items() if key in names}
            return EncoderNetwork(made, bands, classes, size, **others)
        if not isinstance(made, Network):
            raise InputError(
                f"The network {name!r} must make a daexplore.models.Network or a"
                f" daexplore.models.Encoder; it made {type(made).__name__}."
            )
        return made

    return build
