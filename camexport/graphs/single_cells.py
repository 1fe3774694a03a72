"""A tail for copies of the activations that keep one cell each, and for the activations themselves.

Recipro-CAM asks the tail for `h * w` copies, each zero but for one cell. Up to the pooling, most
tails work on every cell by itself. A copy then holds two values in each channel: that of its own
cell, and that of a zero cell everywhere else, which is a constant. So the tail runs over the
activations once, and no copy is made; the mean of each cell with so many constants is what pooling
makes of each copy. Where the grid is multiplied by a matrix instead
(`camexport.graphs.cell_major_weights`), a copy needs its own cell's block of it only. What the
tail says of the whole grid is one more row, so that a prediction and its map read the weights once:
VGG16's are 494 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx

from camexport.graphs.cellwise_operators import works_by_cell

aten = torch.ops.aten

_POOLS = (aten.adaptive_avg_pool2d.default, aten.mean.dim)
_PRODUCTS = (aten.addmm.default, aten.mm.default)
_BATCH_SIZE = aten.sym_size.int


@dataclass(frozen=True)
class _Cells:
    """What all copies hold at some point of the tail.

    Attributes:
        own: each copy's value at its own cell, `(n, C, h, w)`.
        rest: every copy's value elsewhere, `(1, C, 1, 1)`. Of an operator with several results, as
            `own`, several.
        last: channels come last in both.
        flat: both are to be read as rows, `(n, h * w * C)`.
    """

    own: fx.Node
    rest: Any
    last: bool = False
    flat: bool = False


class _NotByCellError(Exception):
    """The tail mixes cells in another way than by taking their mean."""


def single_cells(tail: fx.GraphModule) -> fx.GraphModule | None:
    """`activations (n, C, h, w)` -> logits `(n * (h * w + 1), classes)`.

    Of each image's rows, row `y * w + x` is what `tail` says when all cells but `(y, x)` are
    zeroed, and the last is what it says of all cells.

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
    return logits.shape[0] == 2 * (shape[1] * shape[2] + 1)


class _Writer:
    """Copies a tail node by node; what becomes of each is in `made`."""

    def __init__(self, tail: fx.GraphModule, activations: fx.Node) -> None:
        self._tail = tail
        self._input = activations
        _, self._channels, self._height, self._width = activations.meta["val"].shape
        self._graph = fx.Graph()
        self._made: dict[fx.Node, Any] = {}
        self._constants: dict[str, Tensor] = {}
        self._pooled: set[fx.Node] = set()  # what depends on the activations, in rows

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
        for node in self._graph.find_nodes(op="get_attr"):
            if node.target not in self._constants:
                self._constants[str(node.target)] = self._value(node)
        return fx.GraphModule(self._constants, self._graph)

    def _copy(self, node: fx.Node) -> Any:
        if node is self._input:
            own = self._graph.placeholder("activations")
            return _Cells(own, torch.zeros(1, self._channels, 1, 1))
        if node.target is _BATCH_SIZE and node.args == (self._input, 0):
            return -1  # of a reshape: as many rows as there are
        inputs = [self._made[one] for one in node.all_input_nodes]
        cells = [one for one in inputs if isinstance(one, _Cells)]
        if not cells:
            if -1 in inputs and node.target is not aten.reshape.default:
                raise _NotByCellError
            if not self._pooled.isdisjoint(node.all_input_nodes):
                self._pooled.add(node)
            return self._graph.node_copy(node, lambda old: self._made[old])
        if node.target in _PRODUCTS and cells[0].flat:
            return self._product(node, cells[0])
        if any(one.flat or one.last != cells[0].last for one in cells):
            raise _NotByCellError
        if node.target in _POOLS:
            return self._pool(node, cells[0])
        if node.target is aten.flatten.using_ints and cells[0].last and node.args[1:] == (1,):
            return replace(cells[0], flat=True)
        if node.target is aten.permute.default:
            return self._by_cell(node, self._permuted(node, cells[0].last))
        if self._works_by_cell(node, cells[0].last):
            return self._by_cell(node, cells[0].last)
        raise _NotByCellError

    def _works_by_cell(self, node: fx.Node, last: bool) -> bool:
        constants = [one for one in node.all_input_nodes if not self._is_cells(one)]
        if not self._pooled.isdisjoint(constants):
            return False
        values = {
            one: self._value(one) if one.op == "get_attr" else one.meta["val"] for one in constants
        }
        if not all(isinstance(value, Tensor) for value in values.values()):
            return False  # the number of images, in a shape
        return works_by_cell(node, last, {one: value.shape for one, value in values.items()})

    def _is_cells(self, node: fx.Node) -> bool:
        return isinstance(self._made[node], _Cells)

    def _permuted(self, node: fx.Node, last: bool) -> bool:
        """Whether channels come last in the result."""
        if node.args[1] != ([0, 3, 1, 2] if last else [0, 2, 3, 1]):
            raise _NotByCellError
        return not last

    def _value(self, attribute: fx.Node) -> Tensor:
        found: Tensor = attrgetter(str(attribute.target))(self._tail)
        return found

    def _constant(self, value: Tensor) -> fx.Node:
        name = f"cells_{len(self._constants)}"
        self._constants[name] = value.detach()
        return self._graph.get_attr(name)

    def _by_cell(self, node: fx.Node, last: bool) -> _Cells:
        def own(old: fx.Node) -> Any:
            made = self._made[old]
            return made.own if isinstance(made, _Cells) else made

        return _Cells(self._graph.node_copy(node, own), self._elsewhere(node), last)

    def _elsewhere(self, node: fx.Node) -> Any:
        """What a node gives at the cells that were zeroed."""
        made = self._made.get(node)
        if isinstance(made, _Cells):
            return made.rest
        if node.op == "get_attr":
            return self._value(node)
        if node.op != "call_function" or node in self._pooled:
            raise _NotByCellError
        arguments, keywords = fx.map_arg((node.args, node.kwargs), self._elsewhere)
        with torch.no_grad():
            return node.target(*arguments, **keywords)  # type: ignore[operator]  # of such a node

    def _pool(self, node: fx.Node, cells: _Cells) -> Any:
        """The mean over cells, of each copy and of the grid: `(n * (h * w + 1), C, 1, 1)`."""
        keep = True
        if node.target is aten.mean.dim:
            over, keep = node.args[1], node.args[2:] == (True,)
            if sorted(axis % 4 for axis in over) != ([1, 2] if cells.last else [2, 3]):  # type: ignore[union-attr, operator]
                raise _NotByCellError
        elif cells.last:
            raise _NotByCellError
        elif node.args[1] == [self._height, self._width]:
            return cells  # of one cell each
        elif node.args[1] != [1, 1]:
            raise _NotByCellError
        self._pooled.add(node)
        count, call = self._height * self._width, self._graph.call_function
        others = self._constant(cells.rest * (count - 1))
        mean = call(aten.div.Tensor, (call(aten.add.Tensor, (cells.own, others)), float(count)))
        copies = mean if cells.last else call(aten.permute.default, (mean, [0, 2, 3, 1]))
        whole = call(aten.mean.dim, (cells.own, [1, 2] if cells.last else [2, 3]))
        ones, channels = [1, 1] if keep else [], cells.rest.numel()
        shape = [-1, *ones, channels] if cells.last else [-1, channels, *ones]
        return self._rows(copies, whole, channels, shape)

    def _rows(self, copies: fx.Node, whole: fx.Node, width: int, shape: list[int]) -> fx.Node:
        """`copies (n, ..., width)`, and behind each image's the row of `whole (n, width)`."""
        call, count = self._graph.call_function, self._height * self._width
        those = call(aten.reshape.default, (copies, [-1, count, width]))
        rows = call(aten.cat.default, ([those, call(aten.unsqueeze.default, (whole, 1))], 1))
        return call(aten.reshape.default, (rows, shape))

    def _product(self, node: fx.Node, cells: _Cells) -> fx.Node:
        """Each copy's own cell, less the rest, times its block; and the rest times all blocks.

        The sum of the former is what the whole grid has of it.
        """
        *bias, _, factor = node.args
        if not isinstance(factor, fx.Node) or factor.op != "get_attr" or node.kwargs:
            raise _NotByCellError
        self._pooled.add(node)
        call, count = self._graph.call_function, self._height * self._width
        matrix, channels, own = self._value(factor), cells.rest.numel(), cells.own
        everywhere = cells.rest.flatten().repeat(count) @ matrix
        if bias:
            everywhere = everywhere + self._elsewhere(bias[0])  # type: ignore[arg-type]
        if cells.rest.any():
            own = call(aten.sub.Tensor, (own, self._constant(cells.rest)))
        by_cell = call(aten.permute.default, (own, [1, 2, 0, 3]))
        by_cell = call(aten.reshape.default, (by_cell, [count, -1, channels]))
        blocks = self._constant(matrix.reshape(count, channels, -1))
        product = call(aten.bmm.default, (by_cell, blocks))
        copies = call(aten.permute.default, (product, [1, 0, 2]))
        width = matrix.shape[1]
        rows = self._rows(copies, call(aten.sum.dim_IntList, (product, [0])), width, [-1, width])
        return call(aten.add.Tensor, (rows, self._constant(everywhere)))
