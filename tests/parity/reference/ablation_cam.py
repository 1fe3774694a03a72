"""Ablation-CAM, channel by channel: zero it, and see what the class loses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_of, logits_with


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], preset: str = "paper"
) -> Tensor:
    maps = activations_of(network, layer, image)[0]
    whole = network(image)[0]
    left = []
    for start in range(0, len(maps), 32):
        keep = torch.ones(min(32, len(maps) - start), len(maps), 1, 1, dtype=image.dtype)
        for row in range(len(keep)):
            keep[row, start + row] = 0
        left.append(logits_with(network, layer, image, keep.mul))
    found = []
    for target in targets:
        size = whole[target] if preset == "grad-cam" else whole[target].abs()
        weights = (whole[target] - torch.cat(left)[:, target]) / size
        found.append((weights[:, None, None] * maps).sum(0).relu())
    return torch.stack(found)
