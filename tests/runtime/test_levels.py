"""Maps counted in levels, against per-region overlap of the maps themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from camruntime.evaluation.levels import LEVELS, Levels, count_levels, overlap_of, pack, unpack
from camruntime.evaluation.pro import region_overlap


def _pictures(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Maps whose values are levels, with two defects, one, and none; sizes differ."""
    rng = np.random.default_rng(seed)
    maps, masks = [], []
    for size, boxes in (
        ((9, 13), ((1, 1, 3, 4), (6, 8, 8, 12))),
        ((7, 7), ((2, 2, 5, 5),)),
        ((5, 8), ()),
    ):
        mask = np.zeros(size, np.bool_)
        for top, left, bottom, right in boxes:
            mask[top:bottom, left:right] = True
        levels = np.clip(rng.integers(0, 200, size) + 55 * mask, 0, 255)
        maps.append((levels / (LEVELS - 1)).astype(np.float32))
        masks.append(mask)
    return maps, masks


@pytest.mark.parametrize("seed", range(3))
def test_counted_maps_have_the_curve_of_the_maps(seed: int) -> None:
    maps, masks = _pictures(seed)
    rows = [
        count_levels(one, mask if mask.any() else None, 1.0)
        for one, mask in zip(maps, masks, strict=True)
    ]
    assert [row.count for row in rows] == [2, 1, 0]
    found, exact = overlap_of(rows), region_overlap(maps, masks)
    assert found is not None
    assert found.area == pytest.approx(exact.area, abs=1e-5)
    for rate in (0.05, 0.1, 0.2, 0.3):
        at = [np.interp(rate, one.false_positive, one.overlap) for one in (found, exact)]
        assert at[0] == pytest.approx(at[1], abs=1e-5)


def test_by_hand() -> None:
    """A defect of two pixels, one at 1 and one at 0; of ten good ones two at 1: half at 0.2."""
    saliency = np.zeros((3, 4), np.float32)
    saliency[0, 0] = saliency[2, 2:] = 1
    mask = np.zeros((3, 4), np.bool_)
    mask[0, :2] = True
    counted = count_levels(saliency, mask, 1.0)
    good, defects = unpack(counted.good), unpack(counted.defects)
    assert (good[0], good[255], good.sum()) == (8, 2, 10)
    assert (defects[0], defects[255], defects.sum()) == (2**19, 2**19, 2**20)
    found = overlap_of([counted], 0.2)
    assert found is not None
    assert found.overlap.tolist() == pytest.approx([0, *[0.5] * (len(found.overlap) - 1)])


def test_calibrated_maps_have_no_highest_value() -> None:
    """1, the threshold, is the middle; what is far above it is still told apart."""
    counted = count_levels(np.array([[-3, 0, 1, 3, 9, 1e9]], np.float32), None, math.inf)
    assert np.flatnonzero(unpack(counted.good)).tolist() == [0, 128, 191, 230, 255]
    assert unpack(counted.good)[0] == 2


def test_nothing_to_compare() -> None:
    good = count_levels(np.ones((2, 2), np.float32), None, 1.0)
    assert overlap_of([good]) is None
    defect = count_levels(np.ones((2, 2), np.float32), np.ones((2, 2), np.bool_), 1.0)
    assert overlap_of([defect]) is None
    assert overlap_of([good, defect]) is not None


@pytest.mark.parametrize("text", ["", "a", "ä", "aaaaa", pack(np.zeros(255)), pack(np.zeros(300))])
def test_damaged_levels(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(text)
    whole = pack(np.zeros(LEVELS))
    assert Levels(whole, whole, 0).are_whole()
    assert not Levels(whole, text, 0).are_whole()


def test_they_are_short() -> None:
    counts = np.random.default_rng(0).integers(0, 300, LEVELS)
    assert unpack(pack(counts)).tolist() == counts.tolist()
    assert len(pack(counts)) < 900
