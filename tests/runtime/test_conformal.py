"""Thresholds and p-values hold for a part that nobody has seen: shown by leaving each one out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from camruntime.calibration import Reference, parts_needed, top_class_reference


@pytest.mark.parametrize(
    ("alpha", "needed"), [(0.5, 1), (0.1, 9), (0.05, 19), (0.01, 99), (0.03, 33), (0.001, 999)]
)
def test_so_many_parts_are_needed(alpha: float, needed: int) -> None:
    """1 / alpha - 1, rounded up; with one less there is no threshold."""
    assert parts_needed(alpha) == needed
    assert math.isfinite(Reference.of(np.arange(needed)).threshold(alpha))
    assert needed == 1 or Reference.of(np.arange(needed - 1)).threshold(alpha) == math.inf


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.123, 0.5])
@pytest.mark.parametrize("parts", [99, 100, 250, 1000])
def test_the_threshold_is_the_conformal_quantile(parts: int, alpha: float) -> None:
    values = np.random.default_rng(parts).standard_normal(parts)
    rank = math.ceil((parts + 1) * (1 - alpha) - 1e-9)  # of the smallest, from 1 on
    assert Reference.of(values).threshold(alpha) == np.sort(values)[rank - 1]


def test_p_values_by_hand() -> None:
    """(1 + those that reach it) / (n + 1), of 1, 2, 2, 5."""
    found = Reference.of([2, 5, 1, 2]).p_values(np.array([[0, 1, 1.5], [2, 3, 6]]))
    np.testing.assert_array_equal(found, np.array([[5, 5, 4], [4, 2, 1]]) / 5)


@pytest.mark.parametrize("alpha", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("ties", [False, True])
def test_evidence_is_above_the_threshold_where_p_is_at_most_alpha(alpha: float, ties: bool) -> None:
    values = np.random.default_rng(3).standard_normal(120)
    reference = Reference.of(values.round(1) if ties else values)
    asked = np.concatenate([reference.every, np.linspace(-4, 4, 1001)])
    beyond = asked > reference.threshold(alpha)
    np.testing.assert_array_equal(reference.p_values(asked) <= alpha, beyond)


def _left_out_share(values: np.ndarray, alpha: float) -> float:
    """Of n + 1 parts, how many would show evidence if the others were the calibration."""
    beyond = [
        values[row] > Reference.of(np.delete(values, row)).threshold(alpha)
        for row in range(len(values))
    ]
    return float(np.mean(beyond))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_at_most_alpha_of_parts_show_evidence_each_left_out_once(alpha: float) -> None:
    """Exact for every set of values, as each part is as likely the last one."""
    for seed in range(5):
        values = np.random.default_rng(seed).lognormal(size=120)
        share = _left_out_share(values, alpha)
        assert alpha - 1 / 120 <= share <= alpha
        assert _left_out_share(values.round(1), alpha) <= alpha  # ties


def _parts(seed: int, parts: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Evidence of three classes, and top classes: those with unusual evidence of the class."""
    random = np.random.default_rng(seed)
    evidence = random.standard_normal((parts, 3))
    tops = np.where(evidence[:, 1] > 1.7, 1, np.where(evidence[:, 2] > 2, 2, 0))
    return evidence, tops


def _as_top(evidence: np.ndarray, tops: np.ndarray, row: int) -> tuple[Reference, float]:
    """What the others say of a part's top class, and its evidence of it."""
    others = np.delete(evidence, row, axis=0)
    classes = {index: others[:, index] for index in range(3)}
    top = int(tops[row])
    return top_class_reference(classes, np.delete(tops, row), top), float(evidence[row, top])


@pytest.mark.parametrize("alpha", [0.02, 0.05, 0.1])
def test_so_do_they_of_whatever_top_class(alpha: float) -> None:
    """Good parts that are taken for a scratch are those that show most of one."""
    shares, naive = [], []
    for seed in range(4):
        evidence, tops = _parts(seed)
        found = [_as_top(evidence, tops, row) for row in range(len(tops))]
        shares.append(np.mean([one > reference.threshold(alpha) for reference, one in found]))
        naive.append(
            np.mean([one > Reference.of(ref.every).threshold(alpha) for ref, one in found])
        )
    assert max(shares) <= alpha
    assert np.mean(shares) >= alpha / 2  # and not by showing nothing
    assert np.mean(naive) > alpha  # the thresholds of targets that are asked for would not do


def test_the_top_class_threshold_is_where_its_p_values_end() -> None:
    evidence, tops = _parts(9)
    for row in (0, int(np.flatnonzero(tops == 1)[0]), int(np.flatnonzero(tops == 2)[0])):
        reference, _ = _as_top(evidence, tops, row)
        asked = np.concatenate([reference.every, np.linspace(-4, 5, 501)])
        beyond = asked > reference.threshold(0.05)
        np.testing.assert_array_equal(reference.p_values(asked) <= 0.05, beyond)


def test_where_all_have_one_top_class_it_is_as_if_it_were_asked_for() -> None:
    values = np.random.default_rng(1).standard_normal(99)
    found = top_class_reference({4: values}, np.full(99, 4), 4)
    asked = np.linspace(-3, 3, 100)
    np.testing.assert_array_equal(found.p_values(asked), Reference.of(values).p_values(asked))


@pytest.mark.parametrize("alpha", [1 - 0.9, 1 - 0.8, 1 / 3, 0.033333333333, 0.0769])
def test_as_many_parts_as_are_needed_have_a_threshold(alpha: float) -> None:
    """Also where rounding left a little less than 1 / (n + 1)."""
    assert math.isfinite(Reference.of(np.arange(parts_needed(alpha))).threshold(alpha))
