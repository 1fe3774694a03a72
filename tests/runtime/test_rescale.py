from __future__ import annotations

import numpy as np
import pytest

from arrays import f32
from camruntime.maps import bilinear, has_saliency, rescale, saliency


def test_each_map_is_rescaled_by_its_own_extremes() -> None:
    maps = np.array([[[1, 3], [5, 2]], [[-4, 0], [0, 4]]], np.float32)
    scaled, evidence = rescale(maps)
    np.testing.assert_allclose(
        scaled, [[[0, 0.5], [1, 0.25]], [[0, 0.5], [0.5, 1]]], rtol=0, atol=1e-7
    )
    assert evidence.tolist() == [True, True]


def test_given_extremes_and_epsilon() -> None:
    maps = np.array([[[1, 3], [5, 2]]], np.float32)
    scaled, _ = rescale(maps, f32([0]), f32([9]), epsilon=1)
    np.testing.assert_allclose(scaled, maps / 10, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e-30, 1e30])
def test_a_constant_map_is_zero_without_evidence(value: float) -> None:
    scaled, evidence = rescale(np.full((1, 3, 3), value, np.float32))
    assert not scaled.any()
    assert not evidence.any()


def test_rounding_noise_is_flat_and_a_small_real_range_is_not() -> None:
    noise = np.ones((1, 2, 2), np.float32)
    noise[0, 0, 0] = np.nextafter(np.float32(1), np.float32(2))
    small = f32([[[0, 1e-20], [2e-20, 0]]])
    assert not rescale(noise).evidence.any()
    assert rescale(small).evidence.all()
    assert rescale(small).maps.max() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_map_is_zero_and_leaves_its_neighbours_alone(bad: float) -> None:
    maps = f32([[[0, 1], [2, 4]], [[0, 1], [2, 4]]])
    maps[0, 1, 1] = bad
    scaled, evidence = rescale(maps)
    assert evidence.tolist() == [False, True]
    assert not scaled[0].any()
    np.testing.assert_allclose(scaled[1], maps[1] / 4)


def test_a_one_by_one_map_is_flat() -> None:
    assert not rescale(f32([[[7]]])).evidence.any()


def test_a_range_beyond_float32_is_not_finite() -> None:
    scaled, evidence = rescale(f32([[[-3e38, 3e38], [0, 0]]]))
    assert not evidence.any()
    assert not scaled.any()


@pytest.mark.parametrize(
    "raw",
    [
        [[0, 1], [2, 4]],
        [[1, 1], [1, 1]],
        [[0, np.nan], [1, 2]],
        [[0, np.inf], [1, 2]],
        [[-3e38, 3e38], [0, 0]],
        [[1, 1], [1, np.nextafter(np.float32(1), np.float32(2))]],
        [[0, 1e-20], [0, 0]],
        [[0, 0, 0, 9, 0, 0, 0, 0, 0]],
    ],
)
@pytest.mark.parametrize("size", [(2, 2), (5, 7), (1, 3)])
def test_whether_there_is_saliency_is_known_without_it(
    raw: list[list[float]], size: tuple[int, int]
) -> None:
    """By definition, from the upsampled map; one that is shrunk may lose its only cell."""
    one = f32(raw)
    large, shown = saliency(one, size)
    assert has_saliency(one, size) == shown == bool(large.any())
    if shown:
        upsampled = bilinear((len(one), len(one[0])), size)(one).astype(np.float64)
        wanted = (upsampled - upsampled.min()) / np.ptp(upsampled)
        np.testing.assert_allclose(large, wanted, rtol=0, atol=1e-6)


def test_a_range_that_only_its_peaks_have_shows_nothing_in_either_way() -> None:
    """Between the pixels of a slightly larger map no peak is left: what remains is in float32."""
    raw = np.full((7, 7), 1e38, np.float32)
    raw[3, 3] = -3e38
    large, shown = saliency(raw, (8, 8))
    assert float(np.ptp(bilinear((7, 7), (8, 8))(raw).astype(np.float64))) < 3.4e38
    assert not shown
    assert not large.any()
    assert not has_saliency(raw, (8, 8))
