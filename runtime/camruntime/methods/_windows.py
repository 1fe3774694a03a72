"""Windows on enlarged images, as large as the image itself: cut out, and laid back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.maps import FloatArray, bilinear, rescale

_STEP = 64 / 224  # by how much of the image each size exceeds the one before


class Window(NamedTuple):
    """Size of the enlarged image, and the window's corner in it, in pixels."""

    size: tuple[int, int]
    top: int
    left: int


def windows(size: tuple[int, int], scales: int) -> list[Window]:
    """The image itself, then those of larger ones, row by row."""
    found = []
    for scale in range(scales):
        height, width = (round(side * (1 + _STEP * scale)) for side in size)
        tops, lefts = _starts(height, size[0]), _starts(width, size[1])
        found += [Window((height, width), top, left) for top in tops for left in lefts]
    return found


def _starts(whole: int, window: int) -> list[int]:
    return [min(start, whole - window) for start in range(0, whole, window)]


class Cut:
    """Makes windows of an image `(1, channels, H, W)`.

    Asked for in order, it enlarges the image once for each size.
    """

    def __init__(self, image: FloatArray, windows: list[Window]) -> None:
        self.windows = windows
        self._image = self._enlarged = image[0]

    def __call__(self, rows: NDArray[np.int64]) -> FloatArray:
        """Windows `rows`, float32 `(len(rows), channels, H, W)`."""
        return np.stack([self._one(self.windows[row]) for row in rows])

    def _one(self, window: Window) -> FloatArray:
        if self._enlarged.shape[1:] != window.size:
            size = window.size[::-1]
            self._enlarged = np.asarray(
                [cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in self._image],
                np.float32,
            )
        height, width = self._image.shape[1:]
        below = self._enlarged[:, window.top :, window.left :]
        return np.asarray(below[:, :height, :width], np.float32)


def laid(raw: FloatArray, window: Window, size: tuple[int, int]) -> FloatArray:
    """A window's map `(h, w)`, rescaled, where it lies in the image of `size` `(H, W)`.

    Upsampling, laying and shrinking are linear, and the same for each row: two small matrices.
    """
    upsampling = bilinear((raw.shape[0], raw.shape[1]), size)
    small = rescale(raw[None], *upsampling.extremes(raw[None])).maps[0]
    rows = _shrunk(upsampling.rows, window.size[0], window.top)
    columns = _shrunk(np.ascontiguousarray(upsampling.columns.T), window.size[1], window.left)
    return np.asarray(rows @ small @ columns.T, np.float32)


def _shrunk(matrix: FloatArray, whole: int, start: int) -> FloatArray:
    """Rows of `matrix` laid from `start` on into `whole` of zeros, resized to as many as before."""
    canvas = np.zeros((whole, matrix.shape[1]), np.float32)
    canvas[start : start + len(matrix)] = matrix
    back = cv2.resize(canvas, matrix.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(back, np.float32).reshape(matrix.shape)  # OpenCV drops a single column
