"""Smooth Grad-CAM++: the mean map of noisy images, or torch-cam's mean powers of the gradient."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from reference import grad_cam_plus_plus
from reference._hooks import activations_and_gradient, activations_of


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    preset: str = "paper",
    samples: int = 4,
    sigma: float = 0.3,
    seed: int = 0,
) -> Tensor:
    drawn = sigma * np.random.default_rng(seed).standard_normal(
        (samples, *image.shape[1:]), dtype=np.float32
    )
    noisy = [image + torch.from_numpy(one) for one in drawn]
    if preset == "torch-cam":
        return torch.stack([_torch_cam(network, layer, image, noisy, one) for one in targets])
    maps = [grad_cam_plus_plus.reference(network, layer, one, targets) for one in noisy]
    return torch.stack(maps).mean(0)


def _torch_cam(
    network: nn.Module, layer: str, image: Tensor, noisy: list[Tensor], target: int
) -> Tensor:
    """As torch-cam: the clean activations are in alpha alone; the last noisy ones are weighted."""
    clean = activations_of(network, layer, image)[0]
    squares, cubes = torch.zeros_like(clean), torch.zeros_like(clean)
    for one in noisy:
        activations, gradient = activations_and_gradient(network, layer, one, target)
        squares += gradient**2 / len(noisy)
        cubes += gradient**3 / len(noisy)
    denominator = 2 * squares + (clean * cubes).sum((1, 2), keepdim=True) + 1e-8
    weights = (squares / denominator * gradient.relu()).sum((1, 2))
    return (weights[:, None, None] * activations).sum(0).relu()
