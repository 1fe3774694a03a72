"""How much a file asks for, counted before any of it is computed: a few bytes can say 10^12."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import onnx

from camexport.errors import UnsupportedError

_NODES = 30_000  # the largest of 1,500 classifiers has 5,000
_DEPTH = 50
_ELEMENTS = 2**29  # of one tensor for one image, and of all that is computed of constants alone
_SIDE = 224  # of images, where a file leaves it open
_DATA = 1024  # elements; what is smaller may be a shape that others are computed from

_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def refuse_too_many(proto: onnx.ModelProto, file: str) -> None:
    """Count nodes, with all that functions become where they are called.

    Raises:
        UnsupportedError: they are too many, nested too deep, or a function calls itself.
    """
    functions = {(one.domain, one.name): one for one in proto.functions}
    known: dict[tuple[str, str], int] = {}

    def count(nodes: Iterable[onnx.NodeProto], depth: int) -> int:
        if depth > _DEPTH:
            raise UnsupportedError(
                f"{file} nests functions or branches deeper than {_DEPTH}, or in a circle: export "
                "the network by tracing it"
            )
        return sum(1 + inside(node, depth + 1) for node in nodes)

    def inside(node: onnx.NodeProto, depth: int) -> int:
        called = (node.domain, node.op_type)
        if called in functions and called not in known:
            known[called] = count(functions[called].node, depth)
        graphs = [
            graph
            for attribute in node.attribute
            if attribute.type in _GRAPHS
            for graph in (attribute.g, *attribute.graphs)
        ]
        return known.get(called, 0) + sum(count(graph.node, depth) for graph in graphs)

    found = count(proto.graph.node, 0)
    if found > _NODES:
        raise UnsupportedError(
            f"{file} has {found} nodes, expected a classifier of at most {_NODES}: export it again "
            "without unrolled loops"
        )


def refuse_too_large(proto: onnx.ModelProto, file: str) -> None:
    """Look at the sizes of all tensors, as far as they can be told without computing them.

    Raises:
        UnsupportedError: one is too large, or all are that are computed of constants.
    """
    sizes = _sizes(proto)
    for name, size in sizes.items():
        if size > _ELEMENTS:
            raise _too_large(file, f"the tensor '{name:.100}' of {size} elements")
    images = {one.name for one in proto.graph.input} - {one.name for one in proto.graph.initializer}
    constants = _without(images, proto.graph.node, sizes)
    if constants > _ELEMENTS:
        raise _too_large(file, f"{constants} elements that are computed of constants")


def _too_large(file: str, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"{file} makes {what}, expected at most {_ELEMENTS}: what is that large is no part of a "
        "classifier; check its shapes, and export it again"
    )


def _without(images: set[str], nodes: Iterable[onnx.NodeProto], sizes: Mapping[str, int]) -> int:
    """Elements of all that does not depend on `images`; nodes are in order, or it is too much."""
    varying, total = set(images), 0
    for node in nodes:
        if varying.isdisjoint(node.input):
            total += sum(sizes.get(name, 0) for name in node.output)
        else:
            varying.update(node.output)
    return total


def _sizes(proto: onnx.ModelProto) -> dict[str, int]:
    """Elements of tensors, for one image; the weights' own content is left out."""
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import)
    bare.graph.name = proto.graph.name or "graph"
    for part in ("node", "input", "output"):
        getattr(bare.graph, part).extend(getattr(proto.graph, part))
    for value in bare.graph.input:
        for place, extent in enumerate(value.type.tensor_type.shape.dim):
            if extent.dim_value <= 0:
                extent.dim_value = _SIDE if place else 1
    for tensor in proto.graph.initializer:
        kept = bare.graph.initializer.add(
            name=tensor.name, dims=tensor.dims, data_type=tensor.data_type
        )
        if math.prod(tensor.dims) <= _DATA:
            kept.CopyFrom(tensor)
    try:
        known = onnx.shape_inference.infer_shapes(bare, data_prop=True).graph
    except Exception:  # it tells more than the file does, or nothing
        known = bare.graph
    found = {one.name: math.prod(one.dims) for one in known.initializer}
    for value in (*known.input, *known.value_info, *known.output):
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            extents = (dim.dim_value for dim in value.type.tensor_type.shape.dim)
            found[value.name] = math.prod(max(extent, 1) for extent in extents)
    return found
