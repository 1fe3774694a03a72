"""Means, intervals, and the protocol over accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.evaluation import mean_over_samples
from camruntime.evaluation.estimates import ByAccuracy
from camruntime.evaluation.protocol import area_over_accuracy, curve_over_accuracy, over_accuracy
from camruntime.evaluation.row import Row
from camruntime.evaluation.statistics import mean_over_categories
from camruntime.metrics import trapezoid


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    """For many samples: 1.96 standard errors to each side."""
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = mean_over_samples(values)
    error = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - error, abs=0.03)
    assert found.high == pytest.approx(values.mean() + error, abs=0.03)
    assert found.count == 400
    one = mean_over_samples(np.array([3.0]))
    assert (one.mean, one.low, one.high) == (3, 3, 3)


def test_a_mean_of_categories() -> None:
    """Nine cats at 100 and one dog at 0: 50, not 90."""
    values, categories = np.array([100.0] * 9 + [0.0]), ["cat"] * 9 + ["dog"]
    found = mean_over_categories(values, categories)
    assert found.mean == 50
    # A resample without the dog is 100, one with it 50: 35 percent are without.
    assert (found.low, found.high) == (50, 100)


def _row(category: str, right: bool | None, value: float | None) -> Row:
    return Row(
        sample="",
        category=category,
        method="grad-cam",
        target=0,
        predicted=0,
        right=right,
        probability=0.5,
        no_evidence=False,
        values={"insertion": value},
        curves={},
        passes=1,
        seconds=0.0,
    )


ROWS = [
    # Accuracy 1/2, bin 0.55: the right ones have 20 and 40.
    *(
        _row("half", right, value)
        for right, value in ((True, 20), (False, 99), (True, 40), (False, 99))
    ),
    # Accuracy 1, bin 0.95, with one that has no value.
    *(_row("all", True, value) for value in (60, None, 80)),
    # Accuracy 0, bin 0.05: no right prediction, so nothing is there.
    *(_row("none", False, value) for value in (10, 10)),
]


def test_the_protocol_by_hand() -> None:
    curve = curve_over_accuracy(ROWS, "insertion")
    assert curve is not None
    assert curve.x == pytest.approx((0.55, 0.95))
    assert curve.y == pytest.approx((30, 70))
    area = area_over_accuracy(ROWS, "insertion")
    assert area is not None
    assert area.mean == pytest.approx(50)
    assert area.count == 4
    assert (area.low, area.high) == pytest.approx((40, 60))  # 20 and 60 at worst, 40 and 80 at best

    assert over_accuracy(ROWS, "insertion") == ByAccuracy(area, curve)


def test_the_protocol_needs_two_bins() -> None:
    assert over_accuracy(ROWS[:4], "insertion") is None
    assert curve_over_accuracy(ROWS[:4], "insertion") is None
    assert area_over_accuracy(ROWS[:4], "insertion") is None
    assert curve_over_accuracy([_row("a", None, 1.0)] * 3, "insertion") is None


def test_trapezoid() -> None:
    assert trapezoid([0, 1, 1], [0, 1, 3]) == pytest.approx(2.5)
    assert trapezoid([[0, 2], [4, 4]], [0.5, 1.0]).tolist() == [0.5, 2.0]
