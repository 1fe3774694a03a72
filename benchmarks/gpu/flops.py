"""How many floating point operations a network takes, counted from the shapes in its graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import onnx
from onnx import helper

from camruntime.bundle import Bundle

Shapes = Mapping[str, tuple[int, ...]]


def flops_of_an_image(bundle: Bundle) -> int:
    """Of head and tail; a multiplication and an addition are two.

    Only convolutions and products of matrices are counted, as in all such figures: what else there
    is costs time and little of a device's arithmetic.
    """
    return sum(
        _flops(onnx.load(bundle.folder / bundle.graph(name).file, load_external_data=False))
        for name in ("head", "tail")
    )


def _flops(model: onnx.ModelProto) -> int:
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1  # in place of any number of images
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.shape.dim[0].Clear()
    shapes = _shapes(onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True))
    return sum(_COUNTED[node.op_type](node, shapes) for node in model.graph.node if _counts(node))


def _counts(node: onnx.NodeProto) -> bool:
    return node.op_type in _COUNTED


def _shapes(model: onnx.ModelProto) -> Shapes:
    graph = model.graph
    found = {one.name: tuple(one.dims) for one in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        found[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    return found


def _convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    _, channels, *kernel = shapes[node.input[1]]  # channels of one group
    return 2 * prod(shapes[node.output[0]]) * channels * prod(kernel)


def _product(node: onnx.NodeProto, shapes: Shapes) -> int:
    return 2 * prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _gemm(node: onnx.NodeProto, shapes: Shapes) -> int:
    turned = any(one.name == "transA" and helper.get_attribute_value(one) for one in node.attribute)
    return 2 * prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if turned else 1]


_COUNTED: Mapping[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "MatMul": _product,
    "Gemm": _gemm,
}
