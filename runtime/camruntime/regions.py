"""Bounding boxes of the salient parts of a map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from camruntime.rescale import FloatArray


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


def salient_boxes(saliency: FloatArray, threshold: float) -> tuple[Box, ...]:
    """Boxes of the connected regions above `threshold` times the maximum, largest share first.

    Args:
        saliency: float32 `(H, W)`, values >= 0.
        threshold: in [0, 1). Pixels that touch at a corner belong together.

    Returns:
        No box for a map without any saliency.
    """
    peak = float(saliency.max())
    if peak <= 0:
        return ()
    above = (saliency > threshold * peak).astype(np.uint8)
    _, marks, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    sums = np.bincount(marks.ravel(), saliency.ravel(), len(stats)) / float(saliency.sum())
    boxes = [  # 0 is the background
        Box(int(x), int(y), int(width), int(height), float(share))
        for (x, y, width, height, _), share in zip(stats[1:], sums[1:], strict=True)
    ]
    return tuple(sorted(boxes, key=lambda box: -box.share))
