"""float16 weights and arithmetic, where float16 does.

Our own, on onnx-ir: ONNX Runtime's converter (1.31) writes an invalid graph where two nodes that
stay in float32 share an input, onnxconverter-common rounds to float16 between two such nodes and
has had no release since 2025, ModelOpt wants older versions of onnx and ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import onnx_ir as ir

_SINGLE, _HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16
_LARGEST = float(np.finfo(np.float16).max)

_ONLY_SINGLE = {"Celu", "Range", "Cast", "Constant", "ConstantOfShape", "EyeLike"}
"""Operators that ONNX does not define for float16, and those that say themselves what they give."""

_SINGLE_INPUTS = {"Resize": (2,)}
"""Inputs that ONNX wants in float32 whatever the others are; here the scales."""


def to_float16(model: ir.Model, kept: Container[ir.Node]) -> None:
    """Make a graph compute in float16, in place; its inputs and outputs stay float32.

    Weights are rounded to nearest, those beyond float16's 65504 to that.

    Args:
        model: in float32, all types known, without subgraphs.
        kept: nodes that compute in float32 on float32 weights; nothing is rounded between two.
    """
    graph = model.graph
    caster = _Caster(graph)
    for node in list(graph):
        kind = _SINGLE if node in kept or node.op_type in _ONLY_SINGLE else _HALF
        for index, value in enumerate(node.inputs):
            if value is not None and value.dtype in (_SINGLE, _HALF):
                wanted = _SINGLE if index in _SINGLE_INPUTS.get(node.op_type, ()) else kind
                node.replace_input_with(index, caster.cast(value, wanted, node))
        for value in node.outputs:
            if value.dtype == _SINGLE:
                value.dtype = kind
    for index, value in enumerate(graph.outputs):
        if value.dtype == _HALF:
            graph.outputs[index] = _in_single(graph, value)
    _drop_unused(graph)


def weights_to_float16(model: ir.Model) -> None:
    """Store all kernels and matrices in float16, in place, and compute as before.

    They are rounded as `to_float16` does, so a graph that computes in float16 can share them. Where
    float32 is computed ONNX Runtime widens them, once, when it opens the graph.
    """
    graph = model.graph
    caster = _Caster(graph)
    for value in list(graph.initializers.values()):
        if value.dtype == _SINGLE and value.shape is not None and len(value.shape) > 1:
            users = [(use.node, use.idx) for use in value.uses()]
            half = caster.cast(value, _HALF, graph[0])
            wide = caster.cast(half, _SINGLE, graph[0])
            for node, index in users:
                node.replace_input_with(index, wide)
    _drop_unused(graph)


def write_out_rounding(model: ir.Model) -> None:
    """Write out in place, with casts, what a graph that `to_float16` made computes: for the CPU.

    On a GPU such a node takes float16, sums in float32 and rounds its result to float16. ONNX
    Runtime has no such kernels for the CPU. It computes in float32 there and, between nodes of its
    own choice, does not round at all: what overflows on the GPU would pass. Casts that a graph has
    itself it does carry out.
    """
    graph = model.graph
    caster = _Caster(graph)
    for node in list(graph):
        if node.op_type == "Cast" or not any(value.dtype == _HALF for value in node.outputs):
            continue
        for index, value in enumerate(node.inputs):
            if value is not None and value.dtype == _HALF:
                node.replace_input_with(index, caster.cast(value, _SINGLE, node))
        for value in node.outputs:
            if value.dtype == _HALF:
                _round(graph, node, value)


class _Caster:
    """Values of a graph in another type, each made once."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._made: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def cast(self, value: ir.Value, wanted: ir.DataType, user: ir.Node) -> ir.Value:
        """`value` as `wanted`, made before `user` unless it is that already."""
        if value.dtype == wanted:
            return value
        if (value, wanted) not in self._made:
            tensor = value.const_value if value.is_initializer() else None
            if tensor is not None and wanted == _HALF:
                self._made[value, wanted] = self._rounded(value, tensor)
            else:
                cast = _cast(value, wanted)
                self._graph.insert_before(user, cast)
                self._made[value, wanted] = cast.outputs[0]
        return self._made[value, wanted]

    def _rounded(self, value: ir.Value, tensor: ir.TensorProtocol) -> ir.Value:
        name = f"{value.name}_{_HALF.name}"
        half = ir.Value(
            name=name,
            shape=value.shape,
            type=ir.TensorType(_HALF),
            const_value=_rounded(tensor, name),
        )
        self._graph.register_initializer(half)
        return half


def _cast(value: ir.Value, wanted: ir.DataType) -> ir.Node:
    name = f"{value.name}_{wanted.name}"
    cast = ir.node("Cast", [value], {"to": wanted}, name=f"cast_{name}")
    (made,) = cast.outputs
    made.name, made.shape, made.type = name, value.shape, ir.TensorType(wanted)
    return cast


def _round(graph: ir.Graph, node: ir.Node, value: ir.Value) -> None:
    """Make an output of `node` float32, and what reads it read it rounded to float16."""
    users = [(use.node, use.idx) for use in value.uses()]
    value.dtype = _SINGLE
    cast = _cast(value, _HALF)
    graph.insert_after(node, cast)
    for user, index in users:
        user.replace_input_with(index, cast.outputs[0])


def _in_single(graph: ir.Graph, output: ir.Value) -> ir.Value:
    """The output under its own name in float32, behind a cast."""
    name = output.name
    output.name = f"{name}_{_HALF.name}"
    cast = _cast(output, _SINGLE)
    graph.append(cast)
    cast.outputs[0].name = name
    return cast.outputs[0]


def _rounded(tensor: ir.TensorProtocol, name: str) -> ir.TensorProtocol:
    values = tensor.numpy()
    inside = np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), values)
    return ir.Tensor(inside.astype(np.float16), name=name)


def _drop_unused(graph: ir.Graph) -> None:
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            del graph.initializers[name]
