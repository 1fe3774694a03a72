"""Decom-CAM's protocol (Yang et al., 2023): how good are explanations where the network is good?

Categories are put in ten bins by the network's accuracy in them, predictions that are wrong are
left out, and a metric's mean is taken in every bin. Paper: arXiv 2306.04644, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from camruntime.evaluation.estimates import ByAccuracy, Curve, Estimate
from camruntime.evaluation.row import Row
from camruntime.evaluation.statistics import interval, resampled_means
from camruntime.metrics import trapezoid

BINS = 10


def over_accuracy(rows: Sequence[Row], metric: str) -> ByAccuracy | None:
    """Curve and area of `metric` for the rows of one method; None where there is no curve."""
    curve, area = curve_over_accuracy(rows, metric), area_over_accuracy(rows, metric)
    return ByAccuracy(area, curve) if curve and area else None


def curve_over_accuracy(rows: Sequence[Row], metric: str) -> Curve | None:
    """Mean of `metric` over right predictions, by the accuracy in their category.

    Args:
        rows: of one method.
        metric: its spec.

    Returns:
        A point at the middle of every bin that holds a right prediction with a value: an empty bin
        has none. None where no class is known, or fewer than two bins are filled.
    """
    bins = _bins(rows, metric)
    if len(bins) < 2:
        return None
    means = tuple(float(np.mean(values)) for values in bins.values())
    return Curve(tuple(bins), means, "accuracy in the category", metric)


def area_over_accuracy(rows: Sequence[Row], metric: str) -> Estimate | None:
    """Area under that curve over the accuracies that it spans: a mean with its interval.

    Resampled within every bin.
    """
    bins = _bins(rows, metric)
    if len(bins) < 2:
        return None
    centres = list(bins)
    reach = centres[-1] - centres[0]
    spread = np.stack([resampled_means(np.array(values)) for values in bins.values()], 1)
    areas = trapezoid(spread, centres) / reach
    whole = trapezoid([np.mean(values) for values in bins.values()], centres) / reach
    return Estimate(float(whole), *interval(areas), sum(map(len, bins.values())))


def _bins(rows: Sequence[Row], metric: str) -> Mapping[float, list[float]]:
    """Values of right predictions by the middle of their accuracy's bin, in order."""
    answers: dict[str, list[bool]] = {}
    for row in rows:
        if row.right is not None:
            answers.setdefault(row.category, []).append(row.right)
    bins: dict[float, list[float]] = {}
    for row in rows:
        value = row.values.get(metric)
        if row.right and value is not None:
            right = answers[row.category]
            place = min(sum(right) * BINS // len(right), BINS - 1)
            bins.setdefault((place + 0.5) / BINS, []).append(value)
    return dict(sorted(bins.items()))
