"""The eight symmetries of the square, applied to batches of images and to their feature maps."""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["aligned", "all_views", "view"]


def view(images: Tensor, which: int) -> Tensor:
    """Images (n, C, H, H) under one symmetry.

    Args:
        images: square images.
        which: from 0 to 7; the lowest two bits count quarter turns, the third mirrors first.
    """
    mirrored = images.flip(3) if which & 4 else images
    return torch.rot90(mirrored, which & 3, dims=(2, 3))


def aligned(maps: Tensor, which: int) -> Tensor:
    """Undo ``view`` on feature maps; vectors (n, D) have no orientation and stay as they are."""
    if maps.ndim != 4:
        return maps
    turned = torch.rot90(maps, -(which & 3), dims=(2, 3))
    return turned.flip(3) if which & 4 else turned


def all_views(images: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The eight views of square images, each with its number."""
    for which in range(8):
        yield which, view(images, which)
