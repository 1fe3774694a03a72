"""What the colours over a photograph mean, in a strip below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camruntime._opencv import cv2
from camruntime.pictures.overlay import evidence_colours
from camruntime.pictures.picture import Picture

_LINE = 18  # height of a line of text in pixels, of a picture of up to 800
_MARGIN = 6
_BAR = (150, 10)  # width and height
_TICKS = (1, 2, 4, 10)
_LARGEST = 16_000  # pixels; of wider pictures the text stays as it is


def captioned(picture: Picture, lines: Sequence[str], scale: bool = False) -> Picture:
    """The picture, pixel by pixel as it is, with text below it.

    Args:
        picture: uint8 RGB `(H, W, 3)`.
        lines: of text, in ASCII as far as it is to be read; at least one.
        scale: also draw the scale of evidence, from 1, the threshold, on.

    Returns:
        uint8 RGB: higher, and wider where the text is.
    """
    width = picture.shape[1]
    size = min(max(1.0, width / 800), _LARGEST / 800)
    strips = [_text(line, size) for line in lines] + ([_bar(size)] if scale else [])
    wide = max(width, *(one.shape[1] for one in strips))
    below = [np.full((round(_MARGIN * size), wide, 3), 255, np.uint8)] * 2
    below[1:1] = [_widened(one, wide) for one in strips]
    return np.vstack([_widened(picture, wide), *below])


def _text(line: str, size: float) -> Picture:
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size))
    (width, _), _ = cv2.getTextSize(line, font, 0.42 * size, thick)
    cell = np.full((round(_LINE * size), width + round(2 * _MARGIN * size), 3), 255, np.uint8)
    place = (round(_MARGIN * size), round((_LINE - 5) * size))
    cv2.putText(cell, line, place, font, 0.42 * size, (0, 0, 0), thick, cv2.LINE_AA)
    return cell


def _bar(size: float) -> Picture:
    """The colours of evidence, with the values that they stand for below."""
    width, height = (round(one * size) for one in _BAR)
    left = round(_MARGIN * size)
    cell = np.full((height + round(_LINE * size), width + 5 * left, 3), 255, np.uint8)
    values = 1 / (1 - np.linspace(0, 0.999, width, dtype=np.float32))
    cell[:height, left : left + width] = evidence_colours(np.tile(values, (height, 1)))
    for value in _TICKS:
        at = left + round((1 - 1 / value) * width)
        place = (max(0, at - round(3 * size)), height + round((_LINE - 5) * size))
        font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size))
        cv2.putText(cell, str(value), place, font, 0.4 * size, (0, 0, 0), thick, cv2.LINE_AA)
    return cell


def _widened(picture: Picture, width: int) -> Picture:
    spare = width - picture.shape[1]
    return np.pad(picture, ((0, 0), (0, spare), (0, 0)), constant_values=255)
