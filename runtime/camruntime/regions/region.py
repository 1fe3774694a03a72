"""A connected region of a photograph: where it is, how large and how strong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from camruntime.regions.millimetres import Millimetres, checked_scale
from camruntime.regions.polygons import Polygon, outlines, smallest_rectangle
from camruntime.regions.rle import Mask, encode_rle

Scale = Literal["calibrated", "relative"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Region:
    """A connected region, in the photograph's pixels; pixels that touch at a corner are one.

    Attributes:
        x, y: left and top edge.
        width, height: of the box around it.
        area: its pixels.
        strongest: of its strongest pixel; calibrated, in units in which 1 is the threshold, and
            relative, as a part of this map's own maximum, which says nothing about evidence.
        mean: of all its pixels, in the same unit.
        p_value: of its strongest pixel; None of a relative region, which has none.
        rank: 1 for the strongest of the picture.
        inside: bool `(height, width)`, which pixels of its box are the region's.
        photo: `(H, W)` of the photograph.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    strongest: float
    mean: float
    p_value: float | None
    rank: int
    inside: Mask
    photo: tuple[int, int]

    @property
    def scale(self) -> Scale:
        """Whether good parts were asked, or it is the brightest of this picture only."""
        return "relative" if self.p_value is None else "calibrated"

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height: COCO's `bbox`."""
        return self.x, self.y, self.width, self.height

    @property
    def mask(self) -> Mask:
        """Bool `(H, W)`, the photograph's pixels that are the region's."""
        mask = np.zeros(self.photo, np.bool_)
        mask[self.y : self.y + self.height, self.x : self.x + self.width] = self.inside
        return mask

    def rle(self) -> dict[str, Any]:
        """`mask` as COCO's run-length code: `{"size": [H, W], "counts": compressed text}`."""
        return encode_rle(self.inside, self.photo, (self.y, self.x))

    @property
    def polygon(self) -> Polygon:
        """int64 `(n, 2)`: its outer outline along the pixels' outer edges, clockwise, x and y.

        What is within belongs to the region but for `holes`. See `camruntime.regions.polygons`.
        """
        return self._outlines[0]

    @property
    def holes(self) -> tuple[Polygon, ...]:
        """The outlines of its holes, counterclockwise."""
        return tuple(self._outlines[1:])

    @property
    def length(self) -> float:
        """The longer side of the smallest rectangle around it, whichever way that lies."""
        return self._sides[0]

    @property
    def breadth(self) -> float:
        """The shorter side of that."""
        return self._sides[1]

    def in_mm(self, mm_per_pixel: float) -> Millimetres:
        """The same in millimetres.

        Args:
            mm_per_pixel: side of a pixel of the photograph as it was given, not of the network's
                input.

        Raises:
            CamError: it is no number above 0.
        """
        scale = checked_scale(mm_per_pixel)
        return Millimetres(
            x=self.x * scale,
            y=self.y * scale,
            width=self.width * scale,
            height=self.height * scale,
            length=self.length * scale,
            breadth=self.breadth * scale,
            area=self.area * scale**2,
            polygon=self.polygon * np.float64(scale),
            holes=tuple(one * np.float64(scale) for one in self.holes),
        )

    def figures(self) -> dict[str, object]:
        """All but its shape, ready for JSON."""
        names = ("rank", "x", "y", "width", "height", "length", "breadth", "area")
        return {name: getattr(self, name) for name in (*names, "strongest", "mean", "p_value")}

    @cached_property
    def _outlines(self) -> list[Polygon]:
        return [one + np.array([self.x, self.y]) for one in outlines(self.inside)]

    @cached_property
    def _sides(self) -> tuple[float, float]:
        return smallest_rectangle(self.polygon)
