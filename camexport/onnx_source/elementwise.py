"""Operators on single values, on rows, and matrix products."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from torch import Tensor

from camexport.onnx_source.attributes import Attributes


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of an operator without attributes."""
    return lambda _attributes, *inputs: function(*inputs)


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Of tensors, or of sizes: lists of integers, of which the shorter is repeated."""

    def compute(_attributes: Attributes, one: Any, other: Any) -> Any:
        if isinstance(one, Tensor) or isinstance(other, Tensor):
            return function(_tensor(one, other), _tensor(other, one))
        first, second = (x if isinstance(x, list) else [x] for x in (one, other))
        length = max(len(first), len(second))
        repeated = (x * (length // len(x)) for x in (first, second))
        found = [function(a, b) for a, b in zip(*repeated, strict=True)]
        return found if isinstance(one, list) or isinstance(other, list) else found[0]

    return compute


def _tensor(value: Any, beside: Any) -> Any:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=beside.dtype)


def _divide(one: Any, other: Any) -> Any:
    if isinstance(one, Tensor) and one.is_floating_point():
        return one / other
    return torch.div(one, other, rounding_mode="trunc") if isinstance(one, Tensor) else one // other


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    left = a.T if attributes.integer("transA", 0) else a
    right = b.T if attributes.integer("transB", 0) else b
    product = attributes.number("alpha", 1.0) * (left @ right)
    return product if c is None else product + attributes.number("beta", 1.0) * c


def _clip(_attributes: Attributes, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    return x.clamp(_scalar(low), _scalar(high))


def _scalar(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _gelu(attributes: Attributes, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=attributes.text("approximate", "none"))


def _hard_sigmoid(attributes: Attributes, x: Tensor) -> Tensor:
    slope, shift = attributes.number("alpha", 0.2), attributes.number("beta", 0.5)
    return (slope * x + shift).clamp(0, 1)


def _prelu(_attributes: Attributes, x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


def _softmax(attributes: Attributes, x: Tensor) -> Tensor:
    return x.softmax(attributes.integer("axis", -1))


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def compute(attributes: Attributes, x: Tensor, axes: list[int] | None = None) -> Tensor:
        over = axes if axes is not None else attributes.integers("axes", [])
        if not over and attributes.integer("noop_with_empty_axes", 0):
            return x
        keep = bool(attributes.integer("keepdims", 1))
        return function(x, over or list(range(x.ndim)), keep)

    return compute


def _l2(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=keep)
    return found


def _l1(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.abs().sum(axes, keep)


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keep)
    return x


def _shrink(attributes: Attributes, x: Tensor) -> Tensor:
    edge, bias = attributes.number("lambd", 0.5), attributes.number("bias", 0.0)
    beyond = torch.where(x > edge, x - bias, torch.zeros_like(x))
    return torch.where(x < -edge, x + bias, beyond)


def _thresholded_relu(attributes: Attributes, x: Tensor) -> Tensor:
    return torch.where(x > attributes.number("alpha", 1.0), x, torch.zeros_like(x))


def _swish(attributes: Attributes, x: Tensor) -> Tensor:
    return x * torch.sigmoid(attributes.number("alpha", 1.0) * x)


def _lp_normalization(attributes: Attributes, x: Tensor) -> Tensor:
    axis, order = attributes.integer("axis", -1), attributes.integer("p", 2)
    length = torch.linalg.vector_norm(x, order, axis, keepdim=True)
    return torch.where(length == 0, torch.zeros_like(x), x / length)


def _mean_variance(attributes: Attributes, x: Tensor) -> Tensor:
    axes = attributes.integers("axes", [0, 2, 3])
    if 0 in (axis % x.ndim for axis in axes):
        raise ValueError("MeanVarianceNormalization over the batch: images change one another")
    mean = x.mean(axes, True)
    return (x - mean) / ((x * x).mean(axes, True) - mean * mean).clamp(min=0).sqrt().add(1e-9)


def _all(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda _attributes, *inputs: functools.reduce(function, inputs)


def _not(_attributes: Attributes, x: Any) -> Any:
    return ~x if isinstance(x, Tensor) else [not one for one in x]


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Abs": _plain(torch.abs),
    "Add": _arithmetic(operator.add),
    "And": _arithmetic(operator.and_),
    "Atan": _plain(torch.atan),
    "Ceil": _plain(torch.ceil),
    "Celu": lambda a, x: F.celu(x, a.number("alpha", 1.0)),
    "Clip": _clip,
    "Cos": _plain(torch.cos),
    "Div": _arithmetic(_divide),
    "Einsum": lambda a, *x: torch.einsum(a.text("equation", ""), *x),
    "Elu": lambda a, x: F.elu(x, a.number("alpha", 1.0)),
    "Equal": _arithmetic(operator.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Floor": _plain(torch.floor),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _arithmetic(operator.gt),
    "GreaterOrEqual": _arithmetic(operator.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(F.hardswish),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.number("alpha", 0.01)),
    "Less": _arithmetic(operator.lt),
    "LessOrEqual": _arithmetic(operator.le),
    "Log": _plain(torch.log),
    "LogSoftmax": lambda a, x: x.log_softmax(a.integer("axis", -1)),
    "LpNormalization": _lp_normalization,
    "MatMul": _plain(torch.matmul),
    "Max": _all(torch.maximum),
    "MeanVarianceNormalization": _mean_variance,
    "Mean": lambda a, *x: functools.reduce(torch.add, x) / len(x),
    "Min": _all(torch.minimum),
    "Mish": _plain(F.mish),
    "Mod": _arithmetic(operator.mod),
    "Mul": _arithmetic(operator.mul),
    "Neg": _plain(torch.neg),
    "Not": _not,
    "Or": _arithmetic(operator.or_),
    "PRelu": _prelu,
    "Pow": _arithmetic(operator.pow),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceL1": _reduction(_l1),
    "ReduceL2": _reduction(_l2),
    "ReduceLogSum": _reduction(lambda x, axes, keep: x.sum(axes, keep).log()),
    "ReduceLogSumExp": _reduction(torch.logsumexp),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceMin": _reduction(torch.amin),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(torch.sum),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: (x * x).sum(axes, keep)),
    "Relu": _plain(torch.relu),
    "Round": _plain(torch.round),
    "Selu": _plain(F.selu),
    "Shrink": _shrink,
    "Sigmoid": _plain(torch.sigmoid),
    "Sign": _plain(torch.sign),
    "Sin": _plain(torch.sin),
    "Softmax": _softmax,
    "Softplus": _plain(F.softplus),
    "Softsign": _plain(F.softsign),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _arithmetic(operator.sub),
    "Sum": _all(torch.add),
    "Swish": _swish,
    "Tan": _plain(torch.tan),
    "Tanh": _plain(torch.tanh),
    "ThresholdedRelu": _thresholded_relu,
}
