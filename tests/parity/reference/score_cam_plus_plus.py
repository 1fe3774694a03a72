"""Score-CAM++ as this project reads it, channel by channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor, nn

from reference._hooks import activations_of, score_in_batches


def reference(
    network: nn.Module, layer: str, image: Tensor, targets: list[int], select: bool = True
) -> Tensor:
    maps = activations_of(network, layer, image)[0]
    size = image.shape[2:]
    gates = [
        F.interpolate(one[None, None], size, mode="bilinear", align_corners=False).tanh()
        for one in maps
    ]
    confidence = score_in_batches(network, [image * gate for gate in gates]).softmax(1)
    nothing = network(torch.zeros_like(image)).softmax(1)
    found = []
    for target in targets:
        total = torch.zeros_like(maps[0])
        for change, one in zip((confidence - nothing)[:, target], maps, strict=True):
            if change > 0 or not select:
                total += change * one.tanh()
        found.append(total.relu())
    return torch.stack(found)
