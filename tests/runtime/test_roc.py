"""ROC curves and per-region overlap, against scikit-learn and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from camruntime.errors import MetricError
from camruntime.evaluation.pro import region_overlap
from camruntime.evaluation.roc import pixel_roc, roc

Masks = list[NDArray[np.bool_]]
Maps = list[NDArray[np.float32]]


def _noisy(levels: int, seed: int = 0) -> tuple[Maps, Masks]:
    """Maps of a few distinct values, so that many are equal, higher on the masks' squares."""
    rng = np.random.default_rng(seed)
    masks = [np.zeros((20, 30), bool) for _ in range(6)]
    for mask in masks[2:]:
        for _ in range(3):
            y, x, size = rng.integers(0, 15), rng.integers(0, 25), rng.integers(1, 6)
            mask[y : y + size, x : x + size] = True
    maps = [rng.normal(mask.astype(float), 0.7) for mask in masks]
    return [(np.round(one * levels) / levels).astype(np.float32) for one in maps], masks


def test_pairs_in_the_right_order() -> None:
    """3 > 2, 3 > 1, 2 = 2 and 2 > 1: three and a half of four."""
    found = roc([1, 2, 2, 3], [False, False, True, True])
    assert found.area == 3.5 / 4
    assert found.false_positive.tolist() == [0, 0, 0.5, 1]
    assert found.true_positive.tolist() == [0, 0.5, 1, 1]
    assert found.thresholds.tolist() == [np.inf, 3, 2, 1]


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_curve_and_area_are_scikit_learns(levels: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    maps, masks = _noisy(levels)
    scores, truth = np.stack(maps).ravel(), np.stack(masks).ravel()
    found = pixel_roc(maps, masks)
    assert found.area == pytest.approx(sklearn.roc_auc_score(truth, scores), abs=1e-12)
    false, true, thresholds = sklearn.roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive, false, atol=1e-12)
    np.testing.assert_allclose(found.true_positive, true, atol=1e-12)
    np.testing.assert_array_equal(found.thresholds, thresholds)


def test_scores_without_a_curve_are_refused() -> None:
    for scores, truth, words in (
        ([1.0, 2.0], [True, True], "something good and something defective"),
        ([1.0], [True, False], "1 scores, but 2 truths"),
        ([1.0, np.nan], [True, False], "not a number"),
    ):
        with pytest.raises(MetricError, match=words):
            roc(scores, truth)
    with pytest.raises(MetricError, match="something good"):
        pixel_roc([], [])


def test_overlap_by_hand() -> None:
    """Two regions, of 1 and of 2 pixels, and 5 good pixels.

    Values fall as: the small region (1/2 of the overlap), a good pixel (1/5), half of the large
    region with a good one (3/4, 2/5), the other half (1), and the rest.
    """
    mask = np.array([[1, 0, 1, 1], [0, 0, 0, 0]], bool)
    saliency = np.array([[9, 8, 7, 6], [7, 1, 1, 1]], np.float32)
    found = region_overlap([saliency], [mask], limit=0.4)
    assert found.false_positive.tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.4])
    assert found.overlap.tolist() == pytest.approx([0, 0.5, 0.5, 0.75, 1])
    # 0.5 over the first fifth, from 0.5 to 0.75 over the second.
    assert found.area == pytest.approx((0.2 * 0.5 + 0.2 * 0.625) / 0.4)
    cut = region_overlap([saliency], [mask], limit=0.3)  # at 0.3 the overlap is 0.625
    assert cut.area == pytest.approx((0.2 * 0.5 + 0.1 * 0.5625) / 0.3)


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_overlap_is_that_of_a_loop_over_thresholds(levels: int) -> None:
    """Thresholds one by one, regions grown pixel by pixel."""
    maps, masks = _noisy(levels)
    regions = [region for mask in masks for region in _grown(mask)]
    whole = np.stack(maps)
    places = [index for index, mask in enumerate(masks) for _ in _grown(mask)]
    points = [(0.0, 0.0)]
    for threshold in np.unique(whole)[::-1]:
        false = (whole >= threshold)[~np.stack(masks)].mean()
        parts = [
            (whole[place] >= threshold)[region].mean()
            for place, region in zip(places, regions, strict=True)
        ]
        points.append((float(false), float(np.mean(parts))))
    found = region_overlap(maps, masks, limit=1)
    np.testing.assert_allclose(found.false_positive, [x for x, _ in points], atol=1e-12)
    np.testing.assert_allclose(found.overlap, [y for _, y in points], atol=1e-12)


def _grown(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Its regions, each by flooding from a pixel to its eight neighbours."""
    left, regions = mask.copy(), []
    while left.any():
        region = np.zeros_like(mask)
        waiting = [tuple(np.argwhere(left)[0])]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and left[y, x]:
                left[y, x], region[y, x] = False, True
                waiting += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        regions.append(region)
    return regions


def test_maps_that_know_nothing_and_maps_that_know_all() -> None:
    masks = _noisy(1)[1]
    flat = region_overlap([np.zeros(mask.shape, np.float32) for mask in masks], masks)
    assert flat.area == pytest.approx(0.15)  # the diagonal, up to 0.3
    known = region_overlap([mask.astype(np.float32) for mask in masks], masks)
    assert known.area == pytest.approx(1)


def test_overlap_is_refused_without_what_it_needs() -> None:
    mask, saliency = np.zeros((2, 2), bool), np.zeros((2, 2), np.float32)
    with pytest.raises(MetricError, match="defect's pixels and good ones"):
        region_overlap([saliency], [mask])
    with pytest.raises(MetricError, match=r"lies in \(0, 1\], got 0"):
        region_overlap([saliency], [~mask], limit=0)
    with pytest.raises(MetricError, match=r"a map is \(2, 2\), but its mask is \(2, 1\)"):
        region_overlap([saliency], [mask[:, :1]])
    with pytest.raises(MetricError, match="1 maps, but 0 masks"):
        region_overlap([saliency], [])
