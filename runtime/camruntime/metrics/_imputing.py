"""Pixels of a picture guessed from what is left: noisy linear imputation (Rong et al., 2022).

Paper: "A consistent and efficient evaluation strategy for attribution methods", arXiv 2202.00449.
Every missing pixel is the weighted mean of its eight neighbours, missing ones included: one sparse
symmetric system for the whole picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.errors import MetricError
from camruntime.maps import FloatArray

_NEIGHBOURS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float32) / 12
"""Weights of a pixel's neighbours; those beyond the border count as if they were not there."""
_CLOSE = 3e-5
"""Residual, relative to the right-hand side: no pixel is then as far off as the noise is high."""


def imputed(picture: FloatArray, missing: NDArray[np.bool_]) -> FloatArray:
    """The picture with weighted means of neighbours where it is missing, without noise.

    Solved by conjugate gradients, so that no sparse solver is needed.

    Args:
        picture: float32 `(channels, H, W)`, finite.
        missing: bool `(H, W)`; at least one pixel has to be there.

    Raises:
        MetricError: nothing is there, or the means were not found.
    """
    if missing.all():
        raise MetricError("all pixels are missing, and none can be guessed: remove fewer")
    mean = picture[:, ~missing].mean(1)[:, None, None]
    hole = missing.astype(np.float32)
    total = _of_neighbours(np.ones((1, *missing.shape), np.float32))
    wanted = hole * _of_neighbours((picture - mean) * (1 - hole))
    found = _conjugate_gradients(wanted, total, hole)
    return np.where(missing, found + mean, picture).astype(np.float32)


def _conjugate_gradients(wanted: FloatArray, total: FloatArray, hole: FloatArray) -> FloatArray:
    """What solves `hole * (total * x - sum of x's neighbours) = wanted`, 0 outside the hole."""
    found, residual = np.zeros_like(wanted), wanted.copy()
    direction, square = residual.copy(), np.vdot(residual, residual)
    close = _CLOSE**2 * square
    for _ in range(10 * sum(hole.shape)):
        if square <= close:
            return found
        image = hole * (total * direction - _of_neighbours(direction))
        step = square / np.vdot(direction, image)
        found += step * direction
        residual -= step * image
        square, before = np.vdot(residual, residual), square
        direction = residual + square / before * direction
    raise MetricError("the missing pixels were not found from their neighbours: is it finite?")


def _of_neighbours(picture: FloatArray) -> FloatArray:
    """Weighted sum of the neighbours of every pixel of `(channels, H, W)`; 0 beyond the border."""
    sums = [cv2.filter2D(one, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT) for one in picture]
    return np.asarray(sums, np.float32)
