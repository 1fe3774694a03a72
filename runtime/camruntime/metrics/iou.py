"""Intersection over union: does the map's largest region have the object's box?

As in the localisation of CAM (Zhou et al., 2016, arXiv 1512.04150) and Score-CAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import MetricError
from camruntime.maps import FloatArray
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.pictures import regions_above


@register("iou")
@dataclass(frozen=True)
class IoU:
    """The box of the largest connected region above a part of the maximum, against the object's.

    Of several objects, the one that it fits best. A flat map has no region, and gives 0.

    Attributes:
        threshold: part of the map's maximum.
    """

    threshold: float = 0.15

    info: ClassVar = MetricInfo(
        title="IoU",
        category="localisation",
        better="higher",
        description="overlap of the map's largest region with the object's box",
        usual=11,
    )

    def __post_init__(self) -> None:
        if not is_between(self.threshold, 0, 1) or self.threshold == 1:
            raise MetricError(f"iou: threshold lies in [0, 1), got {shown(self.threshold)}")

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100; None without ground truth."""
        if case.ground_truth is None or not len(case.ground_truth.boxes):
            return Measured(None)
        found = largest_box(case.photo_saliency, self.threshold)
        if found is None:
            return Measured(0.0)
        return Measured(100 * max(overlap(found, box) for box in case.ground_truth.boxes))


def largest_box(saliency: FloatArray, threshold: float) -> FloatArray | None:
    """Left, top, right, bottom of the largest region above `threshold` times the maximum."""
    found = regions_above(saliency, threshold)
    if not len(found.areas):
        return None
    return np.asarray(found.boxes[found.areas.argmax()], np.float32)


def overlap(one: FloatArray, other: FloatArray) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), in [0, 1]."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    union = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other)) - common
    return common / union if union > 0 else 0.0
