"""HiRes-CAM: each cell weighted by its own gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient


def reference(network: nn.Module, layer: str, image: Tensor, targets: list[int]) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        found.append((gradient * activations).sum(0).relu())
    return torch.stack(found)
