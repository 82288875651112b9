"""Grad-CAM: where in an image the evidence for a class lies, and how far two such maps agree."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["gradcam", "iou"]


def gradcam(
    network: "nn.Module", images: "Tensor", classes: NDArray[np.integer[Any]], layer: "nn.Module", batch: int = 64
) -> NDArray[np.float32]:
    """Grad-CAM maps (Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2) on the layer's own grid.

    Args:
        network: gives logits, alone or as the attribute ``logits`` of its output; its training mode is the same afterwards.
        images: (n, C, H, W) as the network takes them, on its device.
        classes: (n,) the class each map explains.
        layer: a convolution of the network.
        batch: images at a time.

    Returns:
        (n, rows, cols) >= 0, not normalised.
    """
    import torch
    from captum.attr import LayerGradCam

    def logits(batch_images: Any) -> Any:
        outputs = network(batch_images)
        return getattr(outputs, "logits", outputs)

    explain = LayerGradCam(logits, layer)
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        maps = []
        with torch.enable_grad():
            for start in range(0, len(images), batch):
                part = images[start : start + batch].detach()
                wanted = torch.as_tensor(classes[start : start + batch], device=part.device)
                maps.append(explain.attribute(part, target=wanted, relu_attributions=True)[:, 0].detach().cpu().numpy())
    finally:
        for module, mode in modes.items():
            module.training = mode
    return np.concatenate(maps).astype(np.float32) if maps else np.zeros((0, 0, 0), np.float32)


def iou(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]], fraction: float = 0.2) -> NDArray[np.float64]:
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
        np.put_along_axis(mask, np.argsort(-flat, axis=-1, kind="stable")[..., :count], True, axis=-1)
        # Cells without any evidence are not large, however few others there are.
        masks.append(mask & (flat > 0))
    both, either = (masks[0] & masks[1]).sum(axis=-1), (masks[0] | masks[1]).sum(axis=-1)
    blank = ~(masks[0].any(axis=-1) & masks[1].any(axis=-1))
    return np.where(blank, np.nan, both / np.maximum(either, 1))
