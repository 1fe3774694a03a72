"""Outlines of where something is: which pixels are drawn, and in a colour that no map has."""

from __future__ import annotations

import cv2
import numpy as np

from camruntime.pictures import MAGENTA, outlined


def _magenta(picture: np.ndarray) -> np.ndarray:
    return np.asarray((picture == MAGENTA).all(axis=2))


def test_the_border_of_the_shape_and_of_its_box() -> None:
    """A disc and its box: the disc's own edge, the box's four sides, nothing inside or outside."""
    rows, columns = np.mgrid[:400, :320]
    mask = (rows - 200) ** 2 + (columns - 150) ** 2 < 60**2
    picture = np.full((400, 320, 3), 90, np.uint8)
    boxes = np.array([[91, 141, 210, 260]], np.float32)
    drawn = _magenta(outlined(picture, mask, boxes))
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    eroded = cv2.erode(mask.astype(np.uint8), cross) > 0
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert drawn[mask & ~eroded].all()
    assert not drawn[inner].any()
    assert drawn[141, 91:210].all()
    assert drawn[259, 91:210].all()
    assert drawn[141:260, 91].all()
    assert drawn[141:260, 209].all()
    outside = np.ones_like(mask)
    outside[140:261, 90:211] = False
    assert not drawn[outside].any()
    assert (picture == 90).all(), "the picture itself is left as it was"


def test_a_small_picture_is_enlarged() -> None:
    mask = np.zeros((40, 80), np.bool_)
    mask[10:20, 20:40] = True
    box = np.array([[20, 10, 40, 20]], np.float32)
    found = outlined(np.zeros((40, 80, 3), np.uint8), mask, box)
    assert found.shape == (160, 320, 3)
    rows, columns = np.nonzero(_magenta(found))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 79, 80, 159)


def test_no_map_has_the_colour() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    distance = np.abs(colours.astype(int) - MAGENTA).max(axis=2)
    assert distance.min() > 100
