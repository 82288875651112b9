"""Networks: encoder -> latent -> one linear head."""

from daexplore.models.base import Network, NetworkOutputs
from daexplore.models.batch_norm import batch_norm_domain, copy_source_statistics
from daexplore.models.d4_deepmerge import D4DeepMerge
from daexplore.models.deepmerge import DeepMerge
from daexplore.models.encoder import Encoder, EncoderNetwork
from daexplore.models.registry import NETWORKS, build_network
from daexplore.models.resnet import ResNet18

__all__ = [
    "NETWORKS",
    "D4DeepMerge",
    "DeepMerge",
    "Encoder",
    "EncoderNetwork",
    "Network",
    "NetworkOutputs",
    "ResNet18",
    "batch_norm_domain",
    "build_network",
    "copy_source_statistics",
]
