"""Outlines of a region as polygons along its pixels' outer edges.

Pixel `j` covers `[j, j + 1)`, so a pixel is a square of four corners, a line of pixels a rectangle,
and a polygon's area is the number of its pixels. OpenCV's contours run through the centres of the
outermost pixels instead: a single pixel is a point to them, and each shape half a pixel too small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.regions.rle import Mask

Polygon = NDArray[np.int64]
"""Corners `(n, 2)`, x and y, one after the other along horizontal and vertical edges in turn."""

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (y, x) to the east, south, west, north
_LEFT_FIRST = (3, 0, 1)  # quarter turns: so pixels that touch at a corner stay together


def outlines(mask: Mask) -> list[Polygon]:
    """The outer outline of a connected region, then those of its holes.

    The outer one is clockwise as one sees it, holes are counterclockwise. Where two pixels touch at
    a corner alone, an outline passes that corner twice.

    Args:
        mask: bool `(h, w)`, at least one pixel; pixels that touch at a corner are connected.
    """
    starts, directions, following = _edges(mask)
    width = mask.shape[1] + 1
    left = np.ones(len(starts), np.bool_)
    found = []
    for first in range(len(starts)):  # the first edge is the top of the highest pixel: an outer one
        if left[first]:
            ring = _ring(first, following)
            left[ring] = False
            turns = directions[ring] != directions[np.roll(ring, 1)]
            rows, columns = np.divmod(starts[ring[turns]], width)
            found.append(np.stack([columns, rows], axis=1))
    return found


def smallest_rectangle(polygon: Polygon) -> tuple[float, float]:
    """Longer and shorter side of the smallest rectangle around a polygon, whichever way it lies.

    One of its sides lies along an edge of the convex hull.
    """
    hull = cv2.convexHull(polygon.astype(np.int32)).reshape(-1, 2).astype(np.float64)
    along = np.roll(hull, -1, axis=0) - hull
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    sides = np.stack([np.ptp(hull @ one.T, axis=0) for one in (along, across)])
    best = sides[:, sides.prod(axis=0).argmin()]
    return float(best.max()), float(best.min())


def _edges(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Edges between inside and outside, a pixel long, with the inside on their right.

    Returns:
        For each, by direction and then by place: the grid point that it leaves, row by row; which
        of `_STEPS` it takes; and which edge comes next.
    """
    padded = np.pad(mask, 1)
    ne, se = padded[:-1, 1:], padded[1:, 1:]  # pixels around each grid point
    nw, sw = padded[:-1, :-1], padded[1:, :-1]
    leaves = np.stack([se & ~ne, sw & ~se, nw & ~sw, ne & ~nw])
    points = ne.size
    edges = np.flatnonzero(leaves)
    directions, starts = np.divmod(edges, points)
    ends = starts + np.array([y * ne.shape[1] + x for y, x in _STEPS])[directions]
    choices = [(directions + turn) % 4 * points + ends for turn in _LEFT_FIRST]
    nexts = np.select([leaves.flat[one] for one in choices], choices)
    return starts, directions, np.searchsorted(edges, nexts)


def _ring(first: int, following: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edges from `first` on until it comes again."""
    ring, here = [first], int(following[first])
    while here != first:
        ring.append(here)
        here = int(following[here])
    return np.array(ring)
