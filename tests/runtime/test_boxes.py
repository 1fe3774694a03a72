from __future__ import annotations

import numpy as np
import pytest

from camruntime.pictures import Box, salient_boxes


def test_two_regions_by_hand() -> None:
    saliency = np.zeros((6, 8), np.float32)
    saliency[1:3, 1:4] = 0.8  # six pixels
    saliency[3, 4] = 0.6  # touches at a corner
    saliency[5, 7] = 1.0
    saliency[0, 7] = 0.4  # below half of the maximum
    whole = 6 * 0.8 + 0.6 + 1.0 + 0.4
    large, small = salient_boxes(saliency, 0.5)
    assert (large.x, large.y, large.width, large.height) == (1, 1, 4, 3)
    assert large.share == pytest.approx(5.4 / whole, rel=1e-5)
    assert small == Box(7, 5, 1, 1, pytest.approx(1.0 / whole, rel=1e-5))  # type: ignore[arg-type]


def test_an_empty_map_has_no_box() -> None:
    assert salient_boxes(np.zeros((4, 4), np.float32), 0.5) == ()
