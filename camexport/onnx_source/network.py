"""The PyTorch network: one module for each ONNX node, named after the tensor that it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch
from torch import Tensor, nn

from camexport.errors import UnsupportedError, one_line
from camexport.onnx_source.batching import for_one
from camexport.onnx_source.names import module_paths, names_in_file
from camexport.onnx_source.operators import OPERATORS, Attributes
from camexport.onnx_source.outputs import ACTIVATIONS
from camexport.onnx_source.reading import WHITE, FileGraph, read_graph
from camruntime.errors import CamError


class OnnxNode(nn.Module):
    """One node, with the constants among its inputs.

    Integers of at most one dimension are lists, not tensors: they are sizes, axes and indices, and
    may hold the batch size, which is known by its symbol alone while a network is traced.
    """

    def __init__(self, node: ir.Node) -> None:
        super().__init__()
        self.operator = OPERATORS[node.op_type]
        self.attributes = Attributes(node)
        self.dynamic: list[int] = []
        self.fixed: list[Any] = []
        for index, value in enumerate(node.inputs):
            constant = None if value is None else value.const_value
            self.fixed.append(None)
            if constant is not None:
                settings = index > 0 and node.op_type in ("Clip", "Pad", "Resize")
                self._keep(index, torch.from_numpy(constant.numpy().copy()), settings)
            elif value is not None:
                self.dynamic.append(index)

    def _keep(self, index: int, constant: Tensor, settings: bool) -> None:
        if constant.is_floating_point() and not settings:
            name = f"input{index}"
            self.register_parameter(name, nn.Parameter(constant, requires_grad=False))
            self.fixed[index] = name
        elif constant.ndim <= 1 and constant.dtype != torch.bool:
            self.fixed[index] = constant.tolist()
        else:
            self.register_buffer(f"input{index}", constant)
            self.fixed[index] = f"input{index}"

    def forward(self, *values: Any) -> Any:
        """The node's output, or a tuple of them."""
        inputs = [getattr(self, one) if isinstance(one, str) else one for one in self.fixed]
        for index, value in zip(self.dynamic, values, strict=True):
            inputs[index] = value
        return self.operator(self.attributes, *inputs)


class OnnxNetwork(nn.Module):
    """Images `(n, channels, H, W)` -> logits.

    Attributes:
        aliases: the file's names of nodes and tensors, and the paths of the modules that each may
            mean; several where the file gives one name to a node and to another one's tensor.
        size: `(H, W)` of the input, where the file fixes them.
        image, output, scored: names of the tensors that hold the images, the logits, and what a
            softmax or sigmoid reads, if the logits come out of one.
        channels: of the images, where the file fixes them.
        channels_last: whether the file itself takes images `(n, H, W, channels)`.
        white: the largest value of the images where the file itself takes them in integers, which
            are floats of 0 to that here; None where it takes floats.
        precision: what the file itself computes in.
        for_one: whether the file itself takes a fixed number of images at a time, mostly one.
        fixed_batch: that number; 1 where it takes any.
        activation_behind: `softmax` or `sigmoid`, where the file has one behind the output that was
            asked for; None where it has none.
    """

    def __init__(self, read: FileGraph) -> None:
        super().__init__()
        graph = read.graph
        self.fixed_batch = for_one(graph)
        (image,) = (value for value in graph.inputs if value.name not in graph.initializers)
        (self.output,) = (value.name or "" for value in graph.outputs)
        shape = [extent if isinstance(extent, int) else None for extent in image.shape or ()]
        self.channels_last = _is_channels_last(shape)
        rows, columns = shape[1:3] if self.channels_last else shape[2:4]
        self.channels = shape[3] if self.channels_last else shape[1]
        self.white = None if image.dtype is None else WHITE.get(image.dtype)
        self.precision = read.precision
        self.size = (rows, columns) if rows and columns else None
        self.for_one = shape[0] == 1
        self.activation_behind = read.activation_behind
        self.image = image.name or ""
        self._steps: list[tuple[str, list[str], list[str]]] = []
        self.aliases: dict[str, tuple[str, ...]] = {}
        nodes = _needed(graph)
        self.scored = _before_activation(nodes, self.output)
        paths = module_paths(nodes, dir(self))
        self.aliases |= {
            name: tuple(paths[index] for index in sorted(places))
            for name, places in names_in_file(nodes).items()
        }
        for path, node in zip(paths, nodes, strict=True):
            self._add(path, node)

    def _add(self, path: str, node: ir.Node) -> None:
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            raise UnsupportedError(
                f"operator {node.domain or 'ai.onnx'}.{node.op_type} of node '{node.name}' is not "
                "one that camexport can read: export the network without it"
            )
        if node.op_type != "Split" and any(value.uses() for value in node.outputs[1:]):
            raise UnsupportedError(
                f"the second output of {node.op_type} (node '{node.name}') is used, which "
                "camexport cannot read: export the network without it"
            )
        outputs = [value.name or "" for value in node.outputs]
        kind = type(node.op_type, (OnnxNode,), {})  # named for `camexport layers`
        self.add_module(path, kind(node))
        inputs = [
            value.name or ""
            for value in node.inputs
            if value is not None and value.const_value is None
        ]
        self._steps.append((path, inputs, outputs))

    def run_alone(self, image: Tensor) -> Tensor:
        """Logits of one image `(1, C, H, W)`; a file for one runs in batches from then on."""
        if self.fixed_batch > 1:
            self._watched(_remember_full, image.repeat(self.fixed_batch, 1, 1, 1))
        return self._watched(_remember, image)

    def _watched(self, hook: Callable[[nn.Module, tuple[Any, ...]], None], image: Tensor) -> Tensor:
        nodes = [module for module in self.children() if isinstance(module, OnnxNode)]
        hooks = [node.register_forward_pre_hook(hook) for node in nodes if self.for_one]
        try:
            logits: Tensor = self(image)
        finally:
            for one in hooks:
                one.remove()
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Logits, of a batch of any size."""
        return self._rows(self.output, images)

    def scores(self, images: Tensor) -> Tensor:
        """What a final softmax or sigmoid reads, which tells more; logits where there is none."""
        return self._rows(self.scored, images)

    def _rows(self, name: str, images: Tensor) -> Tensor:
        first = images.permute(0, 2, 3, 1) if self.channels_last else images
        values: dict[str | None, Any] = {self.image: first}
        for path, inputs, outputs in self._steps:
            made = self.get_submodule(path)(*(values[name] for name in inputs))
            values.update(zip(outputs, made if isinstance(made, tuple) else (made,), strict=False))
        rows: Tensor = as_rows(values[name], images.shape[0])
        return rows


def read_network(path: Path, output: str | None) -> OnnxNetwork:
    """The network in an ONNX file, with its weights; for errors see `read_graph`.

    Raises:
        UnsupportedError: an operator that is not known; names it and its node.
    """
    try:
        return OnnxNetwork(read_graph(path, output)).eval()
    except CamError:
        raise
    except Exception as error:  # a file that contradicts itself meets any library's own errors
        raise UnsupportedError(
            f"{path.name} is no valid ONNX model: {one_line(error)}; `onnx.checker` may say more: "
            "export it again"
        ) from error


def as_rows(logits: Any, images: int) -> Any:
    """Logits `(images, classes)`, where a file leaves ones behind them or for one image no row.

    Those are `(n, classes, 1, 1)`, `(n,)` and `(classes,)`; anything else is left as it is.
    """
    if logits.ndim == 4 and tuple(logits.shape[2:]) == (1, 1):
        return logits.reshape(images, -1)
    return logits.reshape(images, -1) if logits.ndim == 1 else logits


def _before_activation(nodes: Sequence[ir.Node], output: str) -> str:
    makers = {value.name: node for node in nodes for value in node.outputs}
    name = output
    while (node := makers.get(name)) is not None and node.op_type == "Identity":
        name = (node.inputs[0] and node.inputs[0].name) or ""
    if node is None or node.op_type not in ACTIVATIONS:
        return output
    before = node.inputs[0]
    return output if before is None else before.name or output


def _is_channels_last(shape: Sequence[int | None]) -> bool:
    """TensorFlow's order: fewer channels than rows and columns; a size that is open is large."""
    _, second, third, fourth = shape
    return fourth is not None and all(one is None or fourth < one for one in (second, third))


def _remember(node: nn.Module, values: tuple[Any, ...]) -> None:
    if isinstance(node, OnnxNode) and values and isinstance(values[0], Tensor):
        node.attributes.alone = tuple(values[0].shape)


def _remember_full(node: nn.Module, values: tuple[Any, ...]) -> None:
    if isinstance(node, OnnxNode) and values and isinstance(values[0], Tensor):
        node.attributes.full = tuple(values[0].shape)


def _needed(graph: ir.Graph) -> Sequence[ir.Node]:
    """The nodes that the output is computed from, in order; constants are no nodes."""
    wanted: set[ir.Value | None] = set(graph.outputs)
    needed = []
    for node in reversed(list(graph)):
        if not wanted.isdisjoint(node.outputs) and node.op_type != "Constant":
            needed.append(node)
            wanted.update(node.inputs)
    return needed[::-1]
