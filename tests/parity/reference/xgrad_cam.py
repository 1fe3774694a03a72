"""XGrad-CAM: each map weighted by its gradient's mean under the map itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient


def reference(network: nn.Module, layer: str, image: Tensor, targets: list[int]) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        weights = (gradient * activations).sum((1, 2)) / (activations.sum((1, 2)) + 1e-7)
        found.append((weights[:, None, None] * activations).sum(0).relu())
    return torch.stack(found)
