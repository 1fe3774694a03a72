"""Backward operators in terms of operators that ONNX has: the rules of `decomposition_table`.

Pooling by averages and resizing are linear and separable: `y = R x C`, with a small matrix for each
axis, so the gradient is `R^T g C^T`. Where a function has no derivative, the conventions are
PyTorch's. Arguments are those of PyTorch's operator, in its order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from camexport.tracing import windows
from camruntime.maps import bilinear

aten = torch.ops.aten

Matrix = list[list[float]]


def convolution(
    grad: Tensor,
    image: Tensor,
    weight: Tensor,
    _bias_sizes: object,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    _output_padding: list[int],
    groups: int,
    _output_mask: list[bool],
) -> tuple[Tensor, None, None]:
    """A transposed convolution, padded back to the input's size; and the other way round."""
    extents = list(image.shape[2:])
    none = [0] * len(extents)
    if transposed:
        found = aten.convolution(grad, weight, None, stride, padding, dilation, False, none, groups)
        return found, None, None
    shortest = [
        (grad.shape[axis + 2] - 1) * stride[axis]
        - 2 * padding[axis]
        + dilation[axis] * (weight.shape[axis + 2] - 1)
        + 1
        for axis in range(len(extents))
    ]
    missing = [extent - short for extent, short in zip(extents, shortest, strict=True)]
    return (
        aten.convolution(grad, weight, None, stride, padding, dilation, True, missing, groups),
        None,
        None,
    )


def max_pool2d(
    grad: Tensor,
    image: Tensor,
    _kernel: object,
    _stride: object,
    _padding: object,
    _dilation: object,
    _ceil_mode: object,
    indices: Tensor,
) -> Tensor:
    """Every output's gradient goes to the cell that won it: the first of equals, as in PyTorch."""
    return _scattered(grad, image, indices)


def adaptive_max_pool2d(grad: Tensor, image: Tensor, indices: Tensor) -> Tensor:
    """As of `max_pool2d`."""
    return _scattered(grad, image, indices)


def _scattered(grad: Tensor, image: Tensor, indices: Tensor) -> Tensor:
    flat = torch.zeros_like(image).flatten(2)
    return flat.scatter_add(2, indices.flatten(2), grad.flatten(2)).reshape(image.shape)


def adaptive_avg_pool2d(grad: Tensor, image: Tensor) -> Tensor:
    """The mean of a window hands an equal part back to each of its cells."""
    return _back_through(grad, *(_adaptive(image.shape[k], grad.shape[k]) for k in (2, 3)))


def _adaptive(size: int, cells: int) -> Matrix:
    """`(cells, size)`: cell i is the mean of those that its window covers."""
    return [[float(a <= x < b) / (b - a) for x in range(size)] for a, b in windows(size, cells)]


def avg_pool2d(
    grad: Tensor,
    image: Tensor,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    _ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    """The same; padding counts or not, as it did in the mean."""
    if divisor is not None:
        raise ValueError("ONNX has no average pooling with a divisor of its own")

    def matrix(axis: int) -> Matrix:
        size, width = image.shape[axis + 2], kernel[axis % len(kernel)]
        pad, rows = padding[axis % len(padding)], []
        for i in range(grad.shape[axis + 2]):
            start = i * (stride or kernel)[axis % len(stride or kernel)] - pad
            end = min(start + width, size + pad)
            inside = [float(max(start, 0) <= x < min(end, size)) for x in range(size)]
            count = end - start if count_include_pad else sum(inside)
            rows.append([value / count for value in inside])
        return rows

    return _back_through(grad, matrix(0), matrix(1))


def upsample_bilinear2d(
    grad: Tensor,
    size: list[int],
    shape: list[int],
    align_corners: bool,
    *scales: float | None,
) -> Tensor:
    """Each cell takes back its share in the samples around it."""
    _refuse_odd_scales(size, shape, scales)
    upsampling = bilinear((shape[2], shape[3]), (size[0], size[1]), align_corners)
    return _back_through(grad, upsampling.rows.tolist(), upsampling.columns.T.tolist())


def upsample_nearest2d(
    grad: Tensor, size: list[int], shape: list[int], *scales: float | None
) -> Tensor:
    """Each cell takes back the sum of its copies."""
    _refuse_odd_scales(size, shape, scales)

    def matrix(axis: int) -> Matrix:
        cells = [i * shape[axis + 2] // size[axis] for i in range(size[axis])]
        return [[float(x == cell) for x in range(shape[axis + 2])] for cell in cells]

    return _back_through(grad, matrix(0), matrix(1))


def _refuse_odd_scales(
    size: Sequence[int], shape: Sequence[int], scales: Sequence[float | None]
) -> None:
    """A scale that is not the ratio of the sizes moves every sample."""
    for axis, scale in enumerate(scales):
        if scale is not None and not math.isclose(scale * shape[axis + 2], size[axis]):
            raise ValueError(f"scale factor {scale} for {shape[axis + 2]} -> {size[axis]} cells")


def replication_pad2d(grad: Tensor, image: Tensor, padding: list[int]) -> Tensor:
    """A border cell takes back the sum of its copies."""
    left, _, top, _ = padding

    def matrix(axis: int, before: int) -> Matrix:
        size = image.shape[axis]
        cells = [min(max(i - before, 0), size - 1) for i in range(grad.shape[axis])]
        return [[float(x == cell) for x in range(size)] for cell in cells]

    return _back_through(grad, matrix(2, top), matrix(3, left))


def _back_through(grad: Tensor, rows: Matrix, columns: Matrix) -> Tensor:
    """Gradient of `rows @ x @ columns^T`: `rows^T @ grad @ columns`."""
    down, across = torch.tensor(rows, dtype=grad.dtype), torch.tensor(columns, dtype=grad.dtype)
    return down.t() @ grad @ across


def slice_(
    grad: Tensor, sizes: list[int], axis: int, start: int | None, end: int | None, step: int
) -> Tensor:
    """Zeros around what was taken: ONNX scatters by an index for each value, and pads by two."""
    if step != 1:
        return torch.slice_scatter(grad.new_zeros(sizes), grad, axis, start, end, step)
    axis, first = axis % len(sizes), start or 0
    before = first + sizes[axis] if first < 0 else first
    behind = sizes[axis] - before - grad.shape[axis]
    padded: Tensor = aten.constant_pad_nd(grad, [0, 0] * (len(sizes) - axis - 1) + [before, behind])
    return padded


def select(grad: Tensor, sizes: list[int], axis: int, index: int) -> Tensor:
    """As of a slice of one."""
    axis = axis % len(sizes)
    return slice_(grad.unsqueeze(axis), sizes, axis, index, None, 1)


def shrink(grad: Tensor, values: Tensor, limit: float) -> Tensor:
    """Soft and hard shrinkage pass the gradient on outside `[-limit, limit]`."""
    return torch.where((values >= -limit) & (values <= limit), 0, grad)


def layer_norm(
    values: Tensor, shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The forward operator: its gradient needs mean and deviation too.

    ONNX's LayerNormalization has them as outputs that inference engines need not have; OpenVINO
    does not open a graph that asks for them.
    """
    axes = list(range(-len(shape), 0))
    mean = values.mean(axes, keepdim=True)
    centred = values - mean
    scale = torch.rsqrt((centred * centred).mean(axes, keepdim=True) + eps)
    normal = centred * scale
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias, mean, scale
