"""The mean map of six images: as they are and mirrored, in three strengths."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor

from reference._hooks import Inner


def reference(image: Tensor, inner: Inner, preset: str = "mean", spread: float = 0.1) -> Tensor:
    maps = []
    for factor in (1 - spread, 1.0, 1 + spread):
        straight, mirrored = inner(factor * image), inner(factor * image.flip(3)).flip(2)
        maps += [straight, mirrored]
    if preset == "grad-cam":
        maps = [_rescaled(one, image) for one in maps]
    return torch.stack(maps).mean(0)


def _rescaled(maps: Tensor, image: Tensor) -> Tensor:
    large = F.interpolate(maps[None], image.shape[2:], mode="bilinear", align_corners=False)[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return torch.where(high > low, (large - low) / (high - low), torch.zeros(()))
