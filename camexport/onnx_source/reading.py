"""Read an ONNX classifier: opset raised, constants folded, one image in, one tensor out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import version_converter
from onnxscript import optimizer

from camexport.errors import UnsupportedError, one_line
from camexport.graphs import OPSET
from camexport.onnx_source._float32 import FilePrecision, precision_of, to_float32
from camexport.onnx_source.opening import open_file
from camexport.onnx_source.outputs import Activation, leave_one_output
from camexport.onnx_source.refusals import refuse, refuse_flow
from camruntime.bundle import EIGHT_BITS, SIXTEEN_BITS

WHITE = {ir.DataType.UINT8: EIGHT_BITS, ir.DataType.UINT16: SIXTEEN_BITS}
"""The largest value of images in integers."""

_ZERO = np.zeros(1, np.float32)
_RESIZE_SAYS_HOW = 11  # the opset; before it, and as Upsample, there is one way only
_OLD_RESIZE = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
_FOLDED = 2**24  # elements: shifted windows' masks are computed from constants of 100,000s


@dataclass(frozen=True)
class FileGraph:
    """What is read of a file.

    Attributes:
        graph: its graph in float32, from one image to one output.
        precision: what the file itself computes in.
        activation_behind: what the file computes of that output, and nobody asked for.
    """

    graph: ir.Graph
    precision: FilePrecision
    activation_behind: Activation | None


def read_graph(path: Path, output: str | None) -> FileGraph:
    """The graph up to `output`, a tensor's name; None takes the only output.

    Raises:
        UnknownModelError: no such file, or it is no ONNX.
        UnsupportedError: its opset cannot be raised, it does not take one image, of floats or in 8
            or 16 bits, its weights are bfloat16, or see `refusals` and `outputs`.
        OptionError: several outputs may be the logits and none is named, or no tensor of that name.
    """
    read = _prepared(path, output)
    graph = read.graph
    images = [value for value in graph.inputs if value.name not in graph.initializers]
    taken = {ir.DataType.FLOAT, *WHITE}  # whatever floats the file itself takes
    if len(images) != 1 or images[0].dtype not in taken or len(images[0].shape or ()) != 4:
        found = ", ".join(f"{value.name}: {value.dtype} {value.shape}" for value in images)
        raise UnsupportedError(
            f"{path.name} takes {found or 'nothing'}: expected one image of four dimensions, of "
            "floats, uint8 or uint16; wrap preprocessing and other inputs outside the graph"
        )
    if any(constant.dtype == ir.DataType.BFLOAT16 for constant in graph.initializers.values()):
        raise UnsupportedError(
            f"{path.name} holds weights in bfloat16, which ONNX Runtime does not compute in on the "
            "CPU: give the file that it was converted from"
        )
    return read


def _prepared(path: Path, output: str | None) -> FileGraph:
    proto = open_file(path)
    behind = leave_one_output(proto, output, path.name)
    refuse(proto.graph, path.name)
    proto = _raised(proto, path.name)
    model = ir.from_proto(proto)
    precision = precision_of(model.graph)
    to_float32(model.graph)
    model.graph.sort()  # converters append nodes, and ONNX Runtime sorts, too
    with _quiet():
        optimizer.optimize(model, input_size_limit=_FOLDED, output_size_limit=_FOLDED)
    _fill(model.graph)
    refuse_flow(model.graph, path.name)
    return FileGraph(model.graph, precision, behind)


def _raised(proto: onnx.ModelProto, file: str) -> onnx.ModelProto:
    """With ONNX's own operators in opset 20 or above."""
    versions = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions:
        raise UnsupportedError(f"{file} says no opset of ONNX's own operators: export it again")
    known, newest = versions[0], onnx.defs.onnx_opset_version()
    if known > newest or proto.ir_version > onnx.IR_VERSION:
        raise UnsupportedError(
            f"{file} has opset {known} and IR version {proto.ir_version}, newer than the installed "
            f"onnx package's {newest} and {onnx.IR_VERSION}: update it, or export with a lower one"
        )
    if known >= OPSET:
        return proto
    try:
        raised = version_converter.convert_version(proto, OPSET)
    except Exception as error:  # the converter raises RuntimeError and its own
        raise UnsupportedError(
            f"{file} has opset {known}, which cannot be raised to {OPSET}: {one_line(error)}; "
            "export it again with a newer opset"
        ) from error
    if known < _RESIZE_SAYS_HOW:
        said = [onnx.helper.make_attribute(*one) for one in _OLD_RESIZE.items()]
        for node in raised.graph.node:
            if node.op_type == "Resize":  # what it always meant, which the converter leaves out
                node.attribute.extend(said)
    return raised


def _fill(graph: ir.Graph) -> None:
    """Constants that are made of a shape and one value, weights among them, as they are."""
    for node in list(graph):
        shape = node.inputs[0].const_value if node.inputs and node.inputs[0] else None
        if node.op_type != "ConstantOfShape" or shape is None:
            continue
        said = node.attributes.get("value")
        value = _ZERO if said is None else said.as_tensor().numpy()
        made = node.outputs[0]
        values = np.full(shape.numpy(), value.item(), value.dtype)
        filled = ir.val(made.name, const_value=ir.tensor(values))
        made.name = f"{made.name}_unfilled"
        graph.initializers.add(filled)
        made.replace_all_uses_with(filled, replace_graph_outputs=True)
        graph.remove(node, safe=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the optimiser logs of its own doings, a line for each weight."""
    loggers = [logging.getLogger(name) for name in ("onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
