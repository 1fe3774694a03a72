"""Read an ONNX classifier: opset raised, constants folded, one image in, one tensor out."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
from onnx import version_converter
from onnxscript import optimizer

from camexport.errors import OptionError, UnknownModelError, UnsupportedError
from camexport.graphs import OPSET
from camexport.onnx_source._float32 import precision_of, to_float32
from camruntime.errors import nearest

PRECISION = "camexport.precision"
"""Under this name a graph that was read keeps what the file computes in."""

_FOLDED = 2**24  # elements: shifted windows' masks are computed from constants of 100,000s


def read_graph(path: Path, output: str | None) -> ir.Graph:
    """The graph up to `output`, a tensor's name; None takes the only output.

    Raises:
        UnknownModelError: no such file, or it is no ONNX.
        UnsupportedError: its opset cannot be raised, it does not take one image, of floats or in 8
            bits, or its weights are bfloat16.
        OptionError: several outputs and none named, or no tensor of that name.
    """
    model = _prepared(path)
    graph = model.graph
    images = [value for value in graph.inputs if value.name not in graph.initializers]
    taken = {ir.DataType.FLOAT, ir.DataType.UINT8}  # whatever floats the file itself takes
    if len(images) != 1 or images[0].dtype not in taken or len(images[0].shape or ()) != 4:
        found = ", ".join(f"{value.name}: {value.dtype} {value.shape}" for value in images)
        raise UnsupportedError(
            f"{path.name} takes {found or 'nothing'}: expected one image of four dimensions, of "
            "floats or uint8; wrap preprocessing and other inputs outside the graph"
        )
    if any(constant.dtype == ir.DataType.BFLOAT16 for constant in graph.initializers.values()):
        raise UnsupportedError(
            f"{path.name} holds weights in bfloat16, which ONNX Runtime does not compute in on the "
            "CPU: give the file that it was converted from"
        )
    graph.outputs[:] = [_output(graph, output, path.name)]
    return graph


def _prepared(path: Path) -> ir.Model:
    try:
        proto = onnx.load(path)
    except Exception as error:  # protobuf's errors share no base below Exception
        raise UnknownModelError(f"cannot read {path} as ONNX: {error}") from error
    known = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    if known < OPSET:
        try:
            proto = version_converter.convert_version(proto, OPSET)
        except Exception as error:  # the converter raises RuntimeError and its own
            raise UnsupportedError(
                f"{path.name} has opset {known}, which cannot be raised to {OPSET}: {error}; "
                "export it again with a newer opset"
            ) from error
    model = ir.from_proto(proto)
    model.graph.meta[PRECISION] = precision_of(model.graph)
    to_float32(model.graph)
    model.graph.sort()  # converters append nodes, and ONNX Runtime sorts, too
    optimizer.optimize(model, input_size_limit=_FOLDED, output_size_limit=_FOLDED)
    return model


def _output(graph: ir.Graph, wanted: str | None, file: str) -> ir.Value:
    if wanted is not None:
        values = {value.name or "": value for node in graph for value in node.outputs}
        if wanted not in values:
            raise OptionError(f"{file} has no tensor '{wanted}': {nearest(wanted, values)}")
        return values[wanted]
    if len(graph.outputs) > 1:
        names = ", ".join(str(value.name) for value in graph.outputs)
        raise OptionError(
            f"{file} has {len(graph.outputs)} outputs: say --output with one: {names}"
        )
    (last,) = graph.outputs
    return last
