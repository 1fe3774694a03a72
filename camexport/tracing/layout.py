"""How a layer lays out its activations, and the way to `(n, C, h, w)` and back.

Methods know one layout, channels and then a grid. Where a network has another, the head ends with
the way there and the tail begins with the way back. Tokens that belong to no cell of the grid, such
as a class token, travel beside it and are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from camruntime.bundle import Axes

aten = torch.ops.aten

_END = 2**63 - 1
_SPARE_TOKENS = 8  # more would be no class or register tokens

Call = Callable[..., Any]
"""Runs an operator on tensors, or writes it into a graph."""


@dataclass(frozen=True)
class Layout:
    """What is behind the batch dimension.

    Attributes:
        axes: `channels-first` is `(C, h, w)`, `channels-last` `(h, w, C)`, `tokens`
            `(tokens + h * w, C)`.
        shape: `(C, h, w)`.
        tokens: number of those that come before the grid's.
    """

    axes: Axes
    shape: tuple[int, int, int]
    tokens: int = 0

    @property
    def grid(self) -> tuple[int, int]:
        """`(h, w)`."""
        return self.shape[1:]

    def arrange(self, value: Any, call: Call) -> tuple[Any, ...]:
        """The layer's own output -> grid `(n, C, h, w)`, and tokens `(n, tokens, C)` if any."""
        if self.axes == "channels-first":
            return (value,)
        if self.axes == "channels-last":
            return (call(aten.permute.default, value, [0, 3, 1, 2]),)
        cells = call(aten.slice.Tensor, value, 1, self.tokens, _END) if self.tokens else value
        flat = call(aten.permute.default, cells, [0, 2, 1])
        grid = call(aten.unflatten.int, flat, 2, list(self.grid))
        if not self.tokens:
            return (grid,)
        return grid, call(aten.slice.Tensor, value, 1, 0, self.tokens)

    def restore(self, parts: tuple[Any, ...], call: Call) -> Any:
        """The inverse of `arrange`."""
        grid = parts[0]
        if self.axes == "channels-first":
            return grid
        if self.axes == "channels-last":
            return call(aten.permute.default, grid, [0, 2, 3, 1])
        cells = call(aten.permute.default, call(aten.flatten.using_ints, grid, 2), [0, 2, 1])
        return call(aten.cat.default, [parts[1], cells], 1) if self.tokens else cells


def on_tensors(operator: Callable[..., Any], *arguments: Any) -> Any:
    """`Call` that computes."""
    return operator(*arguments)


def into(graph: fx.Graph) -> Call:
    """`Call` that writes nodes, with the fake values that they compute, into a graph."""

    def call(operator: Callable[..., Any], *arguments: Any) -> fx.Node:
        node = graph.call_function(operator, arguments)
        values = fx.map_arg(arguments, lambda one: one.meta["val"])
        node.meta["val"] = operator(*values)
        return node

    return call


def layout_of(
    shape: tuple[int, ...], size: tuple[int, int], grids: list[tuple[int, int]]
) -> Layout | None:
    """What a shape behind the batch dimension means; None where it has no grid.

    Three extents are a grid with channels on that side on which the rest has the aspect ratio of
    the picture; in doubt channels come first. Two are tokens, if there are as many as cells in a
    grid that the network had before, and a few more; one with the picture's proportions first.

    Args:
        shape: without the batch dimension.
        size: `(H, W)` of the picture.
        grids: of activations with a grid that were computed before, the latest last.
    """
    if len(shape) == 3:
        first, second, third = shape
        if _distortion((first, second), size) < _distortion((second, third), size):
            return Layout("channels-last", (third, first, second))
        return Layout("channels-first", (first, second, third))
    if len(shape) == 2:
        count, channels = shape
        likely_last = sorted(grids, key=lambda one: proportional(one, size))
        for height, width in likely_last[::-1]:
            tokens = count - height * width
            if 0 <= tokens <= _SPARE_TOKENS and height * width > 1:
                return Layout("tokens", (channels, height, width), tokens)
    return None


def proportional(grid: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether a grid has the aspect ratio of the picture, but for rounding by a cell."""
    return abs(grid[0] - grid[1] * size[0] / size[1]) <= 1


def _distortion(grid: tuple[int, int], size: tuple[int, int]) -> float:
    """How far a grid's aspect ratio is from the picture's; 0 where they are equal."""
    one, other = grid[0] * size[1], grid[1] * size[0]
    return max(one, other) / min(one, other) - 1
