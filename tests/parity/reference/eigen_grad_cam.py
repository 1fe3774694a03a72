"""Eigen-Grad-CAM: Eigen-CAM of gradient times activation, its sign that of their sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], centred: bool = False
) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        cells = (activations * gradient).double().flatten(1).T  # (cells, C)
        if centred:
            cells = cells - cells.mean(0)
        _, _, directions = torch.linalg.svd(cells, full_matrices=False)
        projected, wanted = cells @ directions[0], cells.sum(1)
        agrees = (projected - projected.mean()) @ (wanted - wanted.mean())
        projected = (projected if agrees > 0 else -projected).reshape(activations.shape[1:])
        found.append((projected.relu() if centred else projected).to(image.dtype))
    return torch.stack(found)
