"""Pointing game (Zhang et al., 2016): does the most salient pixel lie on the object?

Paper: "Top-down neural attention by excitation backprop", arXiv 1608.00507.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime._opencv import cv2
from camruntime.errors import MetricError
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._ground_truth import Shape, inside
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("pointing-game")
@dataclass(frozen=True)
class PointingGame:
    """100 where the most salient pixel lies on an object of the class, else 0; mean by category.

    A flat map points nowhere, which is a miss.

    Attributes:
        tolerance: in the photograph's pixels; a hit may be this far outside. The authors allow 15.
        shape: `boxes` around the objects, or their own `mask`.
    """

    tolerance: int = 0
    shape: Shape = "boxes"

    info: ClassVar = MetricInfo(
        title="Pointing game",
        category="localisation",
        better="higher",
        description="share of pictures whose most salient pixel lies on the object",
        usual=9,
        by_category=True,
    )

    def __post_init__(self) -> None:
        within("pointing-game", MetricError, ("tolerance", self.tolerance, 0, 1000))

    def __call__(self, case: Case) -> Measured:
        """100 or 0; None without ground truth."""
        region = inside(case, self.shape)
        if region is None:
            return Measured(None)
        if not np.ptp(case.photo_saliency):
            return Measured(0.0)
        row, column = np.unravel_index(case.photo_saliency.argmax(), region.shape)
        return Measured(100.0 * _near(region, int(row), int(column), self.tolerance))


def _near(region: NDArray[np.bool_], row: int, column: int, reach: int) -> bool:
    """Whether a disc around a pixel of the picture meets the region `(H, W)`."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    top, left = max(0, row - reach), max(0, column - reach)
    seen = region[top : row + reach + 1, left : column + reach + 1]
    down, right = top - row + reach, left - column + reach
    part = disc[down : down + seen.shape[0], right : right + seen.shape[1]]
    return bool((part.astype(np.bool_) & seen).any())
