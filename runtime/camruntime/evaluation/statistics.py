"""Means over samples with their bootstrap intervals (Efron, 1979: percentile method)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from camruntime.evaluation.estimates import Estimate

Values = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 95
"""Percent of the resampled means that the interval holds."""


def mean_over_samples(values: Values) -> Estimate:
    """Every sample counts the same."""
    return _estimate(values, lambda weights: weights @ values / weights.sum(1))


def mean_over_categories(values: Values, categories: Sequence[str]) -> Estimate:
    """The mean of each category's mean, so that common categories do not drown the others."""
    names, index = np.unique(np.asarray(categories), return_inverse=True)
    member = np.eye(len(names))[index]  # (samples, categories)

    def means(weights: Values) -> Values:
        count = weights @ member
        total = weights @ (member * values[:, None])
        present = count > 0  # a resample may leave a category out
        per_category = np.where(present, total / np.where(present, count, 1), 0)
        found: Values = per_category.sum(1) / present.sum(1)
        return found

    return _estimate(values, means)


def resampled_means(values: Values) -> Values:
    """`(RESAMPLES,)`: the mean of as many values, drawn with replacement, again and again."""
    drawn: Values = _drawn(len(values)) @ values / len(values)
    return drawn


def interval(spread: Values) -> tuple[float, float]:
    """The ends that leave out `100 - LEVEL` percent of the resampled values, half on each side."""
    low, high = np.percentile(spread, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def _estimate(values: Values, means: Callable[[Values], Values]) -> Estimate:
    """`means` takes weights `(k, samples)`, how often each sample is drawn."""
    count = len(values)
    spread = means(_drawn(count))
    (mean,) = means(np.ones((1, count)))
    return Estimate(float(mean), *interval(spread), count)


@lru_cache(maxsize=4)  # many means are of as many samples
def _drawn(count: int) -> Values:
    """`(RESAMPLES, count)`: how often each sample is drawn, the same in every run."""
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return draws.astype(np.float64)
