"""What is trained, and to which loss, when a network is adapted to unlabelled images."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from daexplore.errors import InputError
from daexplore.models import Network

__all__ = ["centroid_labels", "loss", "prepare", "reset_statistics"]

_PSEUDO = 0.3
"""Weight of the pseudo-labels, as published."""

_Norm = nn.modules.batchnorm._BatchNorm


def prepare(network: Network, method: str) -> list[nn.Parameter]:
    """Put a network into the mode that a method needs, and return what is trained.

    Batch norms normalise by the target's batches and collect its running statistics. Everything
    else is in evaluation mode.

    Raises:
        InputError: a network without what the method changes.
    """
    network.eval()
    network.requires_grad_(False)
    norms = [module for module in network.modules() if isinstance(module, _Norm)]
    if method in ("adabn", "tent") and not norms:
        raise InputError(
            f"{method} changes batch norms, and this network has none. Use --method shot."
        )
    for norm in norms:
        norm.train()
    if method == "adabn":
        return []
    if method == "tent":
        trained = [parameter for norm in norms for parameter in norm.parameters(recurse=False)]
    else:
        head = {id(parameter) for parameter in network.head.parameters()}
        trained = [parameter for parameter in network.parameters() if id(parameter) not in head]
        if not trained:
            raise InputError(
                "shot trains the encoder, and this network has nothing before its head."
            )
    for parameter in trained:
        parameter.requires_grad_(True)
    return trained


def reset_statistics(network: Network) -> None:
    """Let batch norms average all batches that follow, in the place of the source's."""
    for module in network.modules():
        if isinstance(module, _Norm):
            module.reset_running_stats()
            module.momentum = None


def loss(
    method: str, logits: Float[Tensor, "n classes"], pseudo: Tensor | None = None
) -> dict[str, Tensor]:
    """Named terms of a method's loss; their weighted sum is ``total``.

    Args:
        method: "tent" or "shot".
        logits: of a batch of target images.
        pseudo: (n,) pseudo-labels, for "shot".
    """
    probabilities = logits.softmax(1)
    entropy = -(probabilities * logits.log_softmax(1)).sum(1).mean()
    if method == "tent":
        return {"entropy": entropy, "total": entropy}
    mean = probabilities.mean(0)
    diversity = -(mean * mean.clamp_min(1e-12).log()).sum()
    total = entropy - diversity
    terms = {"entropy": entropy, "diversity": diversity}
    if pseudo is not None:
        terms["pseudo"] = cross_entropy(logits, pseudo)
        total = total + _PSEUDO * terms["pseudo"]
    return terms | {"total": total}


def centroid_labels(
    latents: Float[Tensor, "n latent"], logits: Float[Tensor, "n classes"]
) -> Tensor:
    """(n,) pseudo-labels: the class whose centroid is nearest in cosine distance.

    Centroids are weighted by the predictions, then computed once more from the labels found
    (Liang et al. 2020, eq. 4 to 6). A class that no galaxy is near keeps its first centroid.
    """
    unit = normalize(torch.cat([latents, torch.ones(len(latents), 1)], 1), dim=1)
    weights = logits.softmax(1)
    centroids = normalize(weights.T @ unit, dim=1)
    labels = (unit @ centroids.T).argmax(1)
    counted = nn.functional.one_hot(labels, logits.shape[1]).float()
    again = normalize(counted.T @ unit, dim=1)
    centroids = torch.where((counted.sum(0) > 0)[:, None], again, centroids)
    return (unit @ centroids.T).argmax(1)
