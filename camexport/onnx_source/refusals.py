"""Nodes that are refused at sight: what was found, and what to give instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from camexport.errors import UnsupportedError

_ONNX = ("", "ai.onnx")
_QUANTISED = ("QuantizeLinear", "QLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger")
_FLOW = ("If", "Loop", "Scan")
_EVAL = "export the network in eval mode (`model.eval()`)"


def refuse(graph: onnx.GraphProto, file: str) -> None:
    """Look at all nodes, before anything is converted: other libraries' texts name no remedy.

    Raises:
        UnsupportedError: quantised, in training mode, or beyond ONNX's own operators.
    """
    for found in (_quantised, _foreign, _in_training):
        said = found(graph)
        if said:
            raise UnsupportedError(f"{file} {said}")


def refuse_flow(graph: ir.Graph, file: str) -> None:
    """Branches and loops that are left when constants are folded.

    Raises:
        UnsupportedError: names the first.
    """
    for node in graph:
        if node.op_type in _FLOW and node.domain in _ONNX:
            raise UnsupportedError(
                f"{file} has {node.op_type} (node '{node.name}'), a branch or loop that depends on "
                "the image: export the network by tracing it, without scripting"
            )


def _quantised(graph: onnx.GraphProto) -> str:
    kinds = Counter(node.op_type for node in graph.node if _is_quantised(node))
    if not kinds:
        return ""
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
    return (
        f"is quantised ({counted}): give the float32 file that it was made from; "
        "`camexport build --precision int8` quantises the bundle"
    )


def _is_quantised(node: onnx.NodeProto) -> bool:
    kind = node.op_type
    return kind.startswith((*_QUANTISED, "DynamicQuantize")) or (
        node.domain.startswith("com.microsoft")
        and kind.startswith(("QGemm", "QAttention", "MatMulNBits"))
    )


def _foreign(graph: onnx.GraphProto) -> str:
    for node in graph.node:
        if node.domain in _ONNX:
            continue
        if node.domain.startswith("com.microsoft"):
            return (
                f"{_where(node)}, which only ONNX Runtime has: give the file from before it was "
                "optimised or converted with that tool"
            )
        if node.domain.startswith("ai.onnx.ml"):
            return (
                f"{_where(node)}, of classical machine learning: only neural networks have layers "
                "to explain; say --output with a tensor that the network makes before it"
            )
        return (
            f"{_where(node)}, which is none of ONNX's own: export the network without it, or with "
            "its function in the file"
        )
    return ""


def _in_training(graph: onnx.GraphProto) -> str:
    constants = _constants(graph)
    for node in graph.node:
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "BatchNormalization":
            if given.get("training_mode", 0) or len([one for one in node.output if one]) > 1:
                return f"{_where(node)} in training mode: {_EVAL}"
            if given.get("spatial", 1) == 0:
                return f"{_where(node)} with spatial=0, a mean a pixel: export it with spatial=1"
        if node.op_type in ("BatchNormalization", "Dropout") and given.get("is_test", 1) == 0:
            return f"{_where(node)} with is_test=0, in training mode: {_EVAL}"
        if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2]:
            mode = constants.get(node.input[2])
            if mode is None or bool(np.any(mode)):
                return f"{_where(node)} in training mode: {_EVAL}"
    return ""


def _constants(graph: onnx.GraphProto) -> dict[str, Any]:
    """Small ones by name."""
    tensors = [(one.name, one) for one in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            tensors += [(node.output[0], one.t) for one in node.attribute if one.name == "value"]
    return {name: numpy_helper.to_array(one) for name, one in tensors if not one.dims}


def _where(node: onnx.NodeProto) -> str:
    domain = "" if node.domain in _ONNX else f"{node.domain}."
    names: Sequence[str] = [name for name in (node.name, *node.output) if name]
    return f"has {domain}{node.op_type} (node '{names[0] if names else ''}')"
