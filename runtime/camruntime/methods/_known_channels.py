"""What anytime Score-CAM knows of a map, what it asks next, and what bounds it without a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.maps import Approximation, FloatArray
from camruntime.methods._student import student
from camruntime.methods._surrogate import Numbers, Surrogate

ROUND = 8  # channels shown before it is thought over which come next
_SURE = 4.0  # deviations that a guess is off at most, were they known; see `AnytimeScoreCAM`
_CANCELS = 3.5  # how much longer the estimate's misses may be than those that are certified


@dataclass(frozen=True)
class Known:
    """What was measured, and what the channels that a mask stands for add to the map.

    Attributes:
        surrogate: of the masks' scores.
        parts: float64 `(n, h * w)`, the sum of the activation maps that share a mask.
    """

    surrogate: Surrogate
    parts: Numbers

    @property
    def spent(self) -> int:
        """How many were measured."""
        return len(self.surrogate.measured)

    def is_near(self, correlation: float) -> bool:
        """Whether a sample may certify so much: what guesses are likely to miss is short enough.

        A sample finds that misses cancel, which the estimate does not count on.
        """
        most = _CANCELS * math.sqrt(1 - correlation**2)  # as the sine of an angle
        return all(
            estimate > 0 and math.sqrt(1 - estimate**2) <= most
            for estimate in (one.correlation_estimate for one in self.nearness())
        )

    def next(self) -> NDArray[np.int64]:
        """A round of masks, those first that can still change the map most for any target."""
        norms = np.linalg.norm(self.parts, axis=1)
        promise = np.log(np.maximum(norms, np.finfo(np.float64).tiny))[:, None]
        if len(self.surrogate.measured):
            expected, deviation = self.surrogate.predict()
            # log(exp(z + d) - exp(z)), which overflows if written so
            promise = promise + expected + deviation + np.log(-np.expm1(-deviation) + 1e-12)
            promise = promise - promise.max(0)
            promise[self.surrogate.measured] = -np.inf
        order = np.argsort(-promise.max(1), kind="stable")
        return order[: min(ROUND, len(order) - len(self.surrogate.measured))]

    def nearness(self) -> tuple[Approximation, ...]:
        """How near the map is to the exact one, for each target."""
        expected, deviation = self.surrogate.predict()
        likely, sure = student(1, self.spent - 2), student(_SURE, self.spent - 2)
        return tuple(
            Approximation(
                evaluated=self.spent,
                channels=len(self.parts),
                correlation_estimate=max(0.0, _correlation(self.parts, mean, likely * sigma)),
                correlation_bound=_correlation(self.parts, mean, sure * sigma),
            )
            for mean, sigma in zip(expected.T, deviation.T, strict=True)
        )


def summed(maps: FloatArray, rows: NDArray[np.int64], count: int) -> Numbers:
    """Activation maps `(C, h, w)` -> float64 `(count, h * w)`: those of one row are added up."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    parts = np.zeros((count, flat.shape[1]))
    np.add.at(parts, rows, flat)
    return parts


def _correlation(parts: Numbers, scores: Numbers, slack: Numbers) -> float:
    """What the map's correlation with the exact one is at least, if no score is off by more.

    The exact map differs by at most `gap`, cell by cell, before the ReLU and therefore behind it.
    The sine of the angle between two centred maps is at most their difference over the length of
    either, and centring makes a difference no longer.
    """
    if not slack.any():
        return 1.0
    top = scores.max()
    weights = np.exp(scores - top)
    with np.errstate(over="ignore", invalid="ignore"):  # no number either bounds nothing
        gap = (weights * np.expm1(slack)) @ np.abs(parts)
        shown = np.maximum(weights @ parts, 0)
        off, length = np.linalg.norm(gap), np.linalg.norm(shown - shown.mean())
    return float(np.sqrt(1 - (off / length) ** 2)) if off < length else -1.0
