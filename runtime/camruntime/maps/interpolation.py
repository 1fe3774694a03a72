"""Bilinear upsampling as two small matrices, so that any convention is data and not a graph.

`U A = rows @ A @ columns`, with `rows` `(H, h)` and `columns` `(w, W)`. The same mask graph then
serves `align_corners` True and False, on every execution provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from camruntime.maps.rescale import FloatArray


@dataclass(frozen=True)
class Upsampling:
    """Bilinear upsampling from `(h, w)` to `(H, W)`.

    Attributes:
        rows: float32 `(H, h)`.
        columns: float32 `(w, W)`.
    """

    rows: FloatArray
    columns: FloatArray

    def __call__(self, maps: FloatArray) -> FloatArray:
        """float32 `(..., h, w)` -> `(..., H, W)`."""
        with np.errstate(invalid="ignore"):  # infinity times 0: such maps are refused when rescaled
            return np.asarray(self.rows @ maps @ self.columns, np.float32)

    def extremes(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Exact minimum and maximum of each upsampled map, without upsampling it.

        Between four neighbouring cells the upsampled surface is bilinear, so over the samples that
        fall there its extremes lie at the outermost ones: at most `2 (h + 1)` of the `H` rows and
        `2 (w + 1)` of the `W` columns matter.

        Args:
            maps: float32 `(n, h, w)`.

        Returns:
            Two float32 arrays `(n,)`.
        """
        corners = self._outer(maps)
        return corners.min((-2, -1)), corners.max((-2, -1))

    @cached_property
    def _outer(self) -> Upsampling:
        return Upsampling(_outermost(self.rows), _outermost(self.columns.T).T)


@lru_cache(maxsize=64)
def bilinear(
    source: tuple[int, int], size: tuple[int, int], align_corners: bool = False
) -> Upsampling:
    """Bilinear interpolation from `source` `(h, w)` to `size` `(H, W)`.

    Sample positions as in `torch.nn.functional.interpolate`: with `align_corners` the corner pixels
    of both grids coincide, without it their outer edges do.
    """
    rows = _matrix(source[0], size[0], align_corners)
    columns = _matrix(source[1], size[1], align_corners)
    return Upsampling(rows, np.ascontiguousarray(columns.T))


def bicubic(source: tuple[int, int], size: tuple[int, int]) -> Upsampling:
    """Bicubic interpolation (`a = -0.75`, as PyTorch's and OpenCV's), outer edges aligned.

    Its weights sum to 1 and may be negative, so `extremes` does not hold for it.
    """
    rows, columns = (_cubic_matrix(source[k], size[k]) for k in (0, 1))
    return Upsampling(rows, np.ascontiguousarray(columns.T))


def _cubic_matrix(source: int, size: int) -> FloatArray:
    """Interpolation weights `(size, source)`; what would lie outside repeats the border."""
    positions = (np.arange(size) + 0.5) * (source / size) - 0.5
    matrix = np.zeros((size, source))
    for offset in (-1, 0, 1, 2):
        cell = np.floor(positions) + offset
        at = np.clip(cell, 0, source - 1).astype(np.int64)
        np.add.at(matrix, (np.arange(size), at), _cubic(np.abs(positions - cell)))
    return matrix.astype(np.float32)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel for distances in [0, 2]."""
    a, t = -0.75, distance
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * a * t - 4 * a
    return np.where(t <= 1, near, far)


def _matrix(source: int, size: int, align_corners: bool) -> FloatArray:
    """Interpolation weights `(size, source)`; every row sums to 1."""
    steps = np.arange(size, dtype=np.float64)
    if align_corners:
        positions = steps * ((source - 1) / (size - 1) if size > 1 else 0.0)
    else:
        positions = np.clip((steps + 0.5) * (source / size) - 0.5, 0, source - 1)
    left = np.minimum(positions.astype(np.int64), source - 1)
    right = np.minimum(left + 1, source - 1)
    weight = positions - left
    matrix = np.zeros((size, source))
    np.add.at(matrix, (np.arange(size), left), 1 - weight)
    np.add.at(matrix, (np.arange(size), right), weight)
    return matrix.astype(np.float32)


def _outermost(matrix: FloatArray) -> FloatArray:
    """The first and last row of every run of rows that lie between the same two cells."""
    cell = (matrix > 0).argmax(1)
    change = np.flatnonzero(np.diff(cell)) + 1
    keep = np.unique(np.concatenate([[0], change - 1, change, [len(matrix) - 1]]))
    return np.ascontiguousarray(matrix[keep])
