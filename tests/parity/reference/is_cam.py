"""IS-CAM, channel by channel and step by step."""

from __future__ import annotations

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
    steps: int = 10,
) -> Tensor:
    maps = activations_of(network, layer, image)[0]
    total = torch.zeros(len(targets), len(maps), dtype=image.dtype)
    share = 0.0
    for step in range(1, steps + 1):
        share = step / steps if preset == "paper" else share + step / steps
        masks = [share * _mask(one, image.shape[2:], preset) for one in maps]
        logits = score_in_batches(network, [image * mask for mask in masks])
        scores = logits if preset == "torch-cam" else logits.softmax(1)
        total += scores[:, targets].T / steps
    if preset == "torch-cam":
        weights = (total - network(image)[0, targets, None]).softmax(1)
    else:
        flat = torch.tensor([bool(one.max() == one.min()) for one in maps])
        weights = torch.where(flat, torch.zeros_like(total), total)
    return torch.einsum("tk,khw->thw", weights, maps).relu()


def _mask(one: Tensor, size: torch.Size, preset: str) -> Tensor:
    if preset != "torch-cam":
        return stretch(upsample(one, size))
    small = (one - one.min()) / (one.max() - one.min() + 1e-8)
    return F.interpolate(small[None, None], size, mode="bilinear", align_corners=False)[0, 0]
