"""Which operators treat every cell of a grid by itself, and all cells alike."""

from __future__ import annotations

from operator import getitem

import torch
from torch import fx

aten = torch.ops.aten

_ELEMENTWISE = {
    *(aten.relu.default, aten.hardtanh.default, aten.clamp.default, aten.leaky_relu.default),
    *(aten.silu.default, aten.gelu.default, aten.hardswish.default, aten.mish.default),
    *(aten.sigmoid.default, aten.hardsigmoid.default, aten.tanh.default, aten.elu.default),
    *(aten.softplus.default, aten.clone.default, aten.alias.default, aten.neg.default),
    *(aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor),
}
_NORM = aten._native_batch_norm_legit_no_training.default


def works_by_cell(node: fx.Node, last: bool, shapes: dict[fx.Node, torch.Size]) -> bool:
    """Whether `node`, which reads a grid, does.

    Args:
        node: of a tail.
        last: channels come last in the grid, else first.
        shapes: of those of its inputs that are no grids.
    """
    if node.target in _ELEMENTWISE:
        return all(_is_same_everywhere(shape, last) for shape in shapes.values())
    if last:
        return node.target is aten.linear.default or _is_norm_of_channels(node)
    if node.target is aten.conv2d.default:
        return _is_pointwise(node, shapes)
    return node.target is _NORM or (node.target is getitem and node.args[1:] == (0,))


def _is_norm_of_channels(node: fx.Node) -> bool:
    over = node.args[1:2]
    return (
        node.target is aten.layer_norm.default and isinstance(over[0], list) and len(over[0]) == 1
    )


def _is_pointwise(node: fx.Node, shapes: dict[fx.Node, torch.Size]) -> bool:
    given = list(node.args[3:5])
    plain = [[1, 1], [0, 0]]  # stride and padding
    kernel = shapes[node.all_input_nodes[1]][2:]
    return kernel == (1, 1) and [*given, *plain[len(given) :]] == plain


def _is_same_everywhere(shape: torch.Size, last: bool) -> bool:
    """Of a constant that has one value for each channel, or one in all."""
    if last:
        return all(extent == 1 for extent in shape[:-1])
    return len(shape) == 0 or (len(shape) >= 3 and tuple(shape[-2:]) == (1, 1))
