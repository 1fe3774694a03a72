"""A map's values on defects and on what is good, in 256 levels: what is kept of it for PRO.

A row holds no map: an evaluation has thousands. It holds how many good pixels have each level, and
what share of each defect's pixels, summed over the picture's defects. Sums of that over all rows
are the curve of `pro.region_overlap`, with levels in the place of distinct values.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.evaluation.pro import USUAL_LIMIT, RegionOverlap, until
from camruntime.evaluation.roc import Rates, from_zero
from camruntime.maps import FloatArray
from camruntime.pictures import connected_parts

LEVELS = 256
_WHOLE = 2**20  # a defect's share as a whole number: of less than a pixel of a million


@dataclass(frozen=True)
class Levels:
    """One map, counted.

    Attributes:
        good: of each level, how many good pixels have it; packed.
        defects: of each level, the shares of defects that have it, times 2**20; packed.
        count: of defects, which are connected regions.
    """

    good: str
    defects: str
    count: int

    def are_whole(self) -> bool:
        """Whether both can be read, as of a line on a disk that nobody changed."""
        try:
            return unpack(self.good) is not None and unpack(self.defects) is not None
        except ValueError:
            return False


def count_levels(saliency: FloatArray, mask: NDArray[np.bool_] | None, limit: float) -> Levels:
    """Count a map.

    Args:
        saliency: `(H, W)`; values below 0 count as 0.
        mask: `(H, W)`, true on defects; None of a good part.
        limit: the highest value that maps have, or infinite: levels are then even in `v / (1 + v)`.
    """
    values = np.maximum(saliency, 0)
    shares = values / limit if np.isfinite(limit) else values / (1 + values)
    levels = np.rint(np.minimum(shares, 1) * (LEVELS - 1)).astype(np.intp)
    if mask is None:
        return Levels(
            pack(np.bincount(levels.ravel(), minlength=LEVELS)), pack(np.zeros(LEVELS)), 0
        )
    found = connected_parts(mask)
    weights = np.concatenate([[0.0], _WHOLE / found.areas])[found.marks]
    good = np.bincount(levels[~mask], minlength=LEVELS)
    defects = np.bincount(levels.ravel(), weights.ravel(), LEVELS)
    return Levels(pack(good), pack(np.rint(defects)), len(found.areas))


def overlap_of(rows: Iterable[Levels], limit: float = USUAL_LIMIT) -> RegionOverlap | None:
    """The curve of all maps together; None without a defect, or without a good pixel."""
    good, defects = np.zeros(LEVELS), np.zeros(LEVELS)
    for row in rows:
        good += unpack(row.good)
        defects += unpack(row.defects)
    if not good.any() or not defects.any():
        return None
    return until(limit, from_zero(_falling(good)), from_zero(_falling(defects)))


def pack(counts: NDArray[np.generic]) -> str:
    """256 whole numbers below 2**32 as a text of some hundred characters."""
    return base64.b85encode(zlib.compress(counts.astype("<u4").tobytes(), 9)).decode("ascii")


def unpack(text: str) -> Rates:
    """The numbers again, as float64.

    Raises:
        ValueError: the text is none of `pack`'s.
    """
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(base64.b85decode(text), 4 * LEVELS + 1)
    except zlib.error as error:
        raise ValueError(f"levels are damaged: {error}") from error
    if len(data) != 4 * LEVELS:
        raise ValueError(f"levels have {len(data)} bytes: expected {4 * LEVELS}")
    return np.frombuffer(data, "<u4").astype(np.float64)


def _falling(counts: Rates) -> Rates:
    """The share that passes each threshold, from the highest level down."""
    return np.asarray(np.cumsum(counts[::-1]) / counts.sum(), np.float64)
