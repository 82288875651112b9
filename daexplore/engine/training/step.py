"""The one module of a training step: network and alignments together, called once a step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import cross_entropy

from daexplore.alignment import Alignment
from daexplore.domains import DomainBatch, DomainOutputs
from daexplore.models import Network, batch_norm_domain

__all__ = ["AdaptationStep"]


class AdaptationStep(nn.Module):
    """Turns a batch into named losses; ``total`` is the one to differentiate.

    Everything trainable lives in here, so that one optimiser sees the domain classifiers too and
    distributed training synchronises every gradient.

    Args:
        network: the network to train.
        alignments: methods with their weights; none for noDA.
        batch_norm: "mixed" passes source and target through the network as one batch, so that batch
            norm sees both domains; "source" passes the source alone in training mode and the
            target, if an alignment wants it, with the running statistics; "adabn" and "separate"
            pass each domain by itself through a network that keeps statistics of both.
        class_weights: weight of each class in the task loss; None weighs all alike. Alignments are
            not weighed.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: Network,
        alignments: Sequence[tuple[Alignment, float]],
        batch_norm: str,
        class_weights: Sequence[float] | None = None,
    ):
        super().__init__()
        # Follows from the config: no part of what is saved.
        self.register_buffer(
            "class_weights",
            None if class_weights is None else torch.tensor(class_weights),
            persistent=False,
        )
        self.network = network
        self.alignments = nn.ModuleList(alignment for alignment, _ in alignments)
        self.weights = [weight for _, weight in alignments]
        self.batch_norm = batch_norm

    def forward(self, batch: DomainBatch, progress: float) -> dict[str, Tensor]:
        """The losses of one step: ``task``, each alignment's terms, and their weighted sum
        ``total``.
        """
        source, target = self.outputs(batch)
        losses = {"task": self.task_loss(source.logits, batch.source_labels)}
        total = losses["task"]
        for alignment, weight in zip(self.alignments, self.weights, strict=True):
            assert target is not None
            assert isinstance(alignment, Alignment)
            pair = (_gathered(source), _gathered(target)) if alignment.gathers else (source, target)
            with _own_stream(batch.source_images.device):
                terms = alignment(*pair, progress)
            losses |= terms
            total = total + weight * alignment.strength(progress) * alignment.penalty(
                terms, losses["task"]
            )
        return losses | {"total": total}

    def task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy, each image's multiplied by the weight of its class.

        Unlike torch's weighted mean it is not divided by the batch's own sum of weights: a batch
        without the rare class must not count as much as one with it, and means over processes must
        add up to the mean over all.
        """
        if self.class_weights is None:
            return cross_entropy(logits, labels)
        return cross_entropy(logits, labels, self.class_weights, reduction="none").mean()

    def outputs(self, batch: DomainBatch) -> tuple[DomainOutputs, DomainOutputs | None]:
        """The network's outputs of both domains; of the target only where someone needs them."""
        if self.batch_norm == "mixed":
            n = len(batch.source_images)
            latents, logits = self.network(torch.cat([batch.source_images, batch.target_images]))
            return DomainOutputs(latents[:n], logits[:n], batch.source_labels), DomainOutputs(
                latents[n:], logits[n:], None
            )
        latents, logits = self.network(batch.source_images)
        source = DomainOutputs(latents, logits, batch.source_labels)
        if self.batch_norm == "source" and not len(self.alignments):
            return source, None
        with _own_stream(batch.source_images.device):
            if self.batch_norm == "source":
                with _running_statistics(self.network):
                    latents, logits = self.network(batch.target_images)
            else:
                # Without an alignment the target passes for the sake of its statistics alone.
                with (
                    batch_norm_domain(self.network, "target"),
                    torch.set_grad_enabled(len(self.alignments) > 0),
                ):
                    latents, logits = self.network(batch.target_images)
        return source, DomainOutputs(latents, logits, None)


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    """What is drawn in this block (dropout) leaves the random stream as it was: at weight zero a
    method must leave no trace.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


@contextmanager
def _running_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norm neither uses nor updates the statistics of what passes in this block."""
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
    ]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


def _gathered(outputs: DomainOutputs) -> DomainOutputs:
    """The outputs of all processes, with gradients to each: a two-sample loss on a rank's own few
    images would be another loss.
    """
    if not (
        torch.distributed.is_available()
        and torch.distributed.is_initialized()
        and torch.distributed.get_world_size() > 1
    ):
        return outputs
    latents, logits = (
        torch.cat(all_gather(tensor.contiguous()))  # type: ignore[no-untyped-call]
        for tensor in (outputs.latents, outputs.logits)
    )
    labels = outputs.labels
    if labels is not None:
        parts = [torch.empty_like(labels) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, labels)
        labels = torch.cat(parts)
    return DomainOutputs(latents, logits, labels)
