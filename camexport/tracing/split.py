"""Cut a traced network at one of its marks: head before it, tail behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import fx

from camexport.errors import NotACutError, NotSpatialError, OptionError, UnknownLayerError
from camexport.tracing.layout import Layout, into, on_tensors
from camexport.tracing.trace import MARK, MarkedProgram
from camruntime.errors import nearest

INPUTS = ("activations", "tokens")
"""Of a tail, and outputs of a head; the second where the layout has tokens."""

_BATCH_SIZE = torch.ops.aten.sym_size.int


@dataclass(frozen=True)
class Split:
    """Head: image `(n, channels, H, W)` -> activations; tail: activations -> logits `(n, classes)`.

    Activations are `(n, C, h, w)`, however the network lays them out; where the layout has tokens
    beside the grid, `(n, tokens, C)` is a second output of the head and input of the tail.
    """

    head: fx.GraphModule
    tail: fx.GraphModule
    layer: str
    layout: Layout
    classes: int


def split(program: MarkedProgram, layer: str) -> Split:
    """Cut `program` at the module whose path is `layer`.

    Raises:
        UnknownLayerError: no module of this path ran.
        NotACutError: the tail would need the image or something else from before the layer.
        NotSpatialError: the activations have no grid.
    """
    if layer not in program.marks:
        raise UnknownLayerError(f"no layer '{layer}': {nearest(layer, program.marks)}")
    mark, layout = program.marks[layer], program.layouts.get(layer)
    if layout is None:
        full = mark.meta["val"].shape
        extents = [str(extent) if isinstance(extent, int) else "n" for extent in full]
        raise NotSpatialError(
            f"'{layer}' gives activations of shape ({', '.join(extents)}); a saliency map "
            "needs a grid (n, C, h, w) or tokens of one; `camexport layers` lists the layers that "
            "have one"
        )
    if not is_cut(program, mark):
        cuts = [path for path in program.layouts if is_cut(program, program.marks[path])]
        raise NotACutError(
            f"'{layer}' is not a cut of the network: the logits also depend on values that bypass "
            f"it; layers that are: {', '.join(cuts) or 'none with a grid, use another network'}"
        )
    head, tail = _head(program, mark, layout), _tail(program, mark, layout)
    classes = int(program.logits.meta["val"].shape[1])
    return Split(head, tail, layer, layout, classes)


def split_at_each(program: MarkedProgram, layers: Sequence[str]) -> list[Split]:
    """Cut `program` at each of these modules; at each from image to logits.

    Raises:
        OptionError: two of them put out the same.
        UnknownLayerError, NotACutError, NotSpatialError: as `split`.
    """
    splits = [split(program, layer) for layer in layers]
    there: dict[fx.Node, str] = {}
    for layer in layers:
        value = unmarked(program.marks[layer])
        if value in there:
            raise OptionError(
                f"--layer {there[value]} and --layer {layer} are the same activations: name layers "
                "that differ, as `camexport layers` lists them"
            )
        there[value] = layer
    return splits


def unmarked(node: fx.Node) -> fx.Node:
    """The node that computes the value, behind any chain of marks."""
    while node.target is MARK:
        node = node.args[0]  # type: ignore[assignment]  # a mark's input is a node
    return node


def is_cut(program: MarkedProgram, mark: fx.Node) -> bool:
    """Whether every path from the image to the logits passes through `mark`.

    The batch size is no bypass: the activations have the same.
    """
    return program.image not in _needed(program.logits, mark)


def has_weights(program: MarkedProgram, mark: fx.Node) -> bool:
    """Whether anything learned lies between `mark` and the logits."""
    return any(node.op == "get_attr" for node in _needed(program.logits, mark))


def grid_matters(program: MarkedProgram, layer: str) -> bool:
    """Whether the logits depend on the grid at all, and not on tokens beside it alone.

    Behind a vision transformer's last block only the class token counts.
    """
    layout = program.layouts[layer]
    if not layout.tokens:
        return True
    grid = torch.full((2, *layout.shape), torch.nan)  # no arithmetic gets rid of it
    with torch.no_grad():
        logits = split(program, layer).tail(grid, torch.zeros(2, layout.tokens, layout.shape[0]))
    return bool(logits.isnan().any())


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


def _head(program: MarkedProgram, mark: fx.Node, layout: Layout) -> fx.GraphModule:
    """The part of the program from the image to `mark`, as a module of its own."""
    graph = fx.Graph()
    image = graph.placeholder("image")
    image.meta = dict(program.image.meta)
    value = _copy(program, graph, {program.image: image}, mark, image)
    outputs = layout.arrange(value, into(graph))
    graph.output(outputs if len(outputs) > 1 else outputs[0])
    return fx.GraphModule(program.module, graph)


def _tail(program: MarkedProgram, mark: fx.Node, layout: Layout) -> fx.GraphModule:
    """The part of the program from `mark` to the logits, as a module of its own."""
    graph = fx.Graph()
    entries = []
    for name, value in zip(INPUTS, layout.arrange(mark.meta["val"], on_tensors), strict=False):
        entries.append(graph.placeholder(name))
        entries[-1].meta["val"] = value
    own = layout.restore(tuple(entries), into(graph))
    graph.output(_copy(program, graph, {mark: own}, program.logits, entries[0]))
    return fx.GraphModule(program.module, graph)


def _copy(
    program: MarkedProgram,
    graph: fx.Graph,
    made: dict[fx.Node, fx.Node],
    output: fx.Node,
    batch: fx.Node,
) -> fx.Node:
    """Copy what `output` needs, but for `made`, into `graph`, marks removed.

    The batch size is read off the node `batch`.
    """
    (source,) = made
    needed = _needed(output, source)
    for node in (node for node in program.module.graph.nodes if node in needed):
        if node.target is MARK:
            made[node] = made[node.args[0]]  # a mark's input is a node
        elif _reads_batch_size(node):
            made[node] = graph.call_function(_BATCH_SIZE, (batch, 0))
            made[node].meta = dict(node.meta)
        else:
            made[node] = graph.node_copy(node, lambda old: made[old])
    return made[output]
