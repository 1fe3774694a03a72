"""Trace a network once, with every module's output marked, so that any of them can be cut at.

A forward hook passes each module's output through an identity operator that carries the module's
path. Unlike a search by name in the traced graph, this finds containers, `nn.Identity` and modules
that are called several times (of which the last call counts).
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from camexport.errors import ExportError, UnsupportedError
from camexport.tracing.adaptive_pooling import adaptive_max_pool2d
from camexport.tracing.layout import Layout, layout_of, proportional
from camexport.tracing.source_lines import in_one_line, line_of


@torch.library.custom_op("camexport::mark", mutates_args=())
def _mark(value: Tensor, path: str) -> Tensor:
    """Identity that a trace keeps; a copy, so that later in-place operators leave it alone."""
    return value.clone()


@_mark.register_fake
def _(value: Tensor, path: str) -> Tensor:
    return torch.empty_like(value)


MARK = torch.ops.camexport.mark.default

_NUMBERS = (torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default)

_FORWARD = {torch.ops.aten.adaptive_max_pool2d.default: adaptive_max_pool2d}
"""Operators that ONNX does not have, taken apart before anything is cut."""


@dataclass(frozen=True)
class MarkedProgram:
    """A traced network in functional ATen operators, batch dimension dynamic.

    Attributes:
        module: the graph with its weights; one placeholder (the image), one output (the logits).
        image: the placeholder.
        logits: the node whose value is returned.
        marks: for each module path, the mark of its last call, in order of execution.
        layouts: of the activations of those paths that have a grid.
        size: `(H, W)` that it was traced at.
    """

    module: fx.GraphModule
    image: fx.Node
    logits: fx.Node
    marks: dict[str, fx.Node]
    layouts: dict[str, Layout]
    size: tuple[int, int]


def trace(network: nn.Module, size: tuple[int, int], channels: int = 3) -> MarkedProgram:
    """Trace `network` (in eval mode) on images of `size` `(H, W)` with so many channels.

    Raises:
        UnsupportedError: `torch.export` cannot trace it, or it does not return one tensor
            `(n, classes)`.
    """
    images = torch.zeros(2, channels, *size)
    batch = {0: torch.export.Dim("batch")}
    with _marked(network), _as_it_was(network), torch.no_grad(), quiet_tracing():
        try:
            with redirect_stderr(io.StringIO()):  # where torch prints the graph of what it refuses
                program = torch.export.export(network, (images,), dynamic_shapes=(batch,))
            module = program.run_decompositions(_FORWARD).module(check_guards=False)
        except ExportError:  # ours, of an output that does not exist
            raise
        except Exception as error:  # torch.export documents no narrower base
            raise UnsupportedError(
                f"torch.export cannot trace this network at {size[0]}x{size[1]}: "
                f"{in_one_line(error)}"
            ) from error
    _simplify(module.graph)
    module.recompile()
    nodes = list(module.graph.nodes)
    (image,) = (node for node in nodes if node.op == "placeholder")
    marks: dict[str, fx.Node] = {}
    for node in nodes:
        if node.target is MARK:
            marks.pop(node.args[1], None)  # a later call moves to the end of the order
            marks[node.args[1]] = node
    logits = _single_output(nodes[-1])
    _refuse_numbers(nodes)
    return MarkedProgram(
        module, image, logits, marks, _layouts(nodes, marks, image.meta["val"]), size
    )


def _simplify(graph: fx.Graph) -> None:
    """Views become reshapes, and slices that leave nothing out, as both of `x[:, :]`, go."""
    for view in graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
        view.target = torch.ops.aten.reshape.default  # attention's strides are not those traced
    for part in graph.find_nodes(op="call_function", target=torch.ops.aten.slice.Tensor):
        (whole,) = part.all_input_nodes[:1]
        if part.meta["val"].shape == whole.meta["val"].shape and part.args[4:] in ((), (1,)):
            part.replace_all_uses_with(whole)
            graph.erase_node(part)


def _layouts(nodes: list[fx.Node], marks: dict[str, fx.Node], image: Tensor) -> dict[str, Layout]:
    """Between modules only what has the picture's proportions is taken for a grid.

    It counts: LeViT puts its tokens on a grid there, to keep every second one.
    """
    found: dict[str, Layout] = {}
    grids: list[tuple[int, int]] = []
    size = (int(image.shape[2]), int(image.shape[3]))
    paths = {mark: path for path, mark in marks.items()}
    for node in nodes:
        layout = layout_of(_shape_for_each(node, image), size, grids)
        if layout is not None and (node.target is MARK or proportional(layout.grid, size)):
            grids.append(layout.grid)
            if node in paths:
                found[paths[node]] = layout
    return found


def _shape_for_each(node: fx.Node, image: Tensor) -> tuple[int, ...]:
    """The value's shape behind the batch dimension; empty when its first is another one.

    As that of a transformer's windows, of which there are several for each image.
    """
    value = node.meta.get("val")
    shape: tuple[Any, ...] = tuple(value.shape) if isinstance(value, Tensor) else ()
    if not shape or isinstance(shape[0], int) or str(shape[0]) != str(image.shape[0]):
        return ()
    return shape[1:] if all(isinstance(extent, int) for extent in shape[1:]) else ()


def _single_output(output: fx.Node) -> fx.Node:
    returned = output.args[0]
    values = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    first = values[0] if values else None
    shape = first.meta["val"].shape if isinstance(first, fx.Node) else ()
    if not isinstance(first, fx.Node) or len(values) != 1 or len(shape) != 2:
        raise UnsupportedError(
            f"expected one output of shape (n, classes), the network returns {len(values)} "
            f"value(s), the first of shape {tuple(shape)}: say with --output which holds the "
            "logits, or wrap it so that it returns them"
        )
    return first


def _refuse_numbers(nodes: list[fx.Node]) -> None:
    """Raise `UnsupportedError` where a Python number, computed from the images, reaches the logits.

    There is one for a whole batch, and neither a gradient nor a graph of one image's has it.
    """
    from_image: set[fx.Node] = set()
    for node in nodes:
        if node.op == "placeholder" or not from_image.isdisjoint(node.all_input_nodes):
            from_image.add(node)
    needed: set[fx.Node] = {nodes[-1]}
    for node in reversed(nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    for node in nodes:
        if node.target in _NUMBERS and node in from_image and node in needed:
            place = line_of(node)
            raise UnsupportedError(
                "the network takes a number out of a tensor that depends on the images, by "
                f".item(), float() or int(){f' ({place})' if place else ''}: leave it a tensor, "
                "computed for each image"
            )


@contextmanager
def _as_it_was(network: nn.Module) -> Iterator[None]:
    """Take back what a trace puts into modules that keep tensors: its own have no values."""
    tables: list[dict[str, Any]] = []
    for module in network.modules():
        tables += [vars(module), module._parameters, module._buffers]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, values in zip(tables, before, strict=True):
            table.clear()
            table.update(values)


@contextmanager
def _marked(network: nn.Module) -> Iterator[None]:
    handles = [
        module.register_forward_hook(partial(_mark_output, path))
        for path, module in network.named_modules()
        if path
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _mark_output(path: str, _module: nn.Module, _inputs: object, output: object) -> object:
    return torch.ops.camexport.mark(output, path) if isinstance(output, Tensor) else None


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Hide the deprecation notes that tracing triggers inside torch itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", "Using padding='same'")  # may copy: so it may
        warnings.filterwarnings("ignore", "The tensor attributes? self.*assigned during export")
        log = logging.getLogger("torch.fx.experimental.symbolic_shapes")
        level = log.level
        log.setLevel(logging.ERROR)  # of what is refused, and said by the error
        try:
            yield
        finally:
            log.setLevel(level)
