"""What the references do to pictures and maps, with torch alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

Colour = tuple[float, ...]
"""One value for each channel, such as red, green and blue."""


def to_pixels(image: Tensor, mean: Colour, std: Colour) -> Tensor:
    """The picture in [0, 1] of a normalised image `(1, 3, H, W)`."""
    return image * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]


def to_image(pixels: Tensor, mean: Colour, std: Colour) -> Tensor:
    """The normalised image of a picture in [0, 1]."""
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def upsample(one: Tensor, size: torch.Size, mode: str = "bilinear") -> Tensor:
    """A map `(h, w)` at `size`, corners not aligned; a flat map stays exactly flat."""
    if one.max() == one.min():
        return one[0, 0].expand(size)
    return interpolate(one[None, None], size, mode=mode, align_corners=False)[0, 0]


def stretch(one: Tensor) -> Tensor:
    """Rescaled to [0, 1]; zero where the map is flat."""
    low, high = one.min(), one.max()
    return (one - low) / (high - low) if high > low else torch.zeros_like(one)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian of radius `int(4 sigma + 0.5)`; past the edge the image is mirrored, edge included.

    This is `scipy.ndimage.gaussian_filter` on each channel with its default settings.
    """
    radius = int(4 * sigma + 0.5)
    kernel = (-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2).exp()
    kernel = kernel / kernel.sum()
    channels = image.double().transpose(0, 1)
    for _ in range(2):  # along the width, then, turned, along the height
        width = channels.shape[3]
        at = torch.arange(-radius, width + radius) % (2 * width)
        padded = channels[..., torch.where(at < width, at, 2 * width - 1 - at)]
        channels = conv2d(padded, kernel[None, None, None]).transpose(2, 3)
    return channels.transpose(0, 1).to(image.dtype)
