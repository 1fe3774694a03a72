"""Grad-CAM++ as in the paper, and with pytorch-grad-cam's additive constant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], preset: str = "paper"
) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        alpha = _ALPHAS[preset](activations.sum((1, 2), keepdim=True), gradient)
        weights = (alpha * gradient.relu()).sum((1, 2))
        found.append((weights[:, None, None] * activations).sum(0).relu())
    return torch.stack(found)


def _paper(total: Tensor, gradient: Tensor) -> Tensor:
    """In float64: the powers of small gradients underflow in float32."""
    exact = gradient.double()
    denominator = 2 * exact**2 + total.double() * exact**3
    return torch.where(denominator == 0, 0.0, exact**2 / denominator).float()


def _grad_cam(total: Tensor, gradient: Tensor) -> Tensor:
    squared = gradient**2
    alpha = squared / (2 * squared + total * (squared * gradient) + 1e-6)
    return torch.where(gradient == 0, 0.0, alpha)


_ALPHAS = {"paper": _paper, "grad-cam": _grad_cam}
