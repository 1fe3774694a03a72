"""Means with intervals, and mean curves: what a summary is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean over samples, and its 95 percent bootstrap interval.

    Attributes:
        mean, low, high: in the metric's unit.
        count: of the samples that have a value.
    """

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Curve:
    """A mean curve, such as probability over the share of revealed pixels."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_name: str
    y_name: str


@dataclass(frozen=True)
class ByAccuracy:
    """A metric of right predictions over the network's accuracy in their category.

    Attributes:
        area: under the curve, over the accuracies that it spans.
        curve: the metric's mean by accuracy.
    """

    area: Estimate
    curve: Curve
