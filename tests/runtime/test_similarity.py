"""Rank correlation and structural similarity beside slow versions of their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.errors import CamError
from camruntime.evaluation.similarity import rank_correlation, structural_similarity
from camruntime.maps import FloatArray


def _map(values: list[list[float]]) -> FloatArray:
    return np.array(values, np.float32)


def test_rank_correlation_by_hand() -> None:
    """Ranks 1, 2.5, 2.5, 4 and 2, 1, 3, 4: products 3, squares 4.5 and 5."""
    ties, plain = _map([[0, 0.5], [0.5, 1]]), _map([[0.2, 0.1], [0.3, 0.9]])
    assert rank_correlation(ties, plain) == pytest.approx(3 / np.sqrt(4.5 * 5))


def test_rank_correlation_sees_order_alone() -> None:
    values = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.zeros_like(values)) == 0
    assert rank_correlation(np.ones_like(values), np.ones_like(values)) == 0


def test_rank_correlation_with_many_ties_equals_the_definition() -> None:
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 4, (6, 8)).astype(np.float32) for _ in range(2))
    first, second = (
        np.array([(part < value).sum() + ((part == value).sum() + 1) / 2 for value in part.ravel()])
        for part in (one, other)
    )
    assert rank_correlation(one, other) == pytest.approx(np.corrcoef(first, second)[0, 1])


def test_rank_correlation_equals_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    one, other = (np.maximum(rng.normal(0, 1, (20, 30)), 0).astype(np.float32) for _ in range(2))
    other += one
    expected = stats.spearmanr(one.ravel(), other.ravel()).statistic
    assert rank_correlation(one, other) == pytest.approx(expected, abs=1e-12)


def _slow_ssim(one: FloatArray, other: FloatArray) -> float:
    """Equation 13 of Wang et al. at every window, one after the other."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for row in range(one.shape[0] - 10):
        for column in range(one.shape[1] - 10):
            a, b = (
                part[row : row + 11, column : column + 11].astype(np.float64)
                for part in (one, other)
            )
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a = (window * (a - mean_a) ** 2).sum()
            var_b = (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + 1e-4)
                * (2 * covariance + 9e-4)
                / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
            )
    return float(np.mean(values))


def test_ssim_equals_a_slow_one() -> None:
    rng = np.random.default_rng(3)
    one = rng.random((17, 23)).astype(np.float32)
    other = (0.6 * one + 0.4 * rng.random((17, 23))).astype(np.float32)
    assert structural_similarity(one, other) == pytest.approx(_slow_ssim(one, other), abs=1e-10)
    assert structural_similarity(one, one) == pytest.approx(1)
    assert 0.3 < structural_similarity(one, other) < 0.95


def test_ssim_equals_scikit_images() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(4)
    one, other = (rng.random((30, 40)) for _ in range(2))
    expected = metrics.structural_similarity(
        one, other, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    found = structural_similarity(one.astype(np.float32), other.astype(np.float32))
    assert found == pytest.approx(expected, abs=1e-6)


def test_ssim_of_maps_below_the_window() -> None:
    with pytest.raises(CamError, match=r"11 pixels a side, got \(10, 40\)"):
        structural_similarity(np.zeros((10, 40), np.float32), np.zeros((10, 40), np.float32))
