"""RISE, mask by mask."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor, nn

from reference._hooks import score_in_batches


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    masks: int = 4000,
    grid: int = 7,
    keep: float = 0.5,
    seed: int = 0,
) -> Tensor:
    height, width = image.shape[2:]
    tall, wide = math.ceil(height / grid), math.ceil(width / grid)
    rng = np.random.default_rng(seed)
    cells = torch.from_numpy(rng.random((masks, grid, grid)) < keep).float()
    corners = rng.integers(0, (tall, wide), (masks, 2)).tolist()
    larger = ((grid + 1) * tall, (grid + 1) * wide)
    cut = []
    for one, (y, x) in zip(cells, corners, strict=True):
        mask = F.interpolate(one[None, None], larger, mode="bilinear", align_corners=False)[0, 0]
        cut.append(mask[y : y + height, x : x + width])
    scores = score_in_batches(network, [image * mask for mask in cut]).softmax(1)
    return torch.stack(
        [
            sum((score * mask for score, mask in zip(scores[:, one], cut, strict=True)), cut[0] * 0)
            / (masks * keep)
            for one in targets
        ]
    )
