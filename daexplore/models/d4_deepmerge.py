"""DeepMerge with exact invariance to the symmetries of the square."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from daexplore.models.deepmerge import DeepMerge
from daexplore.models.symmetry import aligned, all_views, view

__all__ = ["D4DeepMerge"]


class D4DeepMerge(DeepMerge):
    """DeepMerge whose latent is the mean over the eight rotated and mirrored views of an image.

    All views share the weights, so the network has as many as ``DeepMerge``, and costs eight
    times as much. Averaging over a group makes any function exactly invariant to it (Puny et al.
    2021, arXiv:2110.03336). Arguments are those of ``DeepMerge``.
    """

    def __init__(self, *args: object, **options: object):
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.maps = nn.Identity()

    @property
    def saliency_layer(self) -> nn.Module:
        """The third convolution's maps of all views, turned back to the image's orientation."""
        return self.maps

    def encode(
        self, images: Float[Tensor, "batch band height width"]
    ) -> Float[Tensor, "batch latent"]:
        """The mean of the last hidden layer over the eight views."""
        before, after = self.convolutions[:-3], self.convolutions[-3:]
        upright = [aligned(before(each), which) for which, each in all_views(images)]
        maps = self.maps(torch.cat(upright, 1)).chunk(8, dim=1)
        latents = [self.hidden(after(view(part, which))) for which, part in enumerate(maps)]
        return torch.stack(latents).mean(0)
