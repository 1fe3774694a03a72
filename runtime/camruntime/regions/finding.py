"""From a map to its regions: beyond the threshold, or the brightest of this picture."""

from __future__ import annotations

import numpy as np

from camruntime.calibration import Evidence
from camruntime.maps import FloatArray
from camruntime.pictures import ConnectedParts, connected_parts, regions_above
from camruntime.regions.region import Region

PART = 0.5
"""Of a map's maximum, above which it is shown where nothing says how much is much."""


def regions_of(evidence: Evidence, photo: FloatArray) -> tuple[Region, ...]:
    """Where evidence is, strongest first.

    Args:
        evidence: of an explanation.
        photo: float32 `(H, W)`, its map at the photograph's size.
    """
    return _ranked(connected_parts(photo > 1), photo, evidence)


def relative_regions(photo: FloatArray, part: float) -> tuple[Region, ...]:
    """Where a map is above a part of its own maximum, strongest first; none of an empty map.

    Args:
        photo: float32 `(H, W)`, values >= 0, at the photograph's size.
        part: in [0, 1).

    Raises:
        CamError: `part` is no such number.
    """
    found = regions_above(photo, part)
    most = photo.max()
    return _ranked(found, photo / most if most > 0 else photo, None)


def _ranked(
    found: ConnectedParts, values: FloatArray, evidence: Evidence | None
) -> tuple[Region, ...]:
    marked = found.marks > 0
    marks, seen = found.marks[marked].astype(np.intp), values[marked]
    strongest = np.zeros(len(found.areas) + 1, seen.dtype)  # of the same type: ten times as fast
    np.maximum.at(strongest, marks, seen)
    sums = np.bincount(marks, seen, len(strongest))
    order = np.argsort(-strongest[1:], kind="stable").tolist()
    return tuple(
        _region(found, row, rank, float(strongest[row + 1]), float(sums[row + 1]), evidence)
        for rank, row in enumerate(order, start=1)
    )


def _region(
    found: ConnectedParts, row: int, rank: int, strongest: float, sum_: float, by: Evidence | None
) -> Region:
    left, top, right, bottom = found.boxes[row].tolist()
    area = int(found.areas[row])
    return Region(
        x=left,
        y=top,
        width=right - left,
        height=bottom - top,
        area=area,
        strongest=strongest,
        mean=sum_ / area,
        p_value=None if by is None else by.yardstick.p_of(strongest),
        rank=rank,
        inside=found.marks[top:bottom, left:right] == row + 1,
        photo=(found.marks.shape[0], found.marks.shape[1]),
    )
