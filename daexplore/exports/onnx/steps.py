"""Preprocessing and network as torch modules, for the export."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from daexplore.data.preprocessing.pipeline import DomainSteps
from daexplore.data.preprocessing.steps import (
    Asinh,
    Background,
    Crop,
    ImageScale,
    Normalise,
    Percentile,
    PsfMatch,
    Resample,
    SelectBands,
    Step,
    Units,
)
from daexplore.data.preprocessing.steps.psf import blur_matrix
from daexplore.data.preprocessing.steps.resample import overlap_matrix
from daexplore.data.preprocessing.steps.stretch import positive
from daexplore.models import Network

__all__ = ["TorchSteps", "Whole"]


class TorchSteps(nn.Module):
    """What ``DomainSteps.apply`` does, for images of one size.

    Args:
        steps: of one domain.
        size: height and width of the images as they come [pixel].
    """

    def __init__(self, steps: DomainSteps, size: tuple[int, int]):
        super().__init__()
        made: list[nn.Module] = []
        for step in steps.steps:
            made.append(_torch_step(step, size))
            size = _size_after(step, size)
        self.steps = nn.Sequential(*made)

    def forward(
        self, images: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch band rows cols"]:
        """What the network sees of float32 images."""
        prepared: Tensor = self.steps(images)
        return prepared


def _size_after(step: Step, size: tuple[int, int]) -> tuple[int, int]:
    if isinstance(step, Crop):
        return step.size[0], step.size[1]
    if isinstance(step, Resample):
        return (
            overlap_matrix(size[0], step.ratio).shape[0],
            overlap_matrix(size[1], step.ratio).shape[0],
        )
    return size


def _torch_step(step: Step, size: tuple[int, int]) -> nn.Module:
    if isinstance(step, SelectBands):
        return _Select(step)
    if isinstance(step, Units):
        return _Units(step)
    if isinstance(step, Background):
        return _Background(step, size)
    if isinstance(step, PsfMatch):
        rows, columns = (np.stack([blur_matrix(sigma, n) for sigma in step.sigma]) for n in size)
        return _Matrices(rows, columns)
    if isinstance(step, Resample):
        rows, columns = (overlap_matrix(n, step.ratio) for n in size)
        return _Matrices(rows, columns.T)
    if isinstance(step, Crop):
        return _Crop(step, size)
    if isinstance(step, Asinh):
        return _Asinh([step.softening * scale for scale in step.noise_scale])
    if isinstance(step, Percentile):
        return _Percentile(step)
    if isinstance(step, ImageScale):
        return _ImageScale(step, size)
    return _Normalise(step)


class _Constants(nn.Module):
    """Numbers of each band as float32 buffers that spread over (n, C, H, W)."""

    def _keep(self, name: str, values: Any) -> None:
        self.register_buffer(
            name, torch.from_numpy(np.asarray(values, np.float32).reshape(-1, 1, 1).copy())
        )


class _Select(nn.Module):
    def __init__(self, step: SelectBands):
        super().__init__()
        self.register_buffer("order", torch.tensor(step.order))

    def forward(self, images: Tensor) -> Tensor:
        return torch.index_select(images, 1, self.get_buffer("order"))


class _Matrices(nn.Module):
    def __init__(self, left: NDArray[np.float32], right: NDArray[np.float32]):
        super().__init__()
        self.register_buffer("left", torch.from_numpy(np.array(left)))
        self.register_buffer("right", torch.from_numpy(np.array(right)))

    def forward(self, images: Tensor) -> Tensor:
        return self.get_buffer("left") @ images @ self.get_buffer("right")


class _Crop(nn.Module):
    def __init__(self, step: Crop, size: tuple[int, int]):
        super().__init__()
        self.first, self.last, self.padding = [0, 0], list(size), [0, 0, 0, 0]
        for axis, (have, want) in enumerate(zip(size, step.size, strict=True)):
            self.first[axis] = max(0, (have - want) // 2)
            self.last[axis] = self.first[axis] + min(have, want)
            before = max(0, want - have) // 2
            # torch wants the last axis first.
            self.padding[2 - 2 * axis : 4 - 2 * axis] = [before, max(0, want - have) - before]

    def forward(self, images: Tensor) -> Tensor:
        inner = images[:, :, self.first[0] : self.last[0], self.first[1] : self.last[1]]
        return nn.functional.pad(inner, self.padding) if any(self.padding) else inner


class _Asinh(_Constants):
    def __init__(self, unit: list[float]):
        super().__init__()
        self._keep("unit", unit)

    def forward(self, images: Tensor) -> Tensor:
        return torch.asinh(images / self.get_buffer("unit"))


class _Percentile(_Constants):
    def __init__(self, step: Percentile):
        super().__init__()
        low, high = (np.array(values, np.float32) for values in (step.low, step.high))
        self._keep("low", low)
        self._keep("high", high)
        self._keep("span", positive(high - low))

    def forward(self, images: Tensor) -> Tensor:
        clipped = torch.minimum(
            torch.maximum(images, self.get_buffer("low")), self.get_buffer("high")
        )
        return (clipped - self.get_buffer("low")) / self.get_buffer("span")


class _Normalise(_Constants):
    def __init__(self, step: Normalise):
        super().__init__()
        self._keep("mean", step.mean)
        self._keep("std", step.std)

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.get_buffer("mean")) / self.get_buffer("std")


class _Units(_Constants):
    def __init__(self, step: Units):
        super().__init__()
        self._keep("scale", step.flux_scale)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.get_buffer("scale")


class _Background(nn.Module):
    """The clipped median of the border, by masks on sorted values; like the original in double
    precision, and all rounds are taken: once nothing changes any more, nothing changes.
    """

    def __init__(self, step: Background, size: tuple[int, int]):
        super().__init__()
        border = np.ones(size, bool)
        border[step.width : -step.width, step.width : -step.width] = False
        self.register_buffer("border", torch.from_numpy(np.flatnonzero(border)))
        self.register_buffer("index", torch.arange(int(border.sum())))
        self.sigma, self.rounds = step.sigma, step.rounds

    def forward(self, images: Tensor) -> Tensor:
        pixels = torch.index_select(images.flatten(2), 2, self.get_buffer("border"))
        ordered = torch.sort(pixels, dim=2).values.double()
        low = torch.zeros_like(ordered[:, :, :1], dtype=torch.int64)
        high = torch.full_like(low, ordered.shape[2])
        median = self._middle(ordered, low, high)
        for _ in range(self.rounds):
            kept = ((self.get_buffer("index") >= low) & (self.get_buffer("index") < high)).double()
            count = kept.sum(2, keepdim=True).clamp(min=1)
            mean = (ordered * kept).sum(2, keepdim=True) / count
            reach = self.sigma * torch.sqrt(
                ((ordered - mean) ** 2 * kept).sum(2, keepdim=True) / count
            )
            low = torch.maximum(low, (ordered < median - reach).long().sum(2, keepdim=True))
            high = torch.minimum(high, (ordered <= median + reach).long().sum(2, keepdim=True))
            median = self._middle(ordered, low, high)
        return images - median.float().unsqueeze(3)

    @staticmethod
    def _middle(ordered: Tensor, low: Tensor, high: Tensor) -> Tensor:
        last = high - low - 1
        below, above = (
            low + torch.div(last, 2, rounding_mode="floor"),
            low + torch.div(last + 1, 2, rounding_mode="floor"),
        )
        return (torch.gather(ordered, 2, below) + torch.gather(ordered, 2, above)) / 2


class _ImageScale(nn.Module):
    """Background out, then divided by the pixel of a rank."""

    def __init__(self, step: ImageScale, size: tuple[int, int]):
        super().__init__()
        self.background, self.step = _Background(step.background(size), size), step

    def forward(self, images: Tensor) -> Tensor:
        scaled: Tensor = self.background(images)
        flat = scaled.flatten(1)
        ordered = torch.sort(flat, dim=1).values
        peak = ordered[:, self.step.rank(flat.shape[1])]
        largest = torch.maximum(ordered[:, -1], -ordered[:, 0])
        peak = torch.where(peak > 0, peak, largest)
        peak = torch.where(peak > 0, peak, torch.ones_like(peak))
        return scaled / peak[:, None, None, None]


class Whole(nn.Module):
    """From images as they come to logits and latents.

    Args:
        steps: preprocessing of one domain.
        size: height and width of the images as they come [pixel].
        network: in evaluation mode.
    """

    def __init__(self, steps: DomainSteps, size: tuple[int, int], network: Network):
        super().__init__()
        self.preprocess, self.network = TorchSteps(steps, size), network

    def forward(
        self, images: Float[Tensor, "batch channel height width"]
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch latent"]]:
        """Logits (batch, K) and latents (batch, D)."""
        found = self.network(self.preprocess(images))
        return found.logits, found.latents
