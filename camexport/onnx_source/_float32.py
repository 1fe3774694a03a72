"""Files that compute in float16 or float64, read as float32, which is what bundles compute in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import onnx
import onnx_ir as ir

FilePrecision = Literal["float16", "float32", "float64"]

_KINDS: dict[ir.DataType, FilePrecision] = {
    ir.DataType.FLOAT16: "float16",
    ir.DataType.DOUBLE: "float64",
}


def precision_of(graph: ir.Graph) -> FilePrecision:
    """What a file computes in, as its images say; or float16, where it casts to that inside."""
    taken = {value.dtype for value in graph.inputs}
    made = {node.attributes["to"].as_int() for node in graph if node.op_type == "Cast"}
    if ir.DataType.FLOAT16 in taken | made:
        return "float16"
    return "float64" if ir.DataType.DOUBLE in taken else "float32"


def to_float32(graph: ir.Graph) -> None:
    """Make weights, constants, casts and values float32, in place."""
    _retyped([*graph.inputs, *graph.outputs])
    for value in graph.initializers.values():
        _retyped([value])
        if value.const_value is not None:
            value.const_value = _tensor(value.const_value)
    for node in graph:
        _retyped(node.outputs)
        for name, attribute in list(node.attributes.items()):
            if attribute.type == ir.AttributeType.TENSOR:
                node.attributes[name] = ir.AttrTensor(name, _tensor(attribute.as_tensor()))
        if node.op_type == "Cast" and node.attributes["to"].as_int() in _KINDS:
            node.attributes["to"] = ir.AttrInt64("to", ir.DataType.FLOAT)


def as_float32(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with everything that is float16 or float64 in it made float32."""
    model = ir.from_proto(proto)
    to_float32(model.graph)
    return ir.to_proto(model)


def _retyped(values: Iterable[ir.Value]) -> None:
    for value in values:
        if value.dtype in _KINDS:
            value.dtype = ir.DataType.FLOAT


def _tensor(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    if tensor.dtype not in _KINDS:
        return tensor
    return ir.tensor(tensor.numpy().astype(np.float32), name=tensor.name)
