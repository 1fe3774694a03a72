"""The gradient graph: a tail and, behind it, its reverse-mode derivative, in plain operators.

The tail's operators are kept as they are. Then, from the logits back, PyTorch's autograd is asked
for each operator's own derivative, which is traced and put behind them. Operator by operator and
not all at once, because then every node knows the layer that it belongs to, and the forward half,
with its weights, stays that of the tail.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx
from torch._dispatch.python import enable_python_dispatcher
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from camexport.errors import UnsupportedError
from camexport.gradient.decomposition_table import decompositions
from camexport.tracing import in_one_line, line_of, quiet_tracing

LAYER = "camexport_layer"
"""Key of a node's `meta`: path of the module that the node belongs to."""

_LONGEST = 10_000
"""Operators of a gradient graph; the exporter takes 10 to 20 ms for each."""

_PER_STEP = 60
"""Of a recurrent layer, about: PyTorch takes its derivative apart step by step."""


@dataclass
class _Reverse:
    """The graph that is being written.

    Attributes:
        graph: the tail's nodes, then the derivative's.
        attributes: values of its `get_attr` nodes.
        copies: for each node of the tail, its copy.
        gradients: for each node of the tail that was reached, the gradient of the score by it; for
            nodes with several outputs, by output.
    """

    graph: fx.Graph
    attributes: dict[str, Any]
    copies: dict[fx.Node, fx.Node] = field(default_factory=dict)
    gradients: dict[tuple[fx.Node, int], fx.Node] = field(default_factory=dict)


def differentiate(tail: fx.GraphModule, lead: bool = False) -> fx.GraphModule:
    """`activations (n, C, h, w), targets (n,)` -> gradient, same shape, and logits `(n, classes)`.

    Row i of the gradient is `d logits[i, targets[i]] / d activations[i]`. Where the tail also takes
    tokens, they come second, and no gradient is taken by them.

    Args:
        tail: takes activations, and tokens.
        lead: of two classes, differentiate the lead of the target over the other (see
            `camruntime.graphs.class_scores`): of [0, z] the first does not depend on anything.

    Raises:
        UnsupportedError: PyTorch has no derivative of an operator, or none that can be traced;
            names the operator and its layer.
    """
    nodes = list(tail.graph.nodes)
    inputs = [node for node in nodes if node.op == "placeholder"]
    activations, (logits,) = inputs[0], nodes[-1].all_input_nodes
    reverse = _Reverse(fx.Graph(), {})
    for node in nodes[:-1]:
        _copy(reverse, tail, node)
        if node is inputs[-1]:
            targets = reverse.graph.placeholder("targets")
    live = _depending_on(activations, nodes)
    with quiet_tracing(), torch.no_grad():
        reverse.gradients[logits, 0] = _one_hot(reverse, targets, logits, lead)
        for node in reversed(nodes):
            if node.op == "call_function" and node in live:
                _step(reverse, node, live)
    found = reverse.gradients.get((activations, 0))
    if found is None:
        raise UnsupportedError("no operator behind the layer has a derivative by its activations")
    reverse.graph.output((found, reverse.copies[logits]))
    reverse.graph.eliminate_dead_code()
    return fx.GraphModule(reverse.attributes, reverse.graph)


def operator_and_layer(node: fx.Node, layer: str) -> str:
    """How errors name a node's operator."""
    place = f"layer '{layer}'" if layer else "the network itself"
    line = line_of(node)
    return f"operator {node.target} of {place}" + (f" ({line})" if line else "")


def _copy(reverse: _Reverse, tail: fx.GraphModule, node: fx.Node) -> None:
    copy = reverse.graph.node_copy(node, lambda old: reverse.copies[old])
    copy.meta[LAYER] = _layer_of(node)
    reverse.copies[node] = copy
    if node.op == "get_attr":
        reverse.attributes[str(node.target)] = operator.attrgetter(str(node.target))(tail)


def _depending_on(source: fx.Node, nodes: list[fx.Node]) -> set[fx.Node]:
    """Nodes through which a gradient flows from `source`: floating point, computed from it."""
    live = {source}
    for node in nodes:
        if live.isdisjoint(node.all_input_nodes):
            continue
        if any(map(_is_complex, _values(node))):
            raise UnsupportedError(
                f"{operator_and_layer(node, _layer_of(node))} computes complex numbers, which ONNX "
                "does not have; build with --no-gradient, or with a --layer behind it"
            )
        if any(map(_is_float, _values(node))):
            live.add(node)
    return live


def _one_hot(reverse: _Reverse, targets: fx.Node, logits: fx.Node, lead: bool) -> fx.Node:
    """`d score / d logits`: one at each row's target; of a lead, minus one at the other."""
    value = _example(logits)

    def rows(wanted: Tensor) -> list[Tensor]:
        ones = (torch.arange(value.shape[1]) == wanted[:, None]).to(value.dtype)
        return [2 * ones - 1 if lead else ones]

    traced = _trace(rows, [value.new_zeros(value.shape[:1], dtype=torch.int64)])
    (found,) = _inline(reverse, traced, [targets], "")
    assert isinstance(found, fx.Node)
    return found


def _step(reverse: _Reverse, node: fx.Node, live: set[fx.Node]) -> None:
    """Hand the gradient by `node` on to the nodes that it was computed from."""
    if node.target is operator.getitem:
        source, index = node.args
        if (node, 0) in reverse.gradients:
            _add(reverse, (source, index), reverse.gradients[node, 0])  # type: ignore[arg-type]
        return
    reached = [k for k in range(len(_values(node))) if (node, k) in reverse.gradients]
    if not reached:
        return
    inputs = [one for one in node.all_input_nodes if isinstance(one.meta.get("val"), Tensor)]
    wanted = [one for one in inputs if one in live]
    _refuse_too_long(reverse, node)
    traced = _derivative(node, reached, inputs, wanted)
    grads = [reverse.gradients[node, k] for k in reached]
    arguments = [*grads, *(reverse.copies[one] for one in inputs)]
    for one, grad in zip(wanted, _inline(reverse, traced, arguments, _layer_of(node)), strict=True):
        if grad is not None:
            _add(reverse, (one, 0), grad)


def _refuse_too_long(reverse: _Reverse, node: fx.Node) -> None:
    if len(reverse.graph.nodes) + _PER_STEP * _steps(node) > _LONGEST:
        raise UnsupportedError(
            f"the gradient graph would have more than {_LONGEST} operators at "
            f"{operator_and_layer(node, _layer_of(node))}: a recurrent layer or a loop has some "
            "for each of its steps; build with --no-gradient, or with a smaller --size or a "
            "--layer behind it, for fewer steps"
        )


def _steps(node: fx.Node) -> int:
    """Of a recurrent operator, in all of its layers and directions; 0 of any other."""
    names = [one.name for one in node.target._schema.arguments]  # type: ignore[union-attr]
    given = dict(zip(names, node.args, strict=False))
    if "batch_first" not in given:
        return 0
    sequence = _example(node.all_input_nodes[0]).shape[1 if given["batch_first"] else 0]
    layers = given["num_layers"]
    assert isinstance(layers, int)
    return int(sequence) * layers * (2 if given["bidirectional"] else 1)


def _derivative(
    node: fx.Node, reached: list[int], inputs: list[fx.Node], wanted: list[fx.Node]
) -> fx.GraphModule:
    """Trace `gradients by outputs, inputs -> gradients by the wanted inputs` of one operator."""

    def pull(*values: Tensor) -> list[Tensor | None]:
        grads, given = (
            values[: len(reached)],
            dict(zip(inputs, values[len(reached) :], strict=True)),
        )
        with torch.enable_grad():
            for one in wanted:
                given[one] = given[one].detach().requires_grad_()
            made = _run(node, given)
            outputs = list(made) if isinstance(made, (tuple, list)) else [made]
            # Not those of detach, zeros_like and the like, which autograd takes for constants.
            pairs = [
                (outputs[k], grad)
                for k, grad in zip(reached, grads, strict=True)
                if outputs[k].requires_grad
            ]
            if not pairs:
                return [None] * len(wanted)
            own, by_own = zip(*pairs, strict=True)
            sources = [given[one] for one in wanted]
            return list(torch.autograd.grad(own, sources, by_own, allow_unused=True))

    values = _values(node)
    examples = [_contiguous(values[k]) for k in reached] + [_example(one) for one in inputs]
    try:
        # Fused attention has no derivative in plain operators.
        with sdpa_kernel(SDPBackend.MATH):
            return _trace(pull, examples)
    except Exception as error:  # autograd and the tracer share no base below Exception
        raise UnsupportedError(
            f"{operator_and_layer(node, _layer_of(node))} has no derivative that ONNX could "
            f"express: {in_one_line(error)}; build with --no-gradient, or with another --layer"
        ) from error


def _run(node: fx.Node, given: dict[fx.Node, Tensor]) -> Any:
    def value(old: fx.Node) -> Any:
        return given[old] if old in given else old.meta["val"]

    arguments, keywords = fx.map_arg((node.args, node.kwargs), value)
    function: Callable[..., Any] = node.target  # type: ignore[assignment]  # of a call_function
    return function(*arguments, **keywords)


def _trace(function: Callable[..., list[Any]], examples: list[Tensor]) -> fx.GraphModule:
    # Examples know the batch size by its symbol alone; in their mode nothing is computed for real.
    mode = examples[0].fake_mode  # type: ignore[attr-defined]  # of FakeTensor, torch's private class
    with mode, enable_python_dispatcher():
        return make_fx(function, decomposition_table=decompositions())(*examples)


def _inline(
    reverse: _Reverse, traced: fx.GraphModule, arguments: list[fx.Node], layer: str
) -> list[Any]:
    """Copy a traced function's nodes behind the others; returns the nodes of its results."""
    traced.graph.eliminate_dead_code()
    made: dict[fx.Node, fx.Node] = {}
    waiting = iter(arguments)
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            made[node] = next(waiting)
        elif node.op == "output":
            return list(fx.map_arg(node.args[0], lambda old: made[old]))
        elif node.op == "get_attr":
            name = f"constant{len(reverse.attributes)}"
            reverse.attributes[name] = operator.attrgetter(str(node.target))(traced)
            made[node] = reverse.graph.get_attr(name)
        else:
            made[node] = reverse.graph.node_copy(node, lambda old: made[old])
            made[node].meta[LAYER] = layer
            if node.target is torch.ops.aten.view.default:  # traced on contiguous examples
                made[node].target = torch.ops.aten.reshape.default
    raise AssertionError("a traced graph ends with its output")


def _add(reverse: _Reverse, key: tuple[fx.Node, int], grad: fx.Node) -> None:
    if key in reverse.gradients:
        before = reverse.gradients[key]
        grad = reverse.graph.call_function(torch.ops.aten.add.Tensor, (before, grad))
    reverse.gradients[key] = grad


def _values(node: fx.Node) -> list[Any]:
    value = node.meta.get("val")
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _is_float(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _is_complex(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_complex()


def _example(node: fx.Node) -> Tensor:
    value = node.meta["val"]
    assert isinstance(value, Tensor)
    return _contiguous(value)


def _contiguous(value: Tensor) -> Tensor:
    """The same shape, rows in order: channels-last examples would be traced into strided writes."""
    return value.new_empty(value.shape)


def _layer_of(node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = [entry[0] for entry in stack.values()][-1:]
    return path[0] if path else ""
