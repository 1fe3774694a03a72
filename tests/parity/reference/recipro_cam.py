"""Recipro-CAM, cell by cell: zero all activations but one cell's, read the score."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_of, logits_with


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    score: str = "probability",
    mask: str = "cell",
) -> Tensor:
    height, width = activations_of(network, layer, image).shape[2:]
    maps = torch.zeros(len(targets), height, width)
    for i in range(height):
        for j in range(width):
            kept = torch.zeros(height, width)
            for y in range(height):
                for x in range(width):
                    if mask == "cell":
                        kept[y, x] = float((y, x) == (i, j))
                    elif abs(y - i) <= 1 and abs(x - j) <= 1:
                        kept[y, x] = (2 - abs(y - i)) * (2 - abs(x - j)) / 16
            logits = logits_with(network, layer, image, kept.mul)[0]
            scores = logits.softmax(0) if score == "probability" else logits
            maps[:, i, j] = scores[targets]
    return maps
