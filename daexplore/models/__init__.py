"""Networks: encoder -> latent -> one linear head."""

from daexplore.config import ModelConfig
from daexplore.errors import InputError
from daexplore.models.base import Network, NetworkOutputs
from daexplore.models.batch_norm import batch_norm_domain, copy_source_statistics, separate_norms
from daexplore.models.deepmerge import DeepMerge
from daexplore.models.resnet import ResNet18

__all__ = [
    "NETWORKS",
    "DeepMerge",
    "Network",
    "NetworkOutputs",
    "ResNet18",
    "batch_norm_domain",
    "build_network",
    "copy_source_statistics",
]

NETWORKS: dict[str, type[Network]] = {"deepmerge": DeepMerge, "resnet18": ResNet18}
"""Networks by the name a ``ModelConfig`` gives."""


def build_network(
    config: ModelConfig, bands: int, classes: int, size: int, batch_norm: str = "mixed"
) -> Network:
    """The network that ``config`` names, for images of this shape.

    Args:
        config: its name and options.
        bands: channels of an image.
        classes: number of classes.
        size: height and width of an image [pixel].
        batch_norm: with "adabn" and "separate", each domain has batch-norm statistics of its own;
            with the latter also scale and shift.

    Raises:
        InputError: unknown name or option, or images too small for it.
    """
    if config.name not in NETWORKS:
        raise InputError(f"Unknown network {config.name!r}; there are {', '.join(NETWORKS)}.")
    try:
        network = NETWORKS[config.name](bands, classes, size, **config.options)
    except TypeError as error:
        raise InputError(
            f"The network {config.name} cannot be built with the options {config.options}: {error}."
        ) from error
    if batch_norm in ("adabn", "separate"):
        separate_norms(network, own_affine=batch_norm == "separate")
    return network
