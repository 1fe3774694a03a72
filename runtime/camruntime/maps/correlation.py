"""How alike two maps are: Pearson's correlation over their cells."""

from __future__ import annotations

import numpy as np

from camruntime.maps.rescale import FloatArray, rescale


def pearson(one: FloatArray, other: FloatArray) -> float | None:
    """In [-1, 1]; None where one of the maps is flat, so that there is nothing to compare.

    Args:
        one: float32 `(h, w)`. Flat is one whose range is rounding, and one that holds NaN or
            infinity, as `rescale` has it.
        other: of the same shape.
    """
    if not (rescale(one).evidence and rescale(other).evidence):
        return None
    a, b = (raw.ravel().astype(np.float64) - raw.mean(dtype=np.float64) for raw in (one, other))
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))
