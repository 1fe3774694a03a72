"""A tail for copies of the activations that keep one cell each, without making the copies.

Recipro-CAM asks the tail for `h * w` copies, each zero but for one cell. Up to the pooling, most
tails work on every cell by itself. A copy then holds two values in each channel: that of its own
cell, and that of a zero cell everywhere else. So the tail runs over the activations once, and once
over a single zero; their mean, cell by cell, is what pooling makes of each copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter, getitem
from typing import Any

import torch
from torch import Tensor, fx

aten = torch.ops.aten

_BY_CELL = {
    *(aten.relu.default, aten.hardtanh.default, aten.clamp.default, aten.leaky_relu.default),
    *(aten.silu.default, aten.gelu.default, aten.hardswish.default, aten.mish.default),
    *(aten.sigmoid.default, aten.hardsigmoid.default, aten.tanh.default, aten.elu.default),
    *(aten.softplus.default, aten.clone.default, aten.alias.default, aten.neg.default),
    *(aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor),
}
_NORM = aten._native_batch_norm_legit_no_training.default
_BATCH_SIZE = aten.sym_size.int


@dataclass(frozen=True)
class _Cells:
    """What all copies hold at some point of the tail.

    Attributes:
        own: each copy's value at its own cell, `(n, C, h, w)`.
        rest: every copy's value elsewhere, `(1, C, 1, 1)`.
    """

    own: fx.Node
    rest: fx.Node


class _NotByCellError(Exception):
    """The tail mixes cells in another way than by taking their mean."""


def single_cells(tail: fx.GraphModule) -> fx.GraphModule | None:
    """`activations (n, C, h, w)` -> logits `(n * h * w, classes)`, one row for each single cell.

    Row `(i * h + y) * w + x` is what `tail` says of image i with all cells but `(y, x)` zeroed.

    Returns:
        None for a tail that mixes cells before it pools, or that takes tokens.
    """
    nodes = list(tail.graph.nodes)
    inputs = [node for node in nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        return None
    try:
        found = _Writer(tail, inputs[0]).write()
    except _NotByCellError:
        return None
    return found if _gives_a_row_for_each(found, inputs[0].meta["val"].shape[1:]) else None


def _gives_a_row_for_each(found: fx.GraphModule, shape: torch.Size) -> bool:
    """Whether the shapes written into a tail still fit when its rows are cells."""
    try:
        with torch.no_grad():
            logits: Tensor = found(torch.zeros(2, *shape))
    except RuntimeError:
        return False
    return logits.shape[0] == 2 * shape[1] * shape[2]


class _Writer:
    """Copies a tail node by node; what becomes of each is in `made`."""

    def __init__(self, tail: fx.GraphModule, activations: fx.Node) -> None:
        self._tail = tail
        self._input = activations
        _, self._channels, self._height, self._width = activations.meta["val"].shape
        self._graph = fx.Graph()
        self._made: dict[fx.Node, Any] = {}
        self._pooled: set[fx.Node] = set()  # what depends on the activations, a row for each cell

    def write(self) -> fx.GraphModule:
        for node in self._tail.graph.nodes:
            if node.op == "output":
                logits = self._made[node.args[0]]
                if isinstance(logits, _Cells):
                    raise _NotByCellError
                self._graph.output(logits)
            else:
                self._made[node] = self._copy(node)
        self._graph.eliminate_dead_code()
        attributes: dict[str, Any] = {"zero": torch.zeros(1, self._channels, 1, 1)}
        for node in self._graph.find_nodes(op="get_attr"):
            if node.target != "zero":
                attributes[str(node.target)] = self._value(node)
        return fx.GraphModule(attributes, self._graph)

    def _copy(self, node: fx.Node) -> Any:
        if node is self._input:
            own = self._graph.placeholder("activations")
            return _Cells(own, self._graph.get_attr("zero"))
        if node.target is _BATCH_SIZE and node.args == (self._input, 0):
            return -1  # of a reshape: as many rows as there are cells
        inputs = [self._made[one] for one in node.all_input_nodes]
        if not any(isinstance(one, _Cells) for one in inputs):
            if -1 in inputs and node.target is not aten.reshape.default:
                raise _NotByCellError
            if not self._pooled.isdisjoint(node.all_input_nodes):
                self._pooled.add(node)
            return self._graph.node_copy(node, lambda old: self._made[old])
        if node.target in (aten.adaptive_avg_pool2d.default, aten.mean.dim):
            return self._pool(node)
        if self._works_by_cell(node):
            return _Cells(*(self._by_cell(node, which) for which in ("own", "rest")))
        raise _NotByCellError

    def _works_by_cell(self, node: fx.Node) -> bool:
        if node.target in _BY_CELL:
            return all(map(self._is_same_everywhere, node.all_input_nodes))
        if node.target is aten.conv2d.default:
            given = list(node.args[3:5])
            plain = [[1, 1], [0, 0]]  # stride and padding
            kernel = self._value(node.all_input_nodes[1]).shape[2:]
            return kernel == (1, 1) and [*given, *plain[len(given) :]] == plain
        return node.target is _NORM or (node.target is getitem and node.args[1:] == (0,))

    def _is_same_everywhere(self, node: fx.Node) -> bool:
        """Cells, or a constant that has one value for each channel, or one in all."""
        if isinstance(self._made[node], _Cells):
            return True
        if node in self._pooled:
            return False
        shape = self._value(node).shape if node.op == "get_attr" else node.meta["val"].shape
        return len(shape) == 0 or (len(shape) >= 3 and tuple(shape[-2:]) == (1, 1))

    def _value(self, attribute: fx.Node) -> Tensor:
        found: Tensor = attrgetter(str(attribute.target))(self._tail)
        return found

    def _by_cell(self, node: fx.Node, which: str) -> fx.Node:
        def of(old: fx.Node) -> Any:
            made = self._made[old]
            return getattr(made, which) if isinstance(made, _Cells) else made

        return self._graph.node_copy(node, of)

    def _pool(self, node: fx.Node) -> Any:
        """The mean of each copy over its cells, a row for each: `(n * h * w, C, 1, 1)`."""
        cells = self._made[node.all_input_nodes[0]]
        keep = True
        if node.target is aten.mean.dim:
            over, keep = node.args[1], node.args[2:] == (True,)
            if not isinstance(over, list) or sorted(axis % 4 for axis in over) != [2, 3]:
                raise _NotByCellError
        elif node.args[1] == [self._height, self._width]:
            return cells  # of one cell each
        elif node.args[1] != [1, 1]:
            raise _NotByCellError
        self._pooled.add(node)
        count, call = self._height * self._width, self._graph.call_function
        others = call(aten.mul.Tensor, (cells.rest, float(count - 1)))
        mean = call(aten.div.Tensor, (call(aten.add.Tensor, (cells.own, others)), float(count)))
        rows = call(aten.permute.default, (mean, [0, 2, 3, 1]))
        shape = [-1, int(node.meta["val"].shape[1])]
        return call(aten.reshape.default, (rows, [*shape, 1, 1] if keep else shape))
