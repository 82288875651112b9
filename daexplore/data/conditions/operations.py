"""Operations on batches of images that change how they were observed.

All take and return (n, C, H, W) float32 tensors in units of each image's peak, and one drawn
number per image.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["add_noise", "add_sky", "add_stars", "blur", "raise_to_power", "warp"]

_SOFTENING = 0.01
"""Below this share of the peak a power law becomes linear: its slope at 0 would be infinite."""


def warp(
    images: Tensor,
    angle: Float[Tensor, " n"],
    zoom: Float[Tensor, " n"],
    shift: Float[Tensor, "n 2"],
) -> Tensor:
    """Images rotated by an angle [rad], magnified, and shifted [pixel], by bilinear interpolation.

    Beyond the edge is the mirror image, so that the noise of the sky goes on.
    """
    height, width = images.shape[2:]
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    ratio = height / width
    matrix = torch.stack(
        [
            torch.stack([cosine, -sine * ratio, -2 * shift[:, 0] / width], 1),
            torch.stack([sine / ratio, cosine, -2 * shift[:, 1] / height], 1),
        ],
        1,
    )
    grid = affine_grid(matrix, list(images.shape), align_corners=False)
    return grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Images convolved with a Gaussian.

    Args:
        images: (n, C, H, W).
        sigma: (n,) or (n, C) width [pixel]; 0 leaves an image as it is.
    """
    n, channels, height, width = images.shape
    # One product per image where all its bands have the same width: three times as fast.
    flat = images if sigma.ndim == 1 else images.reshape(n * channels, 1, height, width)
    across = flat.reshape(len(flat), -1, width) @ _blur_matrices(sigma.flatten(), width)
    upright = across.reshape(flat.shape).transpose(2, 3).reshape(len(flat), -1, height)
    blurred = upright @ _blur_matrices(sigma.flatten(), height)
    return blurred.reshape(len(flat), -1, width, height).transpose(2, 3).reshape(images.shape)


def _blur_matrices(sigma: Float[Tensor, " n"], size: int) -> Float[Tensor, "n size size"]:
    """Matrices of a Gaussian filter along rows; at an edge, of the pixels inside."""
    offsets = torch.arange(1 - size, size, dtype=torch.float32)
    exponent = offsets**2 / (2 * sigma[:, None] ** 2).clamp_min(1e-6)
    # Numbers too small for float32's normal range make a product ten times slower.
    profile = torch.where(exponent < 40, torch.exp(-exponent), 0)
    pixels = torch.arange(size)
    kernel = profile[:, pixels[:, None] - pixels + size - 1]
    return kernel / kernel.sum(1, keepdim=True)


def raise_to_power(images: Tensor, power: Float[Tensor, " n"]) -> Tensor:
    """Images raised to a power that leaves 0 and 1 where they are; negative pixels keep their
    sign.
    """
    power = power[:, None, None, None]
    low = _SOFTENING**power
    # exp(p log x) is twice as fast as x ** p.
    bent = torch.exp((images.abs() + _SOFTENING).log_().mul_(power)).sub_(low)
    return torch.copysign(bent.div_((1 + _SOFTENING) ** power - low), images)


def add_noise(images: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Images with white noise of (n, C) deviation."""
    return images + sigma[:, :, None, None] * torch.randn(images.shape, generator=generator)


def add_sky(
    images: Tensor, offset: Float[Tensor, "n band"], slope: Float[Tensor, "n band 2"]
) -> Tensor:
    """Images on a sky that is ``offset`` in the centre and changes by ``slope`` from there to an
    edge.
    """
    rows, columns = (torch.linspace(-1, 1, size) for size in images.shape[2:])
    plane = slope[:, :, :1] * rows + offset[:, :, None]
    return images + plane[:, :, :, None] + (slope[:, :, 1:] * columns)[:, :, None, :]


def add_stars(
    images: Tensor, number: Tensor, most: int, generator: torch.Generator, clear: float = 0.4
) -> Tensor:
    """Images with Gaussian stars of 0.8 to 2 pixels.

    Their peaks are between 0.1 and 2 times the image's peak, evenly in the logarithm; each has its
    own colour.

    Args:
        images: (n, C, H, W).
        number: (n,) of stars of each image.
        most: the largest of the numbers.
        generator: of the random numbers.
        clear: no star is within this share of the side from the centre.
    """
    n, channels, height, width = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    angle, radius = 2 * math.pi * draw(n, most), clear + (0.7 - clear) * draw(n, most)
    sigma = 0.8 + 1.2 * draw(n, most)
    peak = 0.1 * 20 ** draw(n, most, 1) * torch.exp(draw(n, most, channels) - 0.5)
    peak = peak * (torch.arange(most) < number[:, None])[:, :, None]
    rows, columns = (
        _profiles(size, radius * along(angle), sigma)
        for size, along in ((height, torch.sin), (width, torch.cos))
    )
    bright = peak.transpose(1, 2)[:, :, None, :] * rows.transpose(1, 2)[:, None]
    return images + bright @ columns[:, None]


def _profiles(
    size: int, place: Float[Tensor, "n star"], sigma: Float[Tensor, "n star"]
) -> Float[Tensor, "n star size"]:
    """Gaussians along one axis, at places in units of the side from the centre."""
    pixels = torch.arange(size) - (size - 1) / 2 - place[..., None] * size
    exponent = pixels**2 / (2 * sigma[..., None] ** 2)
    return torch.where(exponent < 40, torch.exp(-exponent), 0)
