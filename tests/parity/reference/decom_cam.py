"""Decom-CAM as in the paper, and as in the authors' published code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_and_gradient
from reference._pictures import Colour, blur, stretch, to_image, to_pixels, upsample


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    preset: str = "paper",
    components: int = 10,
    sigma: float = 10.0,
    *,
    mean: Colour,
    std: Colour,
) -> Tensor:
    found = []
    for target in targets:
        activations, gradient = activations_and_gradient(network, layer, image, target)
        if preset == "official":
            parts = _official_parts(activations, gradient, components)
            raw = [upsample(one, image.shape[2:], "bicubic") for one in parts]
            occluded = [_occlude(image, blur(image, sigma), stretch(one)) for one in raw]
            logits = [network(one)[0, target] for one in occluded]
            best = max(logits, default=torch.tensor(0.0))
            weighted = [
                logit / best * one for logit, one in zip(logits, raw, strict=True) if logit >= 0.001
            ]
            total = torch.stack([torch.zeros(image.shape[2:]), *weighted]).sum(0).relu()
        else:
            parts = _paper_parts(activations, gradient, components)
            masks = [stretch(upsample(one, image.shape[2:])) for one in parts]
            pixels = to_pixels(image, mean, std)
            blurred = blur(pixels, sigma)
            occluded = [to_image(_occlude(pixels, blurred, one), mean, std) for one in masks]
            baseline = network(to_image(blurred, mean, std))[0, target]
            gains = torch.tensor([network(one)[0, target] - baseline for one in occluded])
            weighted = [share * one for share, one in zip(gains.softmax(0), masks, strict=True)]
            total = torch.stack([torch.zeros(image.shape[2:]), *weighted]).sum(0)
        found.append(total)
    return torch.stack(found)


def _occlude(picture: Tensor, blurred: Tensor, mask: Tensor) -> Tensor:
    return torch.maximum(picture * mask, blurred * (1 - mask))


def _paper_parts(activations: Tensor, gradient: Tensor, components: int) -> list[Tensor]:
    """Each points the way of the class map, without their means; in float64."""
    product = (gradient * activations).double()
    _, sizes, directions = torch.linalg.svd(product.flatten(1), full_matrices=False)
    wanted = product.sum(0).flatten()
    wanted = wanted - wanted.mean()
    parts = []
    for size, direction in zip(sizes, directions, strict=True):
        if size > 1e-6 * sizes[0]:
            part = size * direction
            centred = part - part.mean()
            norms = float(centred.norm() * wanted.norm())
            cosine = float(centred @ wanted) / norms if norms > 0 else 0.0
            decides = part[part.abs().argmax()] if abs(cosine) < 1e-6 else cosine
            parts.append((part if decides > 0 else -part).reshape(product.shape[1:]).float())
    return parts[:components]


def _official_parts(activations: Tensor, gradient: Tensor, components: int) -> list[Tensor]:
    """Principal components of the channels with the largest mean gradients; in float64."""
    alpha = gradient.mean((1, 2))
    best = alpha.argsort(descending=True)[:500]
    table = (activations * alpha[:, None, None])[best].double().flatten(1).T
    left, sizes, _ = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    parts = []
    for size, direction in zip(sizes, left.T, strict=True):
        if size > 1e-6 * sizes[0]:
            part = size * direction
            part = part if part[part.abs().argmax()] > 0 else -part
            parts.append(part.reshape(activations.shape[1:]).clamp(min=0).float())
    return parts[:components]
