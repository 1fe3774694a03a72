"""Adaptive max pooling in operators that ONNX has."""

from __future__ import annotations

import torch
from torch import Tensor


def adaptive_max_pool2d(image: Tensor, size: list[int]) -> tuple[Tensor, Tensor]:
    """`(n, C, h, w)` -> maxima `(n, C, *size)` and their flat indices, as PyTorch's.

    Window by window: they differ in size where `size` does not divide the grid.
    """
    width = image.shape[3]
    values, indices = [], []
    for top, bottom in windows(image.shape[2], size[0]):
        for left, right in windows(width, size[1]):
            window = image[:, :, top:bottom, left:right].flatten(2)
            value, index = window.max(2)
            row, column = index // (right - left), index % (right - left)
            values.append(value)
            indices.append((row + top) * width + column + left)
    shape = (*image.shape[:2], *size)
    return torch.stack(values, 2).reshape(shape), torch.stack(indices, 2).reshape(shape)


def windows(size: int, cells: int) -> list[tuple[int, int]]:
    """Cell i covers `size` from `floor(i size / cells)` to `ceil((i + 1) size / cells)`."""
    return [(i * size // cells, -(-(i + 1) * size // cells)) for i in range(cells)]
