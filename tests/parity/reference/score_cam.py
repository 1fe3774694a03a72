"""Score-CAM in its four published versions, channel by channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor, nn

from reference._hooks import activations_of, score_in_batches


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], preset: str = "paper"
) -> Tensor:
    maps = activations_of(network, layer, image)[0]
    size = image.shape[2:]
    masks = [_MASKS[preset](one[None, None], size) for one in maps]
    logits = score_in_batches(network, [image * mask for mask in masks])
    found = []
    for target in targets:
        if preset == "official":
            upsampled = F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
            total = torch.zeros(size)
            for channel, one in enumerate(upsampled):
                if one.max() != one.min():
                    total += logits[channel].softmax(0)[target] * one
        else:
            score = logits[:, target]
            if preset == "torch-cam":
                score = score - network(image)[0, target]
            total = (score.softmax(0)[:, None, None] * maps).sum(0)
        found.append(total.relu())
    return torch.stack(found)


def _paper(one: Tensor, size: torch.Size) -> Tensor:
    upsampled = F.interpolate(one, size, mode="bilinear", align_corners=False)
    low, high = upsampled.min(), upsampled.max()
    return (upsampled - low) / (high - low) if high > low else torch.zeros_like(upsampled)


def _grad_cam(one: Tensor, size: torch.Size) -> Tensor:
    upsampled = F.interpolate(one, size, mode="bilinear", align_corners=True)
    return (upsampled - upsampled.min()) / (upsampled.max() - upsampled.min() + 1e-8)


def _torch_cam(one: Tensor, size: torch.Size) -> Tensor:
    shifted = one - one.min()
    return F.interpolate(
        shifted / (shifted.max() + 1e-8), size, mode="bilinear", align_corners=False
    )


_MASKS = {"paper": _paper, "official": _paper, "grad-cam": _grad_cam, "torch-cam": _torch_cam}
