"""The mean map of six images, each moved with a grid of its own and mapped back with another."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor

from reference._hooks import Inner


def reference(image: Tensor, inner: Inner, degrees: float = 10, zoom: float = 1.1) -> Tensor:
    size = image.shape[2:]

    def large(maps: Tensor) -> Tensor:
        return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)

    total, seen = large(inner(image)), torch.ones(1, 1, *size)
    total = total + large(inner(image.flip(3))).flip(3)
    seen = seen + 1
    for angle, times in ((degrees, 1.0), (-degrees, 1.0), (0.0, zoom), (0.0, 1 / zoom)):
        # A picture turned anticlockwise shows at each place what lay clockwise of it.
        moved = _sampled(image, angle, 1 / times, "reflection")
        total = total + _sampled(large(inner(moved)), -angle, times, "zeros")
        seen = seen + _sampled(torch.ones(1, 1, *size), -angle, times, "zeros")
    return (total / seen)[0]


def _sampled(picture: Tensor, degrees: float, times: float, outside: str) -> Tensor:
    """What lies, from the middle, `times` as far and so many degrees clockwise of each place."""
    height, width = picture.shape[2:]
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64)[None] - (width - 1) / 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = times * (cosine * x - sine * y)  # y points down
    down = times * (sine * x + cosine * y)
    grid = torch.stack([2 * across / width, 2 * down / height], -1)[None].to(picture.dtype)
    return F.grid_sample(picture, grid, padding_mode=outside, align_corners=False)
