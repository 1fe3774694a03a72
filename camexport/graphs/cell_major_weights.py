"""Weights behind a flattened grid, stored cell by cell.

A network such as VGG flattens `(C, h, w)` and multiplies by a matrix. Flattened as `(h, w, C)`, and
with the rows of the transposed matrix in that order, what one cell is multiplied by is a block of
the matrix. So the graph of single cells (`camexport.graphs.single_cells`) gives each copy its own
block only, and it and the tail share one stored matrix.
"""

from __future__ import annotations

import copy
from operator import attrgetter

import torch
from torch import Tensor, fx

from camexport.tracing import into

aten = torch.ops.aten
_FLATTENING = {aten.flatten.using_ints, aten.reshape.default, aten.view.default}


def store_cell_major(tail: fx.GraphModule) -> fx.GraphModule:
    """The same function, with `addmm` of `(n, h * w * C)` for `linear` of `(n, C * h * w)`.

    `tail` stays as it is. Raises nothing.
    """
    tail = fx.GraphModule(tail, copy.deepcopy(tail.graph))
    for linear in tail.graph.find_nodes(op="call_function", target=aten.linear.default):
        flat, weight, *_ = linear.all_input_nodes
        if flat.target in _FLATTENING and weight.op == "get_attr":
            _rewrite(tail, linear, flat.all_input_nodes[0])
    tail.graph.eliminate_dead_code()
    return fx.GraphModule(tail, tail.graph)


def _rewrite(tail: fx.GraphModule, linear: fx.Node, grid: fx.Node) -> None:
    """Where `linear` multiplies what is `grid` with its cells and channels in one row."""
    before, factor, *bias = linear.all_input_nodes
    shape, row = grid.meta["val"].shape, before.meta["val"].shape[1:]
    if len(shape) != 4 or not all(isinstance(extent, int) for extent in (*shape[1:], *row)):
        return  # comparing what depends on the number of images would fix that number
    if tuple(row) != (shape[1:].numel(),) or shape[2:].numel() == 1:
        return
    weight: Tensor = attrgetter(str(factor.target))(tail)
    by_cell = weight.detach().reshape(-1, shape[1], shape[2:].numel()).permute(2, 1, 0)
    name = f"{linear.name}_by_cell"
    tail.register_buffer(name, by_cell.flatten(0, 1).contiguous())
    with tail.graph.inserting_before(linear):
        matrix = tail.graph.get_attr(name)
        matrix.meta["val"] = linear.meta["val"].new_empty((row[0], weight.shape[0]))
        call = into(tail.graph)
        flat = call(aten.flatten.using_ints, call(aten.permute.default, grid, [0, 2, 3, 1]), 1)
        multiply = aten.addmm.default if bias else aten.mm.default
        product = call(multiply, *bias, flat, matrix)
    for node in (flat, product):
        node.meta["nn_module_stack"] = linear.meta.get("nn_module_stack")
    linear.replace_all_uses_with(product)
