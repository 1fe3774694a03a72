"""The mean map of noisy images, one after the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from reference._hooks import Inner


def reference(
    image: Tensor, inner: Inner, samples: int = 50, noise: float = 0.15, seed: int = 0
) -> Tensor:
    draw = np.random.default_rng(seed)
    sigma = noise * float(image.max() - image.min())
    maps = []
    for _ in range(samples):
        levels = torch.from_numpy(draw.integers(0, 65536, tuple(image.shape), np.uint16)).double()
        drawn = torch.special.ndtri((levels + 0.5) / 65536).float()
        maps.append(inner(image + sigma * drawn))
    return torch.stack(maps).mean(0)
