"""Group-CAM, group by group, and as in the authors' code."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from reference._hooks import activations_and_gradient
from reference._pictures import stretch, upsample


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    preset: str = "paper",
    groups: int = 32,
) -> Tensor:
    soft = _blur(image)
    nothing = network(soft).softmax(1)
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        weighted = gradient.mean((1, 2), keepdim=True) * activations
        total = torch.zeros_like(image[0, 0])
        for group in weighted.chunk(groups):
            small = group.sum(0).relu()
            if preset == "official":
                small = small * (small > small.double().quantile(0.7))
            if small.max() == small.min():
                continue
            large = upsample(small, image.shape[2:])
            mask = stretch(large)
            shown = network(image * mask + soft * (1 - mask)).softmax(1)
            gain = shown[0, target] - nothing[0, target]
            total += gain * mask if preset == "official" else gain.relu() * large
        found.append(total.relu())
    return torch.stack(found)


def _blur(image: Tensor) -> Tensor:
    """Gaussian of 51 x 51 with sigma 50; mirrored at the border pixels, which are not repeated."""
    kernel = (-0.5 * (torch.arange(-25, 26, dtype=torch.float64) / 50) ** 2).exp()
    kernel = kernel / kernel.sum()
    channels = image.double().transpose(0, 1)
    for _ in range(2):  # along the width, then, turned, along the height
        width = channels.shape[3]
        at = torch.arange(-25, width + 25).remainder(2 * width - 2)
        padded = channels[..., torch.where(at < width, at, 2 * width - 2 - at)]
        channels = conv2d(padded, kernel[None, None, None]).transpose(2, 3)
    return channels.transpose(0, 1).to(image.dtype)
