"""Connected regions of a map or a mask, and boxes around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between
from camruntime._opencv import cv2
from camruntime._text import shown
from camruntime.errors import CamError
from camruntime.maps import FloatArray


@dataclass(frozen=True)
class Box:
    """One connected salient region.

    Attributes:
        x, y: left and top edge, in pixels.
        width, height: in pixels.
        share: part of the map's whole saliency that lies in the region, in [0, 1].
    """

    x: int
    y: int
    width: int
    height: int
    share: float


@dataclass(frozen=True, eq=False)
class ConnectedParts:
    """The connected parts of a mask; pixels that touch at a corner belong together.

    Attributes:
        marks: int32 `(H, W)`, 0 where the mask is not, else 1 + the part's row.
        boxes: int32 `(k, 4)`: left, top, right, bottom.
        areas: int32 `(k,)`, in pixels.
    """

    marks: NDArray[np.int32]
    boxes: NDArray[np.int32]
    areas: NDArray[np.int32]


def connected_parts(mask: NDArray[np.bool_]) -> ConnectedParts:
    """The connected parts of a mask `(H, W)`."""
    _, marks, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    left, top, width, height, areas = np.asarray(stats[1:], np.int32).T  # 0 is the background
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    return ConnectedParts(np.asarray(marks, np.int32), boxes, areas)


def regions_above(saliency: FloatArray, threshold: float) -> ConnectedParts:
    """The connected regions above `threshold` times the maximum.

    Args:
        saliency: float32 `(H, W)`, values >= 0.
        threshold: in [0, 1).

    Returns:
        No region for a map without any saliency.

    Raises:
        CamError: `threshold` is no such part.
    """
    if not is_between(threshold, 0, 1) or threshold == 1:
        raise CamError(f"threshold lies in [0, 1), got {shown(threshold)}")
    return connected_parts(saliency > threshold * saliency.max())


def salient_boxes(saliency: FloatArray, threshold: float) -> tuple[Box, ...]:
    """Boxes of the regions that `regions_above` finds, largest share first."""
    found = regions_above(saliency, threshold)
    if not len(found.areas):
        return ()
    sums = np.bincount(found.marks.ravel(), saliency.ravel()) / float(saliency.sum())
    boxes = [
        Box(int(left), int(top), int(right - left), int(bottom - top), float(share))
        for (left, top, right, bottom), share in zip(found.boxes, sums[1:], strict=True)
    ]
    return tuple(sorted(boxes, key=lambda box: -box.share))
