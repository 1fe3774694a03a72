"""Where something really is, drawn as an outline in a colour that no saliency map has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.maps import FloatArray
from camruntime.pictures.picture import Picture

MAGENTA = (255, 0, 255)
SIDE = 320  # of a picture, in pixels, per pixel of the line; smaller ones are enlarged to it


def outlined(picture: Picture, mask: NDArray[np.bool_], boxes: FloatArray) -> Picture:
    """A copy with the outline of a mask, and with boxes.

    A picture of which both sides are below `SIDE` is enlarged, for a line would hide what it is
    around.

    Args:
        picture: uint8 RGB `(H, W, 3)`.
        mask: bool `(H, W)`.
        boxes: float32 `(k, 4)`: left, top, right, bottom in pixels.
    """
    scale = max(1.0, SIDE / max(mask.shape))
    height, width = (round(side * scale) for side in mask.shape)
    drawn = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    shape = cv2.resize(
        mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    thick = max(1, round(max(mask.shape) / SIDE))
    found, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, found, -1, MAGENTA, thick)
    for left, top, right, bottom in np.rint(boxes * scale).astype(int).tolist():
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), MAGENTA, thick)
    return np.asarray(drawn, np.uint8)
