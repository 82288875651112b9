"""Sanity check of saliency maps by randomised weights."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from daexplore.analysis.saliency.agreement import (
    Agreement,
    mean_interval,
    other_galaxies,
    rank_correlation,
)
from daexplore.analysis.saliency.maps import iou
from daexplore.errors import InputError
from daexplore.models import Network

__all__ = ["Explainer", "SanityStep", "layers_of", "randomised", "sanity_check"]

Explainer = Callable[[Network, Tensor, NDArray[np.int64]], NDArray[np.float32]]
"""From a network, images (n, C, H, W) and classes (n,) to maps (n, rows, cols)."""


@dataclass(frozen=True)
class SanityStep:
    """How like the trained network's maps those of a randomised one are.

    Attributes:
        layer: "none" for maps of other galaxies by the trained network, else the layer randomised
            last.
        randomised: how many layers are.
        correlation: mean rank correlation of the maps' cells.
        overlap: mean IoU of their largest cells.
    """

    layer: str
    randomised: int
    correlation: Agreement
    overlap: Agreement


def layers_of(network: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """The layers with weights from the head down, each with the normalisation behind it, under the
    name of the first.
    """
    layers: list[tuple[str, list[nn.Module]]] = []
    for name, module in network.named_modules():
        if not hasattr(module, "reset_parameters") or not _own_tensors(module):
            continue
        if isinstance(module, nn.BatchNorm2d) and layers:
            layers[-1][1].append(module)
        else:
            layers.append((name, [module]))
    return layers[::-1]


def randomised(network: Network, layers: list[str], seed: int) -> Network:
    """A copy of the network in which these layers, named as in ``layers_of``, have the weights that
    a new network starts from.

    Raises:
        InputError: a layer that the network does not have.
    """
    made = copy.deepcopy(network)
    found = dict(layers_of(made))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in layers:
            if name not in found:
                raise InputError(
                    f"The network has no layer {name!r}; its layers are {', '.join(found)}."
                )
            for module in found[name]:
                _reset(module)
    return made


def sanity_check(
    network: Network,
    images: Float[Tensor, "n band height width"],
    classes: NDArray[np.int64],
    groups: NDArray[np.object_],
    explain: Explainer,
    mode: str = "cascading",
    draws: int = 3,
    seed: int = 0,
    resamples: int = 400,
    report: Callable[[int, int], None] | None = None,
) -> list[SanityStep]:
    """The model parameter randomisation test (Adebayo et al. 2018, arXiv:1810.03292, sec. 4).

    A map that hardly changes when the weights are random shows the image, not what the network has
    learned. Where maps of different galaxies are alike too (all are at their stamp's centre), that
    likeness, given first, is what is left when nothing is explained.

    Args:
        network: trained, in the domain of the images.
        images: as the network takes them.
        classes: (n,) the class each map explains, the same for all networks.
        groups: (n,) the galaxy each image shows.
        explain: makes maps; of either sign they count by magnitude.
        mode: "cascading" randomises one layer more at each step, from the head down to the first;
            "independent" each layer alone.
        draws: random networks at each step; their mean counts.
        seed: of the weights and of the bootstrap.
        resamples: of the bootstrap.
        report: called with how many networks are done, of how many.

    Returns:
        First the comparison with other galaxies, then one step a layer, from the head down.

    Raises:
        InputError: an unknown mode, no draws, or fewer than two images.
    """
    if mode not in ("cascading", "independent") or draws < 1 or len(images) < 2:
        raise InputError(
            "A sanity check needs the mode cascading or independent, a draw and two images; got"
            f" {mode!r}, {draws} and {len(images)}."
        )
    trained = np.abs(explain(network, images, classes))
    other = other_galaxies(groups, seed)
    blank = np.zeros_like(trained)
    exchanged = np.where((other < 0)[:, None, None], blank, trained[other])
    steps = [_step("none", 0, trained, [exchanged], groups, resamples, seed)]
    names = [name for name, _ in layers_of(network)]
    for number, name in enumerate(names):
        chosen = names[: number + 1] if mode == "cascading" else [name]
        maps = []
        for draw in range(draws):
            maps.append(
                np.abs(explain(randomised(network, chosen, seed + 1000 * draw), images, classes))
            )
            if report:
                report(number * draws + draw + 1, len(names) * draws)
        steps.append(_step(name, len(chosen), trained, maps, groups, resamples, seed))
    return steps


def _step(
    name: str,
    count: int,
    trained: NDArray[np.float32],
    maps: list[NDArray[np.float32]],
    groups: NDArray[np.object_],
    resamples: int,
    seed: int,
) -> SanityStep:
    found = [
        np.stack([compare(trained, drawn) for drawn in maps]) for compare in (rank_correlation, iou)
    ]
    correlation, overlap = (mean_interval(values, groups, resamples, seed) for values in found)
    return SanityStep(name, count, correlation, overlap)


def _own_tensors(module: nn.Module) -> list[Any]:
    return list(module.parameters(recurse=False))


def _reset(module: Any) -> None:
    """As new; a batch norm that keeps the domains apart has tensors of the target, of which torch's
    own method does not know.
    """
    module.reset_parameters()
    with torch.no_grad():
        for name, value in (
            ("target_mean", 0.0),
            ("target_bias", 0.0),
            ("target_var", 1.0),
            ("target_weight", 1.0),
        ):
            tensor = getattr(module, name, None)
            if tensor is not None:
                tensor.fill_(value)
