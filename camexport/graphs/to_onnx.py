"""From traced PyTorch modules to ONNX graphs in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import onnx_ir as ir
import torch
from onnxscript.rewriter.rules.common import slice_split_rule
from torch import Tensor, fx, nn

from camexport.errors import UnsupportedError
from camexport.gradient import LAYER, operator_and_layer
from camexport.graphs.gemm_transposed import multiply_transposed
from camexport.tracing import in_one_line, quiet_tracing

OPSET = 20
IR_VERSION = 10
"""ONNX Runtime refuses newer ones long after the onnx package writes them."""


def to_onnx(
    module: fx.GraphModule, inputs: Mapping[str, Tensor], outputs: Sequence[str]
) -> ir.Model:
    """Convert a module; the first dimension of every input and output is the batch, and dynamic.

    Args:
        module: in functional ATen operators.
        inputs: examples by name, in the module's order, with at least two rows.
        outputs: names of its results.

    Raises:
        UnsupportedError: an operator has no ONNX equivalent.
    """
    batch = torch.export.Dim("batch")
    examples = tuple(inputs.values())
    try:
        model = export_onnx(module, examples, tuple({0: batch} for _ in examples))
    except Exception as error:  # the exporter's errors share no base below Exception
        raise UnsupportedError(
            f"the {outputs[0]} graph cannot be written as ONNX: {in_one_line(error)}; try another "
            "--layer"
        ) from error
    graph = model.graph
    graph.name = outputs[0]
    for value, name in zip([*graph.inputs, *graph.outputs], [*inputs, *outputs], strict=True):
        assert value.shape is not None
        value.name = name
        value.shape = ir.Shape(["n", *value.shape.dims[1:]])
    return model


def export_onnx(
    module: nn.Module, examples: tuple[Tensor, ...], sizes: tuple[dict[int, Any], ...]
) -> ir.Model:
    """PyTorch's exporter, for every ONNX Runtime that we support and without traces of the machine.

    Args:
        module: takes `examples`.
        examples: its inputs.
        sizes: for each of them, its dynamic dimensions, as `torch.export` takes them.

    Raises:
        Exception: whatever the exporter raises; its errors share no base below that.
    """
    with torch.no_grad(), quiet_tracing(), redirect_stdout(io.StringIO()), _in_linear_time():
        program = torch.export.export(module, examples, dynamic_shapes=sizes)
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, verbose=False, optimize=True
        )
    assert exported is not None  # None is returned only when a file name is given
    model: ir.Model = exported.model
    model.ir_version = IR_VERSION
    graph = model.graph
    values = [value for node in graph for value in node.outputs]
    for part in (model, graph, *graph, *values, *graph.inputs, *graph.initializers.values()):
        part.metadata_props.clear()  # the exporter's stack traces, with paths of this machine
    return model


@contextmanager
def _in_linear_time() -> Iterator[None]:
    """Leave out the one rewriting of onnxscript's that walks the whole graph for each of its nodes.

    It makes one Split of two Slices, and took three of four minutes that 5000 nodes took.
    """
    slice_split_rule.try_rewrite = lambda *_arguments, **_options: None
    try:
        yield
    finally:
        del slice_split_rule.try_rewrite  # what is left is the class's own


def gradient_to_onnx(gradient: fx.GraphModule, inputs: Mapping[str, Tensor]) -> ir.Model:
    """Convert what `differentiate` made: the tail's inputs and targets -> gradient, logits.

    Args:
        gradient: the module.
        inputs: examples of the tail's inputs, as `to_onnx` takes them.

    Raises:
        UnsupportedError: an operator has no ONNX equivalent; names it and its layer.
    """
    targets = torch.zeros(2, dtype=torch.int64)
    try:
        model = to_onnx(gradient, {**inputs, "targets": targets}, ["gradient", "logits"])
    except UnsupportedError as error:
        named = set(re.findall(r"aten\.\w+(?:\.\w+)?", f"{error} {error.__cause__}"))
        culprits = {
            operator_and_layer(node, node.meta.get(LAYER, ""))
            for node in gradient.graph.nodes
            if node.op == "call_function" and str(node.target).removesuffix(".default") in named
        }
        raise UnsupportedError(
            f"the gradient graph cannot be written as ONNX: no equivalent of "
            f"{' or '.join(sorted(culprits)) or error}; build with --no-gradient, or with another "
            "--layer"
        ) from error
    multiply_transposed(model)
    return model
