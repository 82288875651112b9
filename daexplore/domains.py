"""Names of domains and splits, and the data types of one training step."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

__all__ = ["DOMAINS", "SPLITS", "DomainBatch", "DomainOutputs"]


DOMAINS = ("source", "target")
SPLITS = ("train", "validation", "test")


class DomainBatch(NamedTuple):
    """One step's input. There is no place for target labels."""

    source_images: "Float[Tensor, 'source band height width']"
    source_labels: "Int[Tensor, ' source']"
    target_images: "Float[Tensor, 'target band height width']"


class DomainOutputs(NamedTuple):
    """What a network said of one domain's images; ``labels`` is always None for the target."""

    latents: "Float[Tensor, 'batch latent']"
    logits: "Float[Tensor, 'batch classes']"
    labels: "Int[Tensor, ' batch'] | None"
