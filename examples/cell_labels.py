"""Masks of defects as labels of cells: a lesson for each of them, where there are few pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FINE = 4  # pixels: a defect of that many squared is one
_DEFECT, _EDGE = 0.5, 0.05  # share of them masked; between the two, a cell is not asked
_SKIPPED = -100
_GOOD_WEIGHT = 4.0  # a defect's cells are as easily lit as good ones are kept dark


def cell_labels(masks: Tensor, classes: Tensor, stride: int) -> Tensor:
    """Classes of cells, `(n, h, w)`: 0 where there is no defect, -100 where nothing is said.

    Args:
        masks: `(n, size, size)`, 1 on the defect.
        classes: of the pictures, `(n,)`; a defect with an empty mask says nothing.
        stride: pixels of a cell along each side.
    """
    fine = nn.functional.avg_pool2d(masks[:, None], _FINE)
    covered = nn.functional.max_pool2d(fine, stride // _FINE)[:, 0]
    found = torch.where(covered > _DEFECT, classes[:, None, None], 0)
    found[(covered > _EDGE) & (covered <= _DEFECT)] = _SKIPPED
    found[(classes > 0) & (masks.amax((1, 2)) < _DEFECT)] = _SKIPPED
    return found


def cell_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Of `(n, classes, h, w)`: a picture's defective cells count together, as do its good ones."""
    losses = nn.functional.cross_entropy(logits, labels, ignore_index=_SKIPPED, reduction="none")
    return _mean(losses, labels > 0) + _GOOD_WEIGHT * _mean(losses, labels == 0)


def _mean(losses: Tensor, chosen: Tensor) -> Tensor:
    """Over the chosen cells of each picture, and over the pictures."""
    each = (losses * chosen).sum((1, 2)) / chosen.sum((1, 2)).clamp(min=1)
    return each.mean()
