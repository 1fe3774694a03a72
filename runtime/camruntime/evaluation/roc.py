"""How well scores tell defects from what is good: the receiver operating characteristic.

Exact: every distinct score is a threshold, and equal scores pass it together, so the area is the
share of pairs (good, defective) in the right order, ties counting half (Mann and Whitney, 1947).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from camruntime.errors import MetricError
from camruntime.maps import FloatArray
from camruntime.metrics import trapezoid

Rates = NDArray[np.float64]
Masks = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Roc:
    """A curve; its first point is (0, 0), where nothing passes, its last (1, 1).

    Attributes:
        false_positive: `(points,)`, the share of what is good that passes; never falls.
        true_positive: `(points,)`, the share of what is defective that does.
        thresholds: `(points,)`: scores from there on pass; the first is infinite.
    """

    false_positive: Rates
    true_positive: Rates
    thresholds: Rates

    @property
    def area(self) -> float:
        """In [0, 1]; 0.5 of scores that know nothing."""
        return float(trapezoid(self.true_positive, self.false_positive))


def roc(scores: ArrayLike, defective: ArrayLike) -> Roc:
    """The curve of scores `(n,)`, each that of something good or defective.

    Raises:
        MetricError: one of the two kinds is missing, or a score is not a number.
    """
    found, truth = np.ravel(np.asarray(scores)), np.ravel(np.asarray(defective, bool))
    if len(found) != len(truth):
        raise MetricError(f"a ROC curve: {len(found)} scores, but {len(truth)} truths")
    if not truth.any() or truth.all():
        raise MetricError("a ROC curve needs something good and something defective")
    order, last = falling(found)
    true = np.cumsum(truth[order])[last]
    false = 1 + last - true
    return Roc(
        from_zero(false / false[-1]),
        from_zero(true / true[-1]),
        np.concatenate([[np.inf], found[order][last].astype(np.float64)]),
    )


def pixel_roc(maps: Sequence[FloatArray], masks: Masks) -> Roc:
    """The curve of all pixels of all maps; masks are true on defects, and of the maps' sizes.

    Raises:
        MetricError: as of `roc`, or where a mask has not its map's size.
    """
    check_sizes(maps, masks)
    return roc(_joined(maps), _joined(masks))


def check_sizes(maps: Sequence[FloatArray], masks: Masks) -> None:
    """Every map has its mask.

    Raises:
        MetricError: it has none, or one of another size.
    """
    if len(maps) != len(masks):
        raise MetricError(f"{len(maps)} maps, but {len(masks)} masks")
    for one, mask in zip(maps, masks, strict=True):
        if one.shape != mask.shape:
            raise MetricError(f"a map is {one.shape}, but its mask is {mask.shape}")


def falling(scores: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order from the highest score down, and where in it each run of equal scores ends.

    Raises:
        MetricError: a score is not a number.
    """
    if np.isnan(scores).any():
        raise MetricError("a score is not a number (NaN)")
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    ends = np.append(ranked[1:] != ranked[:-1], True)
    return order, np.flatnonzero(ends)


def from_zero(rates: Rates) -> Rates:
    """With the point in front at which nothing passes."""
    return np.concatenate([[0.0], rates])


def _joined(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate([np.ravel(one) for one in arrays]) if arrays else np.zeros(0)
