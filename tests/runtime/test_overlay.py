from __future__ import annotations

import numpy as np

from arrays import f32
from camruntime.pictures import contact_sheet, overlay
from camruntime.pictures.overlay import TITLE


def test_saliency_is_red_where_high_and_blue_where_low() -> None:
    photo = np.full((1, 2, 3), 128, np.uint8)
    cold, hot = overlay(photo, f32([[0, 1]]), strength=1.0)[0].astype(int)
    assert hot[0] > max(hot[1], hot[2])
    assert cold[2] > max(cold[0], cold[1])
    np.testing.assert_array_equal(overlay(photo, f32([[0, 1]]), strength=0.0), photo)


def test_strength_blends_linearly() -> None:
    photo = np.full((2, 2, 3), 100, np.uint8)
    saliency = f32([[0, 0.2], [0.6, 1]])
    full = overlay(photo, saliency, 1.0).astype(float)
    half = overlay(photo, saliency, 0.5).astype(float)
    assert np.abs(half - (full + 100) / 2).max() <= 1


def test_sheet_holds_every_picture_below_its_title() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    tiles = [("a\nb", np.full((20, 30, 3), colour, np.uint8)) for colour in colours]
    sheet = contact_sheet(tiles, columns=2, height=40)
    cell = (40 + 2 * TITLE + 8, 198)
    assert sheet.shape == (2 * cell[0], 2 * cell[1], 3)
    for (row, column), colour in zip([(0, 0), (0, 1), (1, 0)], colours, strict=True):
        middle = sheet[row * cell[0] + 2 * TITLE + 24, column * cell[1] + cell[1] // 2]
        np.testing.assert_array_equal(middle, colour)
    assert (sheet[cell[0] :, cell[1] :] == 255).all()
    assert (sheet[: 2 * TITLE, : cell[1]] < 128).any(), "the title is written"
