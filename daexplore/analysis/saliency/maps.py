"""Saliency maps: Grad-CAM, Integrated Gradients and occlusion."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daexplore.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["gradcam", "integrated_gradients", "iou", "occlusion"]


def gradcam(
    network: "nn.Module",
    images: "Tensor",
    classes: NDArray[np.integer[Any]],
    layer: "nn.Module",
    batch: int = 64,
) -> NDArray[np.float32]:
    """Grad-CAM maps (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2) on the layer's own grid.

    Of two classes the difference of their logits is explained, here and in the other maps.

    Args:
        network: gives logits, alone or as the attribute ``logits`` of its output; its training mode
            is the same afterwards.
        images: (n, C, H, W) as the network takes them, on its device.
        classes: (n,) the class each map explains.
        layer: a convolution of the network.
        batch: images at a time.

    Returns:
        (n, rows, cols) >= 0, not normalised.
    """
    from captum.attr import LayerGradCam

    explain = LayerGradCam(_logits(network), layer)

    def maps(part: "Tensor", wanted: "Tensor") -> Any:
        return explain.attribute(part, target=wanted, relu_attributions=True)[:, 0]

    found = _in_batches(network, images, classes, batch, maps)
    return np.concatenate(found) if found else np.zeros((0, 0, 0), np.float32)


def integrated_gradients(
    network: "nn.Module",
    images: "Tensor",
    classes: NDArray[np.integer[Any]],
    baseline: "Tensor | float" = 0.0,
    steps: int = 50,
    batch: int = 16,
) -> NDArray[np.float32]:
    """Integrated Gradients (Sundararajan et al. 2017, arXiv:1703.01365, eq. 1), by Gauss-Legendre
    quadrature.

    Completeness: the attributions of an image add up to the logit of its class less that of the
    baseline, but for the quadrature's error.

    Args:
        network: as for ``gradcam``.
        images: (n, C, H, W) as the network takes them, on its device.
        classes: (n,) the class each attribution explains.
        baseline: the image without evidence: one number, or a tensor that broadcasts to (1, C, H,
            W).
        steps: of the quadrature.
        batch: images at a time, each with all its steps.

    Returns:
        (n, C, H, W), of either sign.
    """
    import torch
    from captum.attr import IntegratedGradients

    explain = IntegratedGradients(_logits(network))
    start = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)

    def attributions(part: "Tensor", wanted: "Tensor") -> Any:
        return explain.attribute(part, start.expand_as(part), target=wanted, n_steps=steps)

    found = _in_batches(network, images, classes, batch, attributions)
    return np.concatenate(found) if found else np.zeros(tuple(images.shape), np.float32)


def occlusion(
    network: "nn.Module",
    images: "Tensor",
    classes: NDArray[np.integer[Any]],
    window: int = 9,
    stride: int | None = None,
    baseline: "Tensor | float" = 0.0,
    batch: int = 64,
) -> NDArray[np.float32]:
    """By how much the logit of a class falls when a square of the image is covered (Zeiler & Fergus
    2014, arXiv:1311.2901, sec. 4.2).

    Args:
        network: as for ``gradcam``.
        images: (n, C, H, W) as the network takes them, on its device.
        classes: (n,) the class each map explains.
        window: side of the square [pixel]; it covers all bands at once.
        stride: from one place of the square to the next [pixel]; None takes the window: squares
            side by side.
        baseline: what is put there: one number, or a tensor that broadcasts to (1, C, H, W).
        batch: images at a time.

    Returns:
        (n, H, W), of either sign; where squares overlap, their mean.

    Raises:
        InputError: a square that does not fit into the image, or a stride that would leave pixels
            out.
    """
    import torch
    from captum.attr import Occlusion

    channels, height, width = images.shape[1:]
    stride = window if stride is None else stride
    if not (1 <= window <= min(height, width) and 1 <= stride <= window):
        raise InputError(
            f"Occlusion needs a window of 1 to {min(height, width)} pixels and a stride of 1 to the"
            f" window; got {window} and {stride}."
        )
    explain = Occlusion(_logits(network))
    cover = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)

    def maps(part: "Tensor", wanted: "Tensor") -> Any:
        with torch.no_grad():
            shifted = explain.attribute(
                part,
                (channels, window, window),
                (channels, stride, stride),
                baselines=cover.expand_as(part),
                target=wanted,
            )
        return shifted[:, 0]

    found = _in_batches(network, images, classes, batch, maps)
    return np.concatenate(found) if found else np.zeros((0, height, width), np.float32)


def _logits(network: "nn.Module") -> Callable[[Any], Any]:
    """What a map explains: a class's logit; of two classes its logit minus the other's, which alone
    decides: a constant added to both changes no probability.
    """

    def logits(images: Any) -> Any:
        outputs = network(images)
        found = getattr(outputs, "logits", outputs)
        return found - found.flip(1) if found.shape[1] == 2 else found

    return logits


def _in_batches(
    network: "nn.Module",
    images: "Tensor",
    classes: NDArray[np.integer[Any]],
    batch: int,
    explain: Callable[["Tensor", "Tensor"], Any],
) -> list[NDArray[np.float32]]:
    import torch

    found = []
    with _evaluating(network), torch.enable_grad():
        for start in range(0, len(images), batch):
            part = images[start : start + batch].detach()
            wanted = torch.as_tensor(classes[start : start + batch], device=part.device)
            found.append(explain(part, wanted).detach().cpu().numpy().astype(np.float32))
    return found


@contextmanager
def _evaluating(network: "nn.Module") -> Iterator[None]:
    """The whole network in evaluation mode; afterwards each part in the mode it had."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def iou(
    a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]], fraction: float = 0.2
) -> NDArray[np.float64]:
    """Intersection over union of the cells in which two maps are largest.

    Args:
        a: (..., rows, cols).
        b: the same shape.
        fraction: share of the cells that count as large.

    Returns:
        (...,) from 0 to 1; NaN where a map is zero everywhere, since it then points nowhere.
    """
    size = a.shape[-2] * a.shape[-1]
    count = max(1, round(fraction * size))
    masks = []
    for maps in (a, b):
        flat = maps.reshape(*maps.shape[:-2], size)
        mask = np.zeros(flat.shape, bool)
        np.put_along_axis(
            mask, np.argsort(-flat, axis=-1, kind="stable")[..., :count], True, axis=-1
        )
        # Cells without any evidence are not large, however few others there are.
        masks.append(mask & (flat > 0))
    both, either = (masks[0] & masks[1]).sum(axis=-1), (masks[0] | masks[1]).sum(axis=-1)
    blank = ~(masks[0].any(axis=-1) & masks[1].any(axis=-1))
    return np.where(blank, np.nan, both / np.maximum(either, 1))
