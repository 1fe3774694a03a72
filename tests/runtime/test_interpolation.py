from __future__ import annotations

import cv2
import numpy as np
import pytest

from arrays import f32
from camruntime.maps import bilinear


def test_half_pixel_by_hand() -> None:
    # Two cells to four pixels: centres at -0.25, 0.25, 0.75, 1.25 cells, the ends clamped.
    expected = f32([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(bilinear((2, 2), (4, 4)).rows, expected)


def test_align_corners_by_hand() -> None:
    expected = f32([[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]])
    np.testing.assert_allclose(bilinear((2, 2), (4, 4), True).rows, expected, rtol=1e-6)


@pytest.mark.parametrize("grid", [(7, 7), (1, 1), (5, 3), (13, 8), (40, 30)])
def test_half_pixel_equals_opencv(grid: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(0, 1, (3, *grid)).astype(np.float32)
    expected = [cv2.resize(one, (50, 32), interpolation=cv2.INTER_LINEAR) for one in maps]
    np.testing.assert_allclose(bilinear(grid, (32, 50))(maps), expected, atol=2e-6)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("grid", "size"),
    [
        ((7, 7), (224, 224)),
        ((5, 9), (97, 61)),
        ((1, 4), (8, 9)),
        ((6, 6), (6, 6)),
        ((9, 9), (4, 5)),
    ],
)
def test_extremes_equal_those_of_the_upsampled_maps(
    grid: tuple[int, int], size: tuple[int, int], align_corners: bool
) -> None:
    maps = np.random.default_rng(1).normal(0, 1, (20, *grid)).astype(np.float32)
    upsampling = bilinear(grid, size, align_corners)
    low, high = upsampling.extremes(maps)
    full = upsampling(maps)
    np.testing.assert_allclose(low, full.min((1, 2)), atol=1e-6)
    np.testing.assert_allclose(high, full.max((1, 2)), atol=1e-6)
