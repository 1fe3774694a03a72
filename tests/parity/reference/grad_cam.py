"""Grad-CAM: each map weighted by the mean of its gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient


def reference(network: nn.Module, layer: str, image: Tensor, targets: list[int]) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        weights = gradient.mean((1, 2))
        found.append((weights[:, None, None] * activations).sum(0).relu())
    return torch.stack(found)
