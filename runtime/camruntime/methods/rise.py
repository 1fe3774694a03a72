"""RISE (Petsiuk et al., 2018): what is left of the class behind thousands of random masks?

Paper: "RISE: Randomized input sampling for explanation of black-box models", arXiv 1806.07421.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear
from camruntime.methods._registry import register

_CELLS = 2 * 10**7
_ROUND = 512  # masks whose logits are held at once


@register("rise")
@dataclass(frozen=True, kw_only=True)
class RISE:
    """RISE: `sum_n p_c(x * M_n) M_n / (N p)`, N being `masks` and p `keep`.

    `x` is the normalised image, `p_c` the target's probability. A mask is a grid of random zeros
    and ones, upsampled to one cell more than the image and cut out at a random place. A black box:
    activations are not looked at. Our upsampling repeats the border of a grid, where the authors'
    mirrors it: their masks differ within half a cell of it.

    Attributes:
        masks: random masks, each a forward pass.
        grid: cells of a mask along each side.
        keep: the probability that a cell is 1.
        seed: of the draw, which is the same for every picture: with
            `rng = numpy.random.default_rng(seed)` first the grids, a cell being 1 where
            `rng.random((masks, grid, grid))` is below `keep`; then where they are cut, rows and
            columns, `rng.integers(0, (ceil(H / grid), ceil(W / grid)), (masks, 2))`.
    """

    masks: int = 4000
    grid: int = 7
    keep: float = 0.5
    seed: int = 0

    needs: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str] = "probability"

    def __post_init__(self) -> None:
        within(
            "rise",
            MethodError,
            ("masks", self.masks, 1, 100_000),
            ("grid", self.grid, 1, 1000),
            ("keep", self.keep, 0.001, 1),
            ("seed", self.seed, 0, 2**63 - 1),
        )
        if self.masks * self.grid**2 > _CELLS:
            raise MethodError(
                f"rise: masks x grid x grid is at most {_CELLS:,}, which are held at once, got "
                f"{self.masks} x {self.grid} x {self.grid}"
            )

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` at the image's size, >= 0; `masks` passes for all targets."""
        image = forward.image
        drawn = _Masks.drawn(self, (image.shape[2], image.shape[3]))
        parts = []
        for start in range(0, self.masks, _ROUND):
            some = drawn.rows(np.arange(start, min(start + _ROUND, self.masks)))

            def make(rows: NDArray[np.int64], some: _Masks = some) -> FloatArray:
                return image * some.rows(rows).made()[:, None]

            logits = graphs.logits_of_made_images(len(some.grids), make)
            parts.append(forward.probabilities_of(targets, logits))
        weights = np.concatenate(parts).T / (self.masks * self.keep)  # (targets, masks)
        return Maps(np.stack([drawn.sum(each) for each in weights]))


@dataclass(frozen=True)
class _Masks:
    """Random masks, upsampled when they are looked at.

    Attributes:
        grids: float32 `(n, s, s)` of zeros and ones.
        places: int `(n, 2)`, the row and the column where each is cut.
        windows: for both sides, interpolation weights by place, `(places, H, s)` and
            `(places, W, s)`.
    """

    grids: FloatArray
    places: NDArray[np.int64]
    windows: tuple[FloatArray, FloatArray]

    @classmethod
    def drawn(cls, options: RISE, size: tuple[int, int]) -> _Masks:
        """As the options have it, for images of `size` `(H, W)`."""
        rng, side = np.random.default_rng(options.seed), options.grid
        grids = rng.random((options.masks, side, side)) < options.keep
        cell = -(-size[0] // side), -(-size[1] // side)
        places = rng.integers(0, cell, (options.masks, 2))
        larger = bilinear((side, side), ((side + 1) * cell[0], (side + 1) * cell[1]))
        rows, columns = larger.rows, larger.columns.T
        return cls(
            grids.astype(np.float32),
            places,
            (_windows(rows, size[0], cell[0]), _windows(columns, size[1], cell[1])),
        )

    def rows(self, wanted: NDArray[np.int64]) -> _Masks:
        """Those alone."""
        return _Masks(self.grids[wanted], self.places[wanted], self.windows)

    def made(self) -> FloatArray:
        """`(n, H, W)` in [0, 1]."""
        rows, columns = (each[self.places[:, k]] for k, each in enumerate(self.windows))
        return np.asarray(rows @ self.grids @ columns.transpose(0, 2, 1), np.float32)

    def sum(self, weights: NDArray[np.floating]) -> FloatArray:
        """`sum_n weights_n M_n` `(H, W)`, without making them again.

        Masks that are cut at the same place are upsampled by the same matrices: their grids are
        added up before, into a table of one grid for each place.
        """
        (tall, height, side), (wide, width, _) = (each.shape for each in self.windows)
        table = np.zeros((tall, wide, side, side))
        np.add.at(table, tuple(self.places.T), weights[:, None, None] * self.grids)
        rows = self.windows[0].transpose(1, 0, 2).reshape(height, -1)  # (H, places * s)
        columns = self.windows[1].transpose(1, 0, 2).reshape(width, -1)
        flat = table.transpose(0, 2, 1, 3).reshape(tall * side, wide * side)
        return np.asarray(rows @ flat @ columns.T, np.float32)


def _windows(matrix: FloatArray, size: int, places: int) -> FloatArray:
    """Of interpolation weights `(larger, s)`, those of each place, `(places, size, s)`."""
    cut = sliding_window_view(matrix, size, axis=0)[:places]  # (places, s, size)
    return np.ascontiguousarray(cut.transpose(0, 2, 1))
