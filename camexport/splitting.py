"""Cut a traced network at one of its marks: head before it, tail behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import fx

from camexport.errors import NotACutError, NotSpatialError, UnknownLayerError
from camexport.folding import fold_batch_norms
from camexport.marking import MARK, MarkedProgram
from camruntime.errors import nearest

_BATCH_SIZE = torch.ops.aten.sym_size.int


@dataclass(frozen=True)
class Split:
    """Head: image `(n, 3, H, W)` -> activations; tail: activations -> logits `(n, classes)`."""

    head: fx.GraphModule
    tail: fx.GraphModule
    layer: str
    shape: tuple[int, ...]
    classes: int


def split(program: MarkedProgram, layer: str) -> Split:
    """Cut `program` at the module whose path is `layer`.

    Raises:
        UnknownLayerError: no module of this path ran.
        NotACutError: the tail would need the image or something else from before the layer.
        NotSpatialError: the activations are not `(n, C, h, w)`.
    """
    if layer not in program.marks:
        raise UnknownLayerError(f"no layer '{layer}': {nearest(layer, program.marks)}")
    mark = program.marks[layer]
    shape = mark_shape(mark)
    if len(shape) != 3:
        full = mark.meta["val"].shape
        extents = [str(extent) if isinstance(extent, int) else "n" for extent in full]
        raise NotSpatialError(
            f"'{layer}' gives activations of shape ({', '.join(extents)}); a saliency map "
            "needs a grid (n, C, h, w); `camexport layers` lists the layers that have one"
        )
    if not is_cut(program, mark):
        cuts = [path for path, node in program.marks.items() if is_cut(program, node)]
        raise NotACutError(
            f"'{layer}' is not a cut of the network: the logits also depend on values that bypass "
            f"it; layers that are: {', '.join(cuts)}"
        )
    head = _extract(program, mark, program.image, "image")
    tail = _extract(program, program.logits, mark, "activations")
    classes = int(program.logits.meta["val"].shape[1])
    return Split(head, tail, layer, shape, classes)


def mark_shape(mark: fx.Node) -> tuple[int, ...]:
    """The marked value's shape behind the batch dimension; empty when that is not its first."""
    batch, *rest = mark.meta["val"].shape or (0,)
    if isinstance(batch, int) or not all(isinstance(extent, int) for extent in rest):
        return ()
    return tuple(rest)


def is_cut(program: MarkedProgram, mark: fx.Node) -> bool:
    """Whether every path from the image to the logits passes through `mark`.

    The batch size is no bypass: the activations have the same.
    """
    return program.image not in _needed(program.logits, mark)


def has_weights(program: MarkedProgram, mark: fx.Node) -> bool:
    """Whether anything learned lies between `mark` and the logits."""
    return any(node.op == "get_attr" for node in _needed(program.logits, mark))


def _needed(output: fx.Node, stop: fx.Node) -> set[fx.Node]:
    """All nodes that `output` is computed from, back to `stop`, which is left out."""
    needed: set[fx.Node] = set()
    waiting = [output]
    while waiting:
        node = waiting.pop()
        if node in needed or node is stop:
            continue
        needed.add(node)
        if not _reads_batch_size(node):
            waiting.extend(node.all_input_nodes)
    return needed


def _reads_batch_size(node: fx.Node) -> bool:
    return node.target is _BATCH_SIZE and node.args[1:] == (0,)


def _extract(program: MarkedProgram, output: fx.Node, source: fx.Node, name: str) -> fx.GraphModule:
    """The part of the program from `source` to `output`, marks removed, as a module of its own."""
    graph = fx.Graph()
    entry = graph.placeholder(name)
    entry.meta = dict(source.meta)
    made: dict[fx.Node, fx.Node] = {source: entry}
    needed = _needed(output, source)
    for node in _in_order(program.module.graph.nodes, needed):
        if node.target is MARK:
            made[node] = made[node.args[0]]  # type: ignore[index]  # a mark's input is a node
        elif _reads_batch_size(node):
            made[node] = graph.call_function(_BATCH_SIZE, (entry, 0))
            made[node].meta = dict(node.meta)
        else:
            made[node] = graph.node_copy(node, lambda old: made[old])
    graph.output(made[output])
    return fold_batch_norms(fx.GraphModule(program.module, graph))


def _in_order(nodes: Iterable[fx.Node], wanted: set[fx.Node]) -> Iterable[fx.Node]:
    return (node for node in nodes if node in wanted)
