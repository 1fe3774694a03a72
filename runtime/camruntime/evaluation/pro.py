"""Per-region overlap: how much of each defect is found, small ones counting as much as large ones.

For every threshold, the part of each connected region of the truth that passes, averaged over the
regions of all pictures, over the share of good pixels that pass. The area up to a share of them,
usually 30 percent, divided by that share, is the PRO score of Bergmann et al., "The MVTec anomaly
detection dataset" (2021), section 6.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.errors import MetricError
from camruntime.evaluation.roc import Masks, Rates, check_sizes, falling, from_zero
from camruntime.maps import FloatArray
from camruntime.metrics import trapezoid
from camruntime.pictures import connected_parts

USUAL_LIMIT = 0.3


@dataclass(frozen=True, eq=False)
class RegionOverlap:
    """The curve, up to its limit; its first point is (0, 0).

    Attributes:
        false_positive: `(points,)`, the share of good pixels that pass; never falls.
        overlap: `(points,)`, the mean part of a region that does.
        limit: the last of `false_positive`.
    """

    false_positive: Rates
    overlap: Rates
    limit: float

    @property
    def area(self) -> float:
        """In [0, 1], normalised by the limit; `limit / 2` of maps that know nothing."""
        return float(trapezoid(self.overlap, self.false_positive)) / self.limit


def region_overlap(
    maps: Sequence[FloatArray], masks: Masks, limit: float = USUAL_LIMIT
) -> RegionOverlap:
    """Of maps `(H, W)` and masks of the same sizes; those of good pictures are empty.

    Pixels that touch at a corner belong to one region, as in the authors' code, and every distinct
    value is a threshold. At the limit the curve is interpolated.

    Raises:
        MetricError: there is no region or no good pixel, a size or the limit is wrong, or a value
            is not a number.
    """
    check_sizes(maps, masks)
    if not 0 < limit <= 1:
        raise MetricError(f"a limit of false positives lies in (0, 1], got {limit}")
    parts = _shares_of_regions(masks)
    good = parts == 0
    if good.all() or not good.any():
        raise MetricError("per-region overlap needs a defect's pixels and good ones")
    order, last = falling(np.concatenate([one.ravel() for one in maps]))
    false = np.cumsum(good[order])[last] / good.sum()
    overlap = np.cumsum(parts[order])[last] / parts.sum()
    return until(limit, from_zero(false), from_zero(overlap))


def until(limit: float, false: Rates, overlap: Rates) -> RegionOverlap:
    """A curve whose first point is (0, 0) and whose last is (1, 1), up to the limit."""
    inside = np.searchsorted(false, limit, side="right")
    if false[inside - 1] == limit:
        return RegionOverlap(false[:inside], overlap[:inside], limit)
    at = np.interp(limit, false[inside - 1 : inside + 1], overlap[inside - 1 : inside + 1])
    return RegionOverlap(np.append(false[:inside], limit), np.append(overlap[:inside], at), limit)


def _shares_of_regions(masks: Masks) -> Rates:
    """For every pixel of all masks, which part of its region it is; 0 of a good one."""
    return np.concatenate([_shares(mask).ravel() for mask in masks] or [np.zeros(0)])


def _shares(mask: NDArray[np.bool_]) -> Rates:
    found = connected_parts(mask)
    return np.concatenate([[0.0], 1 / found.areas])[found.marks]
