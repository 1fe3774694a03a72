"""What is taken from good parts' strongest evidence: thresholds, and the scale of what is above."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camruntime.calibration.conformal import Numbers, Reference, top_class_reference


class Measures(NamedTuple):
    """See `OfTarget`."""

    threshold: float
    typical: float
    scale: float


def measures_of(strongest: Numbers, alpha: float) -> Measures:
    """Of one target, from each part's strongest evidence `(n,)`."""
    threshold, typical = Reference.of(strongest).threshold(alpha), float(np.median(strongest))
    scale = threshold - typical or float(strongest.max()) - threshold or 1.0
    return Measures(threshold, typical, scale)


def thresholds_as_top(
    classes: Mapping[int, Numbers], tops: NDArray[np.int64], alpha: float
) -> dict[int, float]:
    """Of each class where it is a picture's top one; without those that cannot be had.

    Args:
        classes: each part's strongest evidence of each class that is a target by itself.
        tops: `(n,)`, the top class of each part.
        alpha: at most this share of good parts shows evidence.
    """
    if not set(tops.tolist()) <= classes.keys():
        return {}
    found = {top: top_class_reference(classes, tops, top).threshold(alpha) for top in classes}
    return {top: one for top, one in found.items() if math.isfinite(one)}
