"""A raw map in a line: all of a small one, and means of a large one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

import numpy as np

from camruntime._opencv import cv2
from camruntime.bundle import is_digest
from camruntime.maps import FloatArray

WHOLE = 1024
"""Values of a map that is kept as it is: a target layer's up to 32 x 32, which takes 5.5 kB."""

GRID = (16, 16)
"""What a larger one is reduced to."""


@dataclass(frozen=True, kw_only=True)
class RawMap:
    """A raw map, or what stands for it.

    Attributes:
        shape: `(h, w)` of the map.
        sha256: of its float32 values in little-endian order, row by row.
        grid: `(h, w)` of `values`: that of the map, or smaller.
        values: base64 of `grid` as float32, little-endian, row by row; of a smaller grid each is
            the mean over its share of the map.
    """

    shape: tuple[int, int]
    sha256: str
    grid: tuple[int, int]
    values: str

    def __post_init__(self) -> None:
        if not is_digest(self.sha256):
            raise ValueError(f"expected a SHA-256, got {self.sha256!r:.70}")
        if min(*self.shape, *self.grid) < 1:
            raise ValueError(f"expected sides of at least 1, got {self.shape} and {self.grid}")
        try:
            data = base64.b64decode(self.values, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("its values are no base64") from error
        if len(data) != 4 * self.grid[0] * self.grid[1]:
            raise ValueError(f"its values have {len(data)} bytes, not 4 for each of {self.grid}")
        if self.is_whole and hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError("its values are not those of its SHA-256: they were changed")

    @property
    def is_whole(self) -> bool:
        """Whether the grid is the map."""
        return self.grid == self.shape

    def array(self) -> FloatArray:
        """float32, of the shape of `grid`."""
        data = np.frombuffer(base64.b64decode(self.values), "<f4")
        return np.asarray(data.reshape(self.grid), np.float32)


def raw_map_of(raw: FloatArray) -> RawMap:
    """A map `(h, w)` for a line."""
    height, width = raw.shape
    grid = raw if raw.size <= WHOLE else _reduced(raw)
    return RawMap(
        shape=(height, width),
        sha256=hashlib.sha256(_bytes(raw)).hexdigest(),
        grid=(grid.shape[0], grid.shape[1]),
        values=base64.b64encode(_bytes(grid)).decode("ascii"),
    )


def _reduced(raw: FloatArray) -> FloatArray:
    """Means over equal shares of the map; of sides that are shorter than the grid's none."""
    height, width = min(GRID[0], raw.shape[0]), min(GRID[1], raw.shape[1])
    return np.asarray(cv2.resize(raw, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _bytes(values: FloatArray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
