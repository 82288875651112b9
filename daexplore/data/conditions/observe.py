"""Batches of training images, each seen through observing conditions of its own."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from daexplore.config import ConditionsConfig
from daexplore.data.conditions import operations
from daexplore.data.conditions.measure import MeasuredConditions
from daexplore.errors import InputError

__all__ = ["Conditions"]

_NOISE = 0.08
_SCALE = 0.1  # share of the side that counts as border


@dataclass(frozen=True)
class Conditions:
    """Draws observing conditions for the images of a batch and applies them.

    In this order: rotation, zoom and shift; PSF; brightness and colours; power law; stars; sky;
    noise; saturation. Images are brought to background 0 and peak 1 before, and back after, unless
    they come like that.

    Attributes:
        config: which parts, over which ranges.
        measured: noise and PSF of both domains.
        scaled: whether images come with background 0 and peak 1 (``data.normalise=image``).
    """

    config: ConditionsConfig
    measured: MeasuredConditions
    scaled: bool

    def __post_init__(self) -> None:
        check_conditions(self.config)

    @property
    def noise(self) -> float:
        """Largest deviation of the drawn noise, in units of an image's peak."""
        if self.config.noise is not None:
            return self.config.noise
        return max(_NOISE, self.measured.largest_noise)

    def apply(self, images: Tensor, domain: str, generator: torch.Generator) -> Tensor:
        """The images of one domain, each under conditions of its own.

        Target images have a PSF, noise, sky and stars of their own already: only their place,
        brightness, colours and stretch are drawn.

        Args:
            images: (n, C, H, W) network input.
            domain: "source" or "target".
            generator: of the random numbers.

        Returns:
            New images of the same shape, in channels-last layout.
        """
        found = images.contiguous()
        if any(self._drawn(domain)):
            if self.scaled:
                found = self._draw(found, domain, generator)
            else:
                background, peak = _scale(found)
                found = self._draw((found - background) / peak, domain, generator)
                found = found * peak + background
        if self.config.measured and domain == "source":
            found = self._measured(found, generator)
        return found.contiguous(memory_format=torch.channels_last)

    def _drawn(self, domain: str) -> tuple[object, ...]:
        """Parts that are drawn for a domain."""
        config = self.config
        shared = (
            config.rotation,
            config.zoom,
            config.shift,
            config.stretch,
            config.brightness,
            config.colour,
        )
        own = (config.blur, self.noise, config.background, config.saturation, config.stars)
        return shared if domain == "target" else (*shared, *own)

    def _draw(self, images: Tensor, domain: str, generator: torch.Generator) -> Tensor:
        config, (n, channels) = self.config, images.shape[:2]
        source = domain == "source"

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(shape, generator=generator)

        if config.rotation or config.zoom or config.shift:
            low, high = config.zoom or (1.0, 1.0)
            images = operations.warp(
                images,
                uniform(0, 2 * math.pi if config.rotation else 0, n),
                torch.exp(uniform(math.log(low), math.log(high), n)),
                uniform(-config.shift, config.shift, n, 2),
            )
        if config.blur and source:
            images = operations.blur(images, uniform(*config.blur, n))
        if config.brightness or config.colour:
            factors = uniform(-config.brightness, config.brightness, n, 1) + uniform(
                -config.colour, config.colour, n, channels
            )
            images = images * torch.exp(factors)[:, :, None, None]
        if config.stretch:
            images = operations.raise_to_power(
                images, torch.exp(uniform(-config.stretch, config.stretch, n))
            )
        if not source:
            return images
        if config.stars:
            number = torch.randint(config.stars + 1, (n,), generator=generator)
            images = operations.add_stars(images, number, config.stars, generator)
        if config.background:
            images = operations.add_sky(
                images,
                uniform(-config.background, config.background, n, channels),
                uniform(-config.background, config.background, n, channels, 2),
            )
        if self.noise:
            sigma = uniform(0, self.noise, n, 1) * torch.exp(uniform(-0.3, 0.3, n, channels))
            images = operations.add_noise(images, sigma, generator)
        if config.saturation:
            level = torch.where(
                uniform(0, 1, n) < config.saturation, uniform(0.5, 1.5, n), torch.inf
            )
            images = images.minimum(level[:, None, None, None])
        return images

    def _measured(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Noise as each image would have it in the target: that of a target image drawn at
        random.
        """
        if self.measured.blur is not None and any(self.measured.blur):
            wide = torch.tensor(self.measured.blur).expand(len(images), -1)
            images = operations.blur(images, wide)
        number = torch.randint(len(self.measured.target), (len(images),), generator=generator)
        wanted = torch.from_numpy(self.measured.target).float()[number]
        own = torch.from_numpy(self.measured.source).float().expand_as(wanted)
        kept = torch.ones_like(wanted)
        if self.measured.keep_variance:
            # Noise takes part of the variance 1 of a domain: signal must make room for it.
            signal = (1 - wanted.clamp_max(0.99) ** 2) / (1 - own.clamp_max(0.99) ** 2)
            kept = torch.where(wanted > own, signal.sqrt(), kept)
        added = (wanted**2 - (kept * own) ** 2).clamp_min(0).sqrt()
        return operations.add_noise(images * kept[:, :, None, None], added, generator)


def check_conditions(config: ConditionsConfig) -> None:
    """Refuse ranges that cannot be.

    Raises:
        InputError: naming the setting.
    """
    for name in ("zoom", "blur"):
        limits = getattr(config, name)
        if limits is not None and not 0 <= limits[0] <= limits[1] < math.inf:
            raise InputError(
                f"train.conditions.{name} must be two numbers from 0 on, the smaller one first;"
                f" got {limits}."
            )
    if config.zoom is not None and config.zoom[0] <= 0:
        raise InputError(f"train.conditions.zoom must be positive; got {config.zoom}.")
    for name in ("shift", "stretch", "brightness", "colour", "noise", "background", "saturation"):
        limit = getattr(config, name)
        if limit is not None and not 0 <= limit < math.inf:
            raise InputError(f"train.conditions.{name} must be at least 0; got {limit}.")
    if config.stars < 0:
        raise InputError(f"train.conditions.stars must be at least 0; got {config.stars}.")


def _scale(images: Tensor) -> tuple[Tensor, Tensor]:
    """Background (n, C, 1, 1), the median of the border, and peak (n, 1, 1, 1) of each image.

    Every second pixel and row is enough for both, and four times as fast.
    """
    sparse = images[:, :, ::2, ::2]
    height, width = sparse.shape[2:]
    rows, columns = (max(1, round(_SCALE * size)) for size in (height, width))
    inner = torch.ones(height, width, dtype=torch.bool)
    inner[rows : height - rows, columns : width - columns] = False
    background = sparse[:, :, inner].median(2).values[:, :, None, None]
    flat = (sparse - background).flatten(1)
    rank = min(flat.shape[1], int(flat.shape[1] * 0.995) + 1)
    peak = flat.kthvalue(rank, 1).values
    peak = torch.where(peak > 0, peak, flat.abs().amax(1)).clamp_min(1e-12)
    return background, peak[:, None, None, None]
