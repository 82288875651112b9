"""Networks: encoder -> latent -> one linear head."""

from daexplore.config import ModelConfig
from daexplore.errors import InputError
from daexplore.models.base import Network, NetworkOutputs
from daexplore.models.deepmerge import DeepMerge
from daexplore.models.resnet import ResNet18

__all__ = ["NETWORKS", "DeepMerge", "Network", "NetworkOutputs", "ResNet18", "build_network"]

NETWORKS: dict[str, type[Network]] = {"deepmerge": DeepMerge, "resnet18": ResNet18}
"""Networks by the name a ``ModelConfig`` gives."""


def build_network(config: ModelConfig, bands: int, classes: int, size: int) -> Network:
    """The network that ``config`` names, for images of this shape.

    Raises:
        InputError: unknown name or option, or images too small for it.
    """
    if config.name not in NETWORKS:
        raise InputError(f"Unknown network {config.name!r}; there are {', '.join(NETWORKS)}.")
    try:
        return NETWORKS[config.name](bands, classes, size, **config.options)
    except TypeError as error:
        raise InputError(f"The network {config.name} cannot be built with the options {config.options}: {error}.") from error
