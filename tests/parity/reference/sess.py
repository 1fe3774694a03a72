"""SESS, window by window, on whole canvases, as the authors' code goes about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from reference._hooks import Inner


def reference(
    image: Tensor,
    inner: Inner,
    probabilities: Callable[[Tensor], Tensor],
    scales: int = 12,
    drop: float = 0.0,
    pool: str = "mean",
) -> Tensor:
    """`probabilities` of the targets, `(targets,)`; `inner` gives their maps."""
    height, width = image.shape[2:]
    windows, maps, shares = [], [], []
    for scale in range(scales):
        size = [round(side * (224 + 64 * scale) / 224) for side in (height, width)]
        large = _resized(image, size)
        for top in [*range(0, size[0] - height, height), size[0] - height]:
            for left in [*range(0, size[1] - width, width), size[1] - width]:
                window = large[:, :, top : top + height, left : left + width]
                windows.append((size, top, left))
                maps.append(_resized(inner(window)[None], [height, width])[0])
                shares.append(probabilities(window))
    found = []
    for target, share in enumerate(torch.stack(shares).T):
        kept = share.argsort(stable=True)[int(len(windows) * drop) :].tolist()
        heatmaps = []
        for at in kept:
            (rows, columns), top, left = windows[at]
            one = maps[at][target] - maps[at][target].min()
            canvas = torch.zeros(1, 1, rows, columns)
            if one.max() > 0:
                canvas[0, 0, top : top + height, left : left + width] = one / one.max()
            heatmaps.append(_resized(canvas, [height, width])[0, 0])
        weights = share[kept, None, None] / share.max()
        found.append(_pooled(torch.stack(heatmaps), weights, pool))
    sigma = 5 * min(height, width) / 224
    side = 2 * max(1, int(np.round(sigma))) + 1
    blurred: Tensor = gaussian_blur(torch.stack(found), [side, side], [sigma, sigma])
    return blurred


def _resized(picture: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(picture, size, mode="bilinear", align_corners=False)


def _pooled(heatmaps: Tensor, weights: Tensor, pool: str) -> Tensor:
    if pool == "max":
        return (weights * heatmaps).amax(0)
    above = heatmaps > 1e-6  # 0, but for float32's rounding
    return (weights * heatmaps).sum(0) / above.sum(0).clamp(min=1)
