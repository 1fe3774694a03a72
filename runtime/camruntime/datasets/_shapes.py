"""From boxes and outlines to masks, and back.

Coordinates are in pixels from the photograph's corner: pixel `j` covers `[j, j + 1)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.errors import DatasetError
from camruntime.maps import FloatArray
from camruntime.pictures import connected_parts

Mask = NDArray[np.bool_]

_SHIFT = 4
"""Binary digits behind the point in the coordinates that OpenCV is given."""


def fill_boxes(boxes: FloatArray, size: tuple[int, int]) -> Mask:
    """The pixels inside any of `boxes` `(k, 4)` as a mask of `size` `(H, W)`.

    A pixel is inside when its centre is; the smallest box holds at least one pixel.
    """
    mask = np.zeros(size, np.bool_)
    for left, top, right, bottom in boxes:
        mask[_span(top, bottom, size[0]), _span(left, right, size[1])] = True
    return mask


def _span(low: float, high: float, side: int) -> slice:
    """The pixels of a row or column of `side` whose centres lie in `[low, high)`."""
    first = min(max(int(np.ceil(low - 0.5)), 0), side - 1)
    return slice(first, max(int(np.ceil(high - 0.5)), first + 1))


def fill_outline(outline: FloatArray, mask: Mask) -> None:
    """Set the pixels inside the polygon `outline` `(n, 2)`, x and y, in `mask` `(H, W)`.

    Points are rounded to a sixteenth of a pixel. As `cv2.fillPoly` does it, pixels on the outline
    count as well, so that a shape grows by up to half a pixel on each side.
    """
    # OpenCV counts from the first pixel's centre, not from the corner.
    points = np.round((outline - 0.5) * 2**_SHIFT).astype(np.int32)
    canvas = mask.astype(np.uint8)
    cv2.fillPoly(canvas, [points], (1,), shift=_SHIFT)
    mask |= canvas > 0


def resize_mask(mask: Mask, size: tuple[int, int], what: str) -> Mask:
    """`mask` scaled to `size` `(H, W)`; every pixel takes the value of the nearest one.

    Raises:
        DatasetError: `what` has other proportions, so that it was drawn for another picture.
    """
    if mask.shape == size:
        return mask
    (height, width), (rows, columns) = size, mask.shape
    if abs(rows * width - columns * height) > max(size):  # a row or column more or less is rounding
        turned = (rows, columns) == (width, height)
        raise DatasetError(
            f"{what} is drawn for {columns} x {rows} pixels, and the picture has {width} x {height}"
            + (": turn it as the picture's EXIF data say" if turned else "")
        )
    pixels = cv2.resize(
        mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return np.asarray(pixels, np.bool_)


def component_boxes(mask: Mask) -> FloatArray:
    """Boxes `(k, 4)` around the connected parts of `mask`: left, top, right, bottom."""
    return connected_parts(mask).boxes.astype(np.float32)
