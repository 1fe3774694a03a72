"""Fold batch norms into the convolutions before them.

Done here, and not left to the exporter, so that the tail and its gradient graph hold the same
weights and a bundle stores them once.
"""

from __future__ import annotations

import copy
import operator

import torch
from torch import Tensor, fx

aten = torch.ops.aten
_NORM = aten._native_batch_norm_legit_no_training.default
_CONVOLUTIONS = {aten.conv1d.default, aten.conv2d.default, aten.conv3d.default}


def fold_batch_norms(module: fx.GraphModule) -> fx.GraphModule:
    """The same function with fewer operators; computed in float64, stored as the weights were.

    A batch norm is folded where nothing but it reads a convolution's output. `module` stays as it
    is. Raises nothing.
    """
    module = fx.GraphModule(module, copy.deepcopy(module.graph))
    graph = module.graph
    for norm in graph.find_nodes(op="call_function", target=_NORM):
        convolution = norm.args[0]
        if convolution.target in _CONVOLUTIONS and len(convolution.users) == 1:
            _fold(module, norm, convolution)
    graph.eliminate_dead_code()
    return fx.GraphModule(module, graph)


def _fold(module: fx.GraphModule, norm: fx.Node, convolution: fx.Node) -> None:
    image, weight, *rest = convolution.args
    bias = rest[0] if rest else None
    kernel = _tensor(module, weight)
    assert kernel is not None  # a convolution has a weight
    scale, shift = _affine(module, norm)
    before = _tensor(module, bias)
    folded = {
        "weight": kernel.double() * scale.reshape(-1, *[1] * (kernel.ndim - 1)),
        "bias": shift if before is None else before.double() * scale + shift,
    }
    with module.graph.inserting_before(convolution):
        nodes = [
            _constant(module, f"{convolution.name}_{name}", value.to(kernel.dtype), convolution)
            for name, value in folded.items()
        ]
    convolution.args = (image, *nodes, *rest[1:])
    for user in list(norm.users):
        if user.target is operator.getitem and user.args[1] == 0:
            user.replace_all_uses_with(convolution)


def _affine(module: fx.GraphModule, norm: fx.Node) -> tuple[Tensor, Tensor]:
    """Scale and shift, float64 `(channels,)`, that a batch norm with fixed statistics comes to."""
    weight, bias, mean, variance = (_tensor(module, one) for one in norm.args[1:5])
    assert mean is not None  # `no_training` means that there are statistics
    assert variance is not None
    epsilon = norm.args[6]
    assert isinstance(epsilon, float)
    scale = (variance.double() + epsilon).rsqrt()
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale
    return scale, shift if bias is None else shift + bias.double()


def _constant(module: fx.GraphModule, name: str, value: Tensor, near: fx.Node) -> fx.Node:
    module.register_buffer(name, value.detach())
    node = module.graph.get_attr(name)
    example = near.meta["val"]
    node.meta["val"] = example.new_empty(value.shape)
    return node


def _tensor(module: fx.GraphModule, node: object) -> Tensor | None:
    if not isinstance(node, fx.Node):
        return None
    value = operator.attrgetter(str(node.target))(module)
    assert isinstance(value, Tensor)
    return value
