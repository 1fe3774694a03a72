"""Saliency as a picture: colours over a photograph, and sheets of several pictures with titles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camruntime._opencv import cv2
from camruntime.errors import CamError
from camruntime.maps import FloatArray
from camruntime.pictures.picture import Picture

TITLE = 22  # height of a title line in pixels

_WEAKEST, _STRONGEST = 0.62, 0.93  # in Turbo's colours: yellow and red


def overlay(photo: Picture, saliency: FloatArray, strength: float = 0.5) -> Picture:
    """Blend `saliency` in colours (blue 0, red 1) over `photo`.

    Args:
        photo: uint8 RGB `(H, W, 3)`.
        saliency: float32 `(H, W)` in [0, 1].
        strength: share of the colours in the blend, in [0, 1].

    Raises:
        CamError: it is no such share.
    """
    _check(strength)
    colours = _turbo(np.clip(saliency, 0, 1))
    return np.asarray(cv2.addWeighted(colours, strength, photo, 1 - strength, 0), np.uint8)


def evidence_overlay(photo: Picture, values: FloatArray, strength: float = 0.5) -> Picture:
    """Colour `photo` where there is evidence; elsewhere it is as it was, pixel by pixel.

    Args:
        photo: uint8 RGB `(H, W, 3)`.
        values: float32 `(H, W)`, evidence in units in which 1 is the threshold. The scale of
            colours is the same for every picture.
        strength: share of the colours in the blend, in [0, 1].

    Raises:
        CamError: it is no such share.
    """
    _check(strength)
    blended = cv2.addWeighted(evidence_colours(values), strength, photo, 1 - strength, 0)
    return np.where((values > 1)[..., None], blended, photo).astype(np.uint8)


def evidence_colours(values: FloatArray) -> Picture:
    """Colours of evidence from 1 on, yellow, towards red, which stands for endless evidence."""
    far = np.asarray(1 - 1 / np.maximum(values, 1), np.float32)  # 1, 2, 4, 10 -> 0, 0.5, 0.75, 0.9
    return _turbo(_WEAKEST + (_STRONGEST - _WEAKEST) * far)


def _turbo(levels: FloatArray) -> Picture:
    """uint8 RGB `(H, W, 3)` of `(H, W)` in [0, 1]."""
    mapped = cv2.applyColorMap(np.rint(levels * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    return np.asarray(cv2.cvtColor(mapped, cv2.COLOR_BGR2RGB), np.uint8)


def _check(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise CamError(f"strength lies in [0, 1], got {strength}")


def contact_sheet(
    tiles: Sequence[tuple[str, Picture]],
    columns: int,
    height: int = 240,
    below: Sequence[str] = (),
) -> Picture:
    """Pictures in rows of `columns`, scaled to `height` pixels, each under its title.

    Args:
        tiles: pairs of a title (lines parted by a newline) and a uint8 RGB picture.
        columns: pictures in a row.
        height: of a picture, in pixels.
        below: text under each picture, as many as there are tiles, or none.

    Returns:
        uint8 RGB, white where there is no picture.
    """
    scaled = [_scale(picture, height) for _, picture in tiles]
    width = max(190, *(picture.shape[1] for picture in scaled)) + 8
    titles = _texts([title for title, _ in tiles], width)
    notes = _texts(below, width) if below else [np.empty((0, width, 3), np.uint8)] * len(tiles)
    cells = [
        np.vstack([title, _centred(picture, width), note])
        for title, picture, note in zip(titles, scaled, notes, strict=True)
    ]
    blank = np.full_like(cells[0], 255)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    full = [np.hstack([*row, *[blank] * (min(columns, len(cells)) - len(row))]) for row in rows]
    return np.vstack(full)


def _scale(picture: Picture, height: int) -> Picture:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    method = cv2.INTER_AREA if picture.shape[0] > height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)


def _centred(picture: Picture, width: int) -> Picture:
    """The picture between white margins, 4 pixels above and below."""
    cell = np.full((picture.shape[0] + 8, width, 3), 255, np.uint8)
    left = (width - picture.shape[1]) // 2
    cell[4:-4, left : left + picture.shape[1]] = picture
    return cell


def _texts(texts: Sequence[str], width: int) -> list[Picture]:
    """Lines of text on white, all of the height of the longest."""
    lines = max(text.count("\n") + 1 for text in texts)
    return [_text(text, width, lines) for text in texts]


def _text(text: str, width: int, lines: int) -> Picture:
    cell = np.full((TITLE * lines, width, 3), 255, np.uint8)
    for row, line in enumerate(text.split("\n")):
        place = (4, TITLE * (row + 1) - 6)
        scale = min(0.5, 0.5 * (width - 8) / max(1, _text_width(line)))
        cv2.putText(cell, line, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def _text_width(line: str) -> int:
    (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    return int(width)
