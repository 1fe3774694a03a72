"""Integrated Grad-CAM: the mean of Grad-CAM maps on the straight way from a black picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient, activations_of
from reference._pictures import Colour, to_image


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    steps: int = 50,
    *,
    mean: Colour,
    std: Colour,
) -> Tensor:
    black = to_image(torch.zeros_like(image), mean, std)
    start = activations_of(network, layer, black)[0]
    found = []
    for target in targets:
        total = torch.zeros(start.shape[1:])
        for i in range(1, steps + 1):
            between = black + i / steps * (image - black)
            activations, gradient = activations_and_gradient(network, layer, between, target)
            weights = gradient.mean((1, 2))[:, None, None]
            total += (weights * (activations - start)).sum(0).relu()
        found.append(total / steps)
    return torch.stack(found)
