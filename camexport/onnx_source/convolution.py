"""Convolutions, pooling and normalisations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor

from camexport.onnx_source.attributes import Attributes
from camexport.onnx_source.resizing import resize


def _pads(attributes: Attributes, x: Tensor, kernel: Sequence[int]) -> list[tuple[int, int]]:
    """What is added before and after, for each axis of the grid."""
    count = len(kernel)
    same = attributes.text("auto_pad", "NOTSET")
    if same in ("NOTSET", "VALID"):
        pads = attributes.integers("pads", [0] * (2 * count))
        return list(zip(pads[:count], pads[count:], strict=True))
    strides = attributes.integers("strides", [1] * count)
    dilations = attributes.integers("dilations", [1] * count)
    found = []
    for size, width, stride, dilation in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        reach = dilation * (width - 1) + 1
        missing = max((-(-size // stride) - 1) * stride + reach - size, 0)
        small, large = missing // 2, missing - missing // 2
        found.append((small, large) if same == "SAME_UPPER" else (large, small))
    return found


def _padded(x: Tensor, pads: list[tuple[int, int]], value: float) -> Tensor:
    flat = [amount for pair in reversed(pads) for amount in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def _conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axes = weight.ndim - 2
    pads = _pads(attributes, x, weight.shape[2:])
    even = all(before == after for before, after in pads)
    image = x if even else _padded(x, pads, 0.0)
    return torch.convolution(
        image,
        weight,
        bias,
        attributes.integers("strides", [1] * axes),
        [before for before, _ in pads] if even else [0] * axes,
        attributes.integers("dilations", [1] * axes),
        False,
        [0] * axes,
        attributes.integer("group", 1),
    )


def _conv_transpose(
    attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    axes = weight.ndim - 2
    pads = attributes.integers("pads", [0] * (2 * axes))
    if pads[:axes] != pads[axes:] or attributes.has("output_shape"):
        raise ValueError("ConvTranspose with uneven padding or a fixed output shape")
    return torch.convolution(
        x,
        weight,
        bias,
        attributes.integers("strides", [1] * axes),
        pads[:axes],
        attributes.integers("dilations", [1] * axes),
        True,
        attributes.integers("output_padding", [0] * axes),
        attributes.integer("group", 1),
    )


def _max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    kernel = attributes.integers("kernel_shape", [])
    image = _padded(x, _pads(attributes, x, kernel), -torch.inf)
    pool = _of_rank(kernel, {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}, "MaxPool")
    pooled: Tensor = pool(
        image,
        kernel,
        attributes.integers("strides", [1] * len(kernel)),
        0,
        attributes.integers("dilations", [1] * len(kernel)),
        bool(attributes.integer("ceil_mode", 0)),
    )
    return pooled


def _of_rank(
    kernel: list[int], by_rank: dict[int, Callable[..., Tensor]], name: str
) -> Callable[..., Tensor]:
    if len(kernel) not in by_rank:
        raise ValueError(f"{name} with a kernel of {len(kernel)} dimensions")
    return by_rank[len(kernel)]


def _average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    kernel = attributes.integers("kernel_shape", [])
    pool = _of_rank(kernel, {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}, "AveragePool")
    if any(one != 1 for one in attributes.integers("dilations", [1])):
        raise ValueError("AveragePool with dilations")
    strides = attributes.integers("strides", [1] * len(kernel))
    pads = _pads(attributes, x, kernel)
    ceil = bool(attributes.integer("ceil_mode", 0))
    whole = bool(attributes.integer("count_include_pad", 0))
    if all(before == after for before, after in pads):
        even = [before for before, _ in pads]
        return pool(x, kernel, strides, even, ceil, whole)
    total = pool(_padded(x, pads, 0.0), kernel, strides, 0, ceil)
    if whole:
        return total
    ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
    inside = _padded(ones, pads, 0.0)  # of no value of the image, so the gradient passes it by
    return total / pool(inside, kernel, strides, 0, ceil)


def _lp_pool(attributes: Attributes, x: Tensor) -> Tensor:
    kernel, order = attributes.integers("kernel_shape", []), attributes.integer("p", 2)
    if attributes.integer("ceil_mode", 0) or any(
        one != 1 for one in attributes.integers("dilations", [1])
    ):
        raise ValueError("LpPool with ceil_mode or dilations")
    pool = _of_rank(kernel, {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}, "LpPool")
    raised = _padded(x.abs() ** order, _pads(attributes, x, kernel), 0.0)
    strides = attributes.integers("strides", [1] * len(kernel))
    summed = pool(raised, kernel, strides) * math.prod(kernel)
    pooled: Tensor = summed ** (1 / order)
    return pooled


def _global_lp_pool(attributes: Attributes, x: Tensor) -> Tensor:
    pooled: Tensor = torch.linalg.vector_norm(x, attributes.integer("p", 2), _grid(x), keepdim=True)
    return pooled


def _grid(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def _local_response(attributes: Attributes, x: Tensor) -> Tensor:
    size = attributes.integer("size", 1)
    squares = F.pad((x * x).unsqueeze(1), (0, 0, 0, 0, (size - 1) // 2, size // 2))
    summed = F.avg_pool3d(squares, (size, 1, 1), 1).squeeze(1) * size
    factor = attributes.number("alpha", 1e-4) / size
    base = attributes.number("bias", 1.0) + factor * summed
    return x / base ** attributes.number("beta", 0.75)


def _batch_norm(
    attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    if attributes.integer("training_mode", 0):
        raise ValueError("BatchNormalization in training mode: export the network in eval mode")
    epsilon = attributes.number("epsilon", 1e-5)
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)


def _layer_norm(
    attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor | None = None
) -> Tensor:
    axis = attributes.integer("axis", -1) % x.ndim
    return F.layer_norm(x, x.shape[axis:], scale, bias, attributes.number("epsilon", 1e-5))


def _group_norm(attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    groups = attributes.integer("num_groups", 1)
    each = x.shape[1] // scale.shape[0]  # opset 18 has one scale for each group
    weight, shift = scale.repeat_interleave(each), bias.repeat_interleave(each)
    return F.group_norm(x, groups, weight, shift, attributes.number("epsilon", 1e-5))


def _instance_norm(attributes: Attributes, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    epsilon = attributes.number("epsilon", 1e-5)
    return F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


LAYERS: dict[str, Callable[..., Any]] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": lambda _, x: x.mean(_grid(x), True),
    "GlobalLpPool": _global_lp_pool,
    "GlobalMaxPool": lambda _, x: x.amax(_grid(x), True),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LRN": _local_response,
    "LayerNormalization": _layer_norm,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "Resize": resize,
}
