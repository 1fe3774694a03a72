"""Area under a curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def trapezoid(y: ArrayLike, x: ArrayLike) -> NDArray[Any]:
    """Area under `y` `(..., points)` over increasing `x` `(points,)`, float64.

    numpy's own function has another name before version 2.
    """
    heights = np.asarray(y, np.float64)
    parts = (heights[..., 1:] + heights[..., :-1]) / 2 * np.diff(np.asarray(x, np.float64))
    return np.asarray(parts.sum(-1))
