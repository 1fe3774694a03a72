"""Eigen-CAM: every cell's vector of activations, projected on their first principal direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_of


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], centred: bool = False
) -> Tensor:
    maps = activations_of(network, layer, image)[0].double()
    cells = maps.flatten(1).T  # (cells, C)
    if centred:
        cells = cells - cells.mean(0)
    _, _, directions = torch.linalg.svd(cells, full_matrices=False)
    projected = cells @ directions[0]
    decides = projected[projected.abs().argmax()] if centred else projected.mean()
    projected = (projected if decides > 0 else -projected).reshape(maps.shape[1:]).to(image.dtype)
    found: Tensor = projected.relu() if centred else projected
    return found.expand(len(targets), -1, -1)
