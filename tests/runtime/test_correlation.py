"""Pearson's correlation of two maps, worked out by hand, and the maps that have none."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.maps import FloatArray, pearson


def _map(*values: float) -> FloatArray:
    return np.array(values, np.float32).reshape(2, 2)


RISING = _map(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (_map(1, 2, 3, 4), 1.0),
        (_map(10, 30, 50, 70), 1.0),  # another unit
        (_map(4, 3, 2, 1), -1.0),
        (_map(0, 1, 1, 0), 0.0),
        (_map(0, 0, 0, 2), 3 / np.sqrt(15)),  # of deviations: 3 / sqrt(5 * 3)
    ],
)
def test_values(other: FloatArray, expected: float) -> None:
    assert pearson(RISING, other) == pytest.approx(expected, abs=1e-12)
    assert pearson(other, RISING) == pearson(RISING, other)


@pytest.mark.parametrize(
    "flat",
    [
        _map(0, 0, 0, 0),
        _map(5, 5, 5, 5),
        _map(1, 1, 1, 1 + 1.2e-7),  # the next float32: its range is rounding
        _map(0, 1, 2, np.nan),
        _map(0, 1, 2, np.inf),
    ],
)
def test_a_flat_map_correlates_with_nothing(flat: FloatArray) -> None:
    assert pearson(flat, RISING) is None
    assert pearson(RISING, flat) is None
    assert pearson(flat, flat) is None


def test_it_never_leaves_its_range() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        one = rng.random((7, 5), np.float32)
        found = pearson(one, one * np.float32(3) + np.float32(1))
        assert found is not None
        assert 0.999999 < found <= 1
