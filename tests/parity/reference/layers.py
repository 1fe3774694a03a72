"""Maps of several layers as one: rescaled, upsampled, averaged or their maximum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def reference(
    by_layer: Sequence[Tensor], size: tuple[int, int], fuse: str = "mean", scale: str = "linear"
) -> Tensor:
    """Of each layer's maps `(targets, h, w)`: `(targets, H, W)`."""
    shown = []
    for maps in by_layer:
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        scaled = (maps - low) / torch.where(high > low, high - low, 1)
        scaled = (2 * scaled).tanh() if scale == "tanh" else scaled
        shown.append(interpolate(scaled[:, None], size, mode="bilinear", align_corners=False)[:, 0])
    stacked = torch.stack(shown)
    return stacked.amax(0) if fuse == "max" else stacked.mean(0)
