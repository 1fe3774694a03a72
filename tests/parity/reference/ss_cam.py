"""SS-CAM in both variants, channel by channel and sample by sample."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor, nn

from reference._hooks import activations_of, score_in_batches
from reference._pictures import stretch, upsample


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    preset: str = "paper",
    variant: int = 1,
    samples: int = 35,
    sigma: float = 2.0,
    seed: int = 0,
) -> Tensor:
    maps = activations_of(network, layer, image)[0]
    size = image.shape[2:]
    shape = (samples, *size) if variant == 1 else (samples, *image.shape[1:])
    noise = torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))
    weights = torch.zeros(len(targets), len(maps))
    for channel, one in enumerate(maps):
        images = [
            _noisy(one, image, each, preset, variant, sigma)
            for each in noise
            if preset == "torch-cam" or one.max() > one.min()
        ]
        if images:
            logits = score_in_batches(network, images)
            scores = logits if preset == "torch-cam" else logits.softmax(1)
            weights[:, channel] = scores[:, targets].mean(0)
    if preset == "torch-cam":
        weights = (weights - network(image)[0, targets, None]).softmax(1)
        return torch.einsum("tk,khw->thw", weights, maps).relu()
    large = torch.stack([upsample(one, size) for one in maps])
    return torch.einsum("tk,khw->thw", weights, large).relu()


def _noisy(
    one: Tensor, image: Tensor, noise: Tensor, preset: str, variant: int, sigma: float
) -> Tensor:
    size = image.shape[2:]
    if preset == "torch-cam":
        small = ((one - one.min()) / (one.max() - one.min() + 1e-8))[None, None]
        mask = F.interpolate(small, size, mode="bilinear", align_corners=False)
        return image * (mask + sigma * noise)
    clean = upsample(one, size) if variant == 1 else image * stretch(upsample(one, size))
    deviation = sigma / (clean.max() - clean.min())
    if preset == "official":
        deviation = deviation**2
    noisy = clean + deviation * noise
    return image * noisy if variant == 1 else noisy
