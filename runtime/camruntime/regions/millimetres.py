"""A region in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import CamError

_LEAST, _MOST = 1e-9, 1e9  # beyond, areas of pictures would be rounded to 0 or infinite


@dataclass(frozen=True, eq=False)
class Millimetres:
    """What a region measures, from the photograph's upper left corner.

    Attributes:
        x, y: left and top edge, in mm.
        width, height: of the box around it, in mm.
        length, breadth: of the smallest rectangle around it, whichever way that lies, in mm.
        area: in mm2.
        polygon: float64 `(n, 2)`, its outer outline, x and y in mm.
        holes: the outlines of its holes.
    """

    x: float
    y: float
    width: float
    height: float
    length: float
    breadth: float
    area: float
    polygon: NDArray[np.float64]
    holes: tuple[NDArray[np.float64], ...]


def checked_scale(mm_per_pixel: object) -> float:
    """The side of one of the photograph's pixels in mm, as Python's float.

    Raises:
        CamError: it is no such number.
    """
    if not is_between(mm_per_pixel, _LEAST, _MOST):
        raise CamError(
            "mm_per_pixel is the side of one of the photograph's pixels in millimetres, such as "
            f"0.05: a number above 0, from {_LEAST:g} to {_MOST:g}; got {shown(mm_per_pixel)}"
        )
    return float(mm_per_pixel)  # type: ignore[arg-type]
