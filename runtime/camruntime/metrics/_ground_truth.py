"""Which pixels of the photograph belong to the class."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from camruntime.metrics._case import Case

Shape = Literal["boxes", "mask"]


def inside(case: Case, shape: Shape) -> NDArray[np.bool_] | None:
    """Bool `(H, W)` at the photograph's size; None where nothing is known, or nothing is inside.

    A pixel is inside a box when its centre is.
    """
    if case.ground_truth is None:
        return None
    if shape == "mask":
        found = case.ground_truth.mask
    else:
        height, width = case.photo_saliency.shape
        rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
        found = np.zeros((height, width), bool)
        for left, top, right, bottom in case.ground_truth.boxes:
            within = (rows > top) & (rows < bottom), (columns > left) & (columns < right)
            found |= within[0][:, None] & within[1]
    return found if found.any() else None
