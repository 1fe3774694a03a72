"""Graphs in ONNX's own textual syntax, and what ONNX Runtime makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray

Array = NDArray[Any]


def graph_of(text: str, **initializers: Array) -> ir.Model:
    """A model from `g (float[...] x) => (...) { ... }`; all types inferred."""
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]>\n{text}')
    for name, value in initializers.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    return ir.from_proto(onnx.shape_inference.infer_shapes(model, strict_mode=True))


def run(model: ir.Model, **inputs: Array) -> Array:
    """The first output; the graph is checked first."""
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: Array = session.run(None, inputs)[0]
    return found


def kinds(model: ir.Model, *op_types: str) -> list[ir.DataType | None]:
    """Types of everything of floating point that nodes of these operators read."""
    floats = (ir.DataType.FLOAT, ir.DataType.FLOAT16)
    return [
        value.dtype
        for node in model.graph
        if node.op_type in op_types
        for value in node.inputs
        if value is not None and value.dtype in floats
    ]


def uniform(*shape: int, low: float = -1, high: float = 1, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)
