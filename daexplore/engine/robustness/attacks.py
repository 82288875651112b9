"""Adversarial attacks: FGSM, PGD, and the shortest way to the decision boundary."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from daexplore.errors import InputError

__all__ = [
    "BoundaryDistances",
    "boundary_distances",
    "frozen",
    "latent_distances",
    "margins_of",
    "pgd",
]

Images = Float[Tensor, "n band height width"]
_STEPS_OF_BISECTION = 30
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class BoundaryDistances:
    """How far n images are from being called otherwise.

    Attributes:
        pixels: (n,) L2 norm of the smallest change found that crosses the boundary, in the units of
            the network's input (standard deviations of the training pixels): an upper bound of the
            true distance; infinite where none was found.
        latent: (n,) exact distance of the latent from the nearest boundary hyperplane of the linear
            head.
        changed: (n, C, H, W) the images just across the boundary; where none was found, as they
            were.
    """

    pixels: NDArray[np.float64]
    latent: NDArray[np.float64]
    changed: Images


def pgd(
    network: nn.Module,
    images: Images,
    classes: NDArray[np.integer[Any]],
    radius: float,
    steps: int = 10,
    norm: str = "Linf",
) -> Images:
    """Images pushed away from their classes by projected gradient ascent (Madry et al. 2018,
    arXiv:1706.06083, sec. 2.1), by Captum.

    One step is FGSM (Goodfellow et al. 2015, arXiv:1412.6572, eq. in sec. 4). Captum takes signs of
    the gradient in the L2 norm too.

    Args:
        network: gives logits, alone or as the attribute ``logits`` of its output.
        images: as the network takes them.
        classes: (n,) away from which: labels, or the classes predicted.
        radius: of the ball around each image, in units of the network's input.
        steps: of the ascent; each is 2.5 radius / steps long, and radius where there is but one.
        norm: "Linf" or "L2".

    Raises:
        InputError: another norm, or a radius or number of steps that cannot be.
    """
    from captum.robust import PGD

    if norm not in ("Linf", "L2") or not 0 <= radius < np.inf or steps < 1:
        raise InputError(
            f"PGD needs the norm Linf or L2, a radius of at least 0 and a step; got {norm!r},"
            f" {radius} and {steps}."
        )
    if radius == 0 or not len(images):
        return images.clone()
    wanted = torch.as_tensor(classes, device=images.device)
    with frozen(network), torch.enable_grad(), warnings.catch_warnings():
        # Captum says at each step that it needs the image's gradient, which is what it is asked
        # for.
        warnings.filterwarnings(
            "ignore", "Input Tensor .* did not already require gradients", UserWarning
        )
        attack = PGD(logits_of(network), torch.nn.CrossEntropyLoss(reduction="none"))
        step = radius if steps == 1 else 2.5 * radius / steps
        changed: Tensor = attack.perturb(images.detach(), radius, step, steps, wanted, norm=norm)
    return changed.detach()


def boundary_distances(
    network: nn.Module, images: Images, iterations: int = 40, batch: int = 64
) -> BoundaryDistances:
    """The smallest change of each image that crosses the decision boundary, beside the exact
    distance in the latent space.

    The search starts at the boundary of the linearised network (DeepFool, Moosavi-Dezfooli et al.
    2016, arXiv:1511.04599, eq. 7) and continues with direction and length decoupled (DDN, Rony et
    al. 2019, arXiv:1811.09600, algorithm 1): along the gradient on a sphere that shrinks where the
    class has changed and grows where not. The best point is moved to the boundary by bisection.
    Captum's PGD steps along signs of the gradient, which in the L2 norm is not the shortest way.
    For a linear network the result is exact: abs(w.x + b) / abs(w).

    Args:
        network: with the outputs ``latents`` and ``logits`` and a linear ``head``.
        images: as the network takes them.
        iterations: of the search.
        batch: images at a time.
    """
    pixels, latent, changed = [], [], []
    with frozen(network):
        for start in range(0, len(images), batch):
            part = images[start : start + batch].detach()
            found = _nearest(logits_of(network), part, iterations)
            pixels.append((found - part).flatten(1).double().norm(dim=1).cpu().numpy())
            changed.append(found)
            with torch.no_grad():
                outputs = network(part)
            latent.append(
                latent_distances(
                    outputs.logits.cpu().numpy(),
                    network.get_submodule("head").get_parameter("weight"),
                )
            )
    if not changed:
        return BoundaryDistances(np.zeros(0), np.zeros(0), images.clone())
    far = np.concatenate(pixels)
    return BoundaryDistances(
        np.where(far > 0, far, np.inf), np.concatenate(latent), torch.cat(changed)
    )


def latent_distances(
    logits: NDArray[np.floating[Any]], weight: Tensor | NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """(n,) distance of each latent from the nearest hyperplane between its predicted class and
    another: margin / abs(w_a - w_b).

    Args:
        logits: (n, K).
        weight: (K, D) of the linear head.
    """
    scores = np.asarray(logits, np.float64)
    rows = np.asarray(weight.detach().cpu() if isinstance(weight, Tensor) else weight, np.float64)
    first = scores.argmax(axis=1)
    margins = scores[np.arange(len(scores)), first][:, None] - scores
    lengths = np.linalg.norm(rows[first][:, None] - rows[None], axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(
            np.arange(scores.shape[1]) == first[:, None], np.inf, margins / lengths
        )
    return np.asarray(np.nanmin(distances, axis=1))


def _nearest(logits: Callable[[Tensor], Tensor], images: Tensor, iterations: int) -> Tensor:
    """The nearest points found across the boundary; the images themselves where there is none."""
    with torch.no_grad():
        own = logits(images).argmax(dim=1)
    margin, slope = _slope(logits, images, own)
    # Where the boundary of the linearised network is: there the search begins, a hair beyond.
    radius = 1.01 * (margin / slope.flatten(1).norm(dim=1).clamp_min(_TINY)).nan_to_num(0.0)
    change = torch.zeros_like(images)
    best, shortest = images.clone(), torch.full_like(radius, float("inf"))
    for number in range(iterations):
        share = 0.01 + 0.99 * (1 + np.cos(np.pi * number / iterations)) / 2
        if number:
            _, slope = _slope(logits, images + change, own)
        # The first change has no direction of its own yet.
        change = change - _unit(slope) * _wide(radius * (share if number else 1.0))
        change = _unit(change) * _wide(radius)
        with torch.no_grad():
            across = logits(images + change).argmax(dim=1) != own
        better = across & (radius < shortest)
        best[better], shortest[better] = (images + change)[better], radius[better]
        # Fast outwards until a way across is known, then closer and closer about its length.
        near = 1 - 0.1 * share
        radius = torch.where(
            across, radius * near, torch.where(shortest.isinf(), radius * 1.3, radius / near)
        )
    return _crossing(logits, images, best, own)


def _slope(
    logits: Callable[[Tensor], Tensor], points: Tensor, own: Tensor
) -> tuple[Tensor, Tensor]:
    """(n,) margins and their gradients (n, C, H, W)."""
    points = points.detach().requires_grad_(True)
    with torch.enable_grad():
        margin = margins_of(logits(points), own, points)
        (slope,) = torch.autograd.grad(margin.sum(), points)
    return margin.detach(), slope


def _unit(images: Tensor) -> Tensor:
    return images / _wide(images.flatten(1).norm(dim=1).clamp_min(_TINY))


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _crossing(
    logits: Callable[[Tensor], Tensor], images: Tensor, points: Tensor, own: Tensor
) -> Tensor:
    """Where the line from image to point leaves the class; the image itself where the point is of
    its class.
    """
    with torch.no_grad():
        inside = torch.zeros(len(images), dtype=images.dtype, device=images.device)
        outside = torch.ones_like(inside)
        crosses = logits(points).argmax(dim=1) != own
        for _ in range(_STEPS_OF_BISECTION if bool(crosses.any()) else 0):
            middle = (inside + outside) / 2
            left = (
                logits(images + middle[:, None, None, None] * (points - images)).argmax(dim=1)
                != own
            )
            outside, inside = torch.where(left, middle, outside), torch.where(left, inside, middle)
        share = torch.where(crosses, outside, torch.zeros_like(outside))
        return images + share[:, None, None, None] * (points - images)


def margins_of(logits: Tensor, own: Tensor, point: Tensor | None = None) -> Tensor:
    """(n,) logit of the own class less that of another: the largest, or, where the logits depend on
    ``point``, the one whose linearised boundary is nearest (Moosavi-Dezfooli et al. 2016, eq. 8).
    """
    mine = logits.gather(1, own[:, None])
    others = (mine - logits).scatter(1, own[:, None], float("inf"))
    if point is None or logits.shape[1] == 2:
        return others.amin(dim=1)
    slopes = [
        torch.autograd.grad((mine[:, 0] - logits[:, k]).sum(), point, retain_graph=True)[0]
        for k in range(logits.shape[1])
    ]
    lengths = torch.stack([slope.flatten(1).norm(dim=1) for slope in slopes], dim=1)
    nearest = (
        (others.detach().abs() / lengths.clamp_min(1e-30))
        .scatter(1, own[:, None], float("inf"))
        .argmin(dim=1)
    )
    return others.gather(1, nearest[:, None])[:, 0]


def logits_of(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def logits(images: Tensor) -> Tensor:
        outputs = network(images)
        found: Tensor = getattr(outputs, "logits", outputs)
        return found

    return logits


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and weights without gradients; afterwards all as it was."""
    modes = {module: module.training for module in network.modules()}
    wanted = {parameter: parameter.requires_grad for parameter in network.parameters()}
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, needed in wanted.items():
            parameter.requires_grad_(needed)
