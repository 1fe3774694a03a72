"""Where evidence is: connected regions of a photograph beyond the threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camruntime.calibration.yardstick import Evidence
from camruntime.maps import FloatArray
from camruntime.pictures import connected_parts


@dataclass(frozen=True)
class Region:
    """A connected region with evidence, in the photograph's pixels.

    Attributes:
        x, y: left and top edge.
        width, height: of the box around it.
        area: its pixels.
        strongest: evidence of its strongest pixel, in units in which 1 is the threshold.
        p_value: of that.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    strongest: float
    p_value: float


def regions_of(evidence: Evidence, photo: FloatArray) -> tuple[Region, ...]:
    """The regions, strongest first; pixels that touch at a corner belong together.

    Args:
        evidence: of an explanation.
        photo: float32 `(H, W)`, its map at the photograph's size.
    """
    found = connected_parts(photo > 1)
    marked = found.marks > 0
    strongest = np.zeros(len(found.areas) + 1)
    np.maximum.at(strongest, found.marks[marked], photo[marked])
    regions = [
        Region(
            x=int(left),
            y=int(top),
            width=int(right - left),
            height=int(bottom - top),
            area=int(area),
            strongest=float(peak),
            p_value=evidence.yardstick.p_of(float(peak)),
        )
        for (left, top, right, bottom), area, peak in zip(
            found.boxes, found.areas, strongest[1:], strict=True
        )
    ]
    return tuple(sorted(regions, key=lambda one: -one.strongest))
