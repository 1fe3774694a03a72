"""Masks that keep one cell of a grid."""

from __future__ import annotations

import numpy as np

from camruntime.maps import FloatArray


def cell_masks(grid: tuple[int, ...]) -> FloatArray:
    """`(h*w, h, w)`: mask `i * w + j` is 1 at `(i, j)` and 0 elsewhere."""
    height, width = grid
    return np.eye(height * width, dtype=np.float32).reshape(-1, height, width)
