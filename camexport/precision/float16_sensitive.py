"""Which nodes of a graph float16 would spoil: softmax, normalisations, and sums over many values.

float16 ends at 65504 and rounds what is below 6e-5 ever more coarsely. Squares and sums leave it at
the one end, the epsilon of a normalisation at the other. And logits, where small differences count.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

import onnx_ir as ir

_SUMS = {
    *("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2"),
    *("ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "CumSum"),
}
_WHOLE = _SUMS | {
    *("Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization"),
    *("GroupNormalization", "BatchNormalization", "RMSNormalization", "LpNormalization"),
    *("MeanVarianceNormalization",),
}
_ROOTS = {"Sqrt", "ReduceL2"}
_POWERS = (0.5, -0.5)

# A normalisation that was written out: x - mean(x), squared, averaged, an epsilon, a root, divided.
_BEFORE_ROOT = _SUMS | {"Add", "Sub", "Mul", "Div", "Clip", "Max"}
_BEFORE_SUM = _SUMS | {"Sub", "Mul", "Pow", "Abs"}
_BEHIND_ROOT = _SUMS | {"Add", "Clip", "Max", "Reciprocal", "Expand", "Unsqueeze", "Reshape"}
_DIVISIONS = {"Div", "Mul"}

_REARRANGING = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"}


def sensitive_nodes(graph: ir.Graph) -> set[ir.Node]:
    """Nodes that shall compute in float32, those of a normalisation that was written out too."""
    found = {node for node in graph if node.op_type in _WHOLE}
    for root in filter(_is_root, graph):
        before = _reached([root], ir.Node.predecessors, _BEFORE_ROOT)
        sums = [node for node in (root, *before) if node.op_type in _SUMS]
        if not sums:
            continue  # a root of something else
        behind = _reached([root], ir.Node.successors, _BEHIND_ROOT)
        divisions = [
            node
            for one in (root, *behind)
            for node in one.successors()
            if node.op_type in _DIVISIONS
        ]
        squares = _reached(sums, ir.Node.predecessors, _BEFORE_SUM)
        found.update([root, *before, *squares, *behind, *divisions])
    return found


def last_nodes(graph: ir.Graph) -> set[ir.Node]:
    """What computes the outputs: back to the last node that does more than rearrange values."""
    found: set[ir.Node] = set()
    for value in graph.outputs:
        node = value.producer()
        while node is not None:
            found.add(node)
            behind = node.inputs[0] if node.op_type in _REARRANGING else None
            node = behind.producer() if behind is not None else None
    return found


def _is_root(node: ir.Node) -> bool:
    if node.op_type != "Pow":
        return node.op_type in _ROOTS
    exponent = ir.convenience.get_const_tensor(node.inputs[1]) if node.inputs[1] else None
    return exponent is not None and exponent.size == 1 and exponent.numpy().item() in _POWERS


def _reached(
    start: Iterable[ir.Node],
    neighbours: Callable[[ir.Node], Iterable[ir.Node]],
    through: Container[str],
) -> set[ir.Node]:
    """All nodes that lead there from `start`, which is left out, over operators in `through`."""
    found: set[ir.Node] = set()
    waiting = list(start)
    while waiting:
        for node in neighbours(waiting.pop()):
            if node.op_type in through and node not in found:
                found.add(node)
                waiting.append(node)
    return found
