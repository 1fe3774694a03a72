"""CAM: the activations weighted by the last linear layer's own weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_of


def reference(network: nn.Module, layer: str, image: Tensor, targets: list[int]) -> Tensor:
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    activations = activations_of(network, layer, image)[0]
    found = []
    for target in targets:
        total = torch.zeros(activations.shape[1:])
        for weight, one in zip(linear.weight[target], activations, strict=True):
            total += weight * one
        found.append(total)
    return torch.stack(found)
