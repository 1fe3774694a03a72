"""Operators that move values about, and those that compute sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from numpy.typing import NDArray
from torch import Tensor

from camexport.onnx_source.attributes import Attributes
from camexport.onnx_source.batching import batched, without_batch

Sizes = list[Any]
"""Integers, of which one may be the symbol of the batch size."""


def _shape(attributes: Attributes, x: Tensor) -> Sizes:
    start = attributes.integer("start", 0)
    end = attributes.integer("end", x.ndim)
    return list(attributes.alone or x.shape)[start:end]


def _reshape(attributes: Attributes, x: Any, shape: Sizes) -> Any:
    if not isinstance(x, Tensor):
        return _array(x).reshape(shape).tolist()
    if attributes.alone is not None:
        if attributes.full is not None:
            shape = without_batch(shape, attributes.full, attributes.alone)
        return x.reshape(batched(shape, attributes.alone, tuple(x.shape)))
    return x.reshape(
        [x.shape[index] if extent == 0 else extent for index, extent in enumerate(shape)]
    )


def _flatten(attributes: Attributes, x: Tensor) -> Tensor:
    axis = attributes.integer("axis", 1) % max(x.ndim, 1)
    return x.flatten(axis) if axis == 1 else x.reshape(math.prod(x.shape[:axis]), -1)


def _transpose(attributes: Attributes, x: Any) -> Any:
    if not isinstance(x, Tensor):
        return _array(x).transpose(attributes.integers("perm", [1, 0])).tolist()
    return x.permute(attributes.integers("perm", list(range(x.ndim))[::-1]))


def _array(x: Any) -> NDArray[np.object_]:
    """Of a size, a list of sizes, or a list of pairs: what a Pad takes is computed so."""
    return np.array(x, dtype=object)


def _squeeze(attributes: Attributes, x: Any, axes: Sizes | None = None) -> Any:
    if not isinstance(x, Tensor):
        return x[0] if isinstance(x, list) else x
    over = axes if axes is not None else attributes.integers("axes", [])
    for axis in sorted((axis % x.ndim for axis in over), reverse=True):
        x = x.squeeze(axis)
    return x if over else x.squeeze()


def _unsqueeze(attributes: Attributes, x: Any, axes: Sizes | None = None) -> Any:
    if not isinstance(x, Tensor):
        return x if isinstance(x, list) else [x]
    over = axes if axes is not None else attributes.integers("axes", [])
    rank = x.ndim + len(over)
    for axis in sorted(axis % rank for axis in over):
        x = x.unsqueeze(axis)
    return x


def _concat(attributes: Attributes, *parts: Any) -> Any:
    if not any(isinstance(part, Tensor) for part in parts):
        return [one for part in parts for one in (part if isinstance(part, list) else [part])]
    tensors = [part if isinstance(part, Tensor) else torch.tensor(part) for part in parts]
    axis = attributes.integer("axis", 0) % tensors[0].ndim
    if axis > 0:  # a class token that was stored for a batch of one
        rows = max(tensors, key=lambda one: int(not _is_one(one.shape[0]))).shape[0]
        tensors = [
            one.expand(rows, *one.shape[1:]) if _is_one(one.shape[0]) else one for one in tensors
        ]
    return torch.cat(tensors, axis)


def _is_one(extent: Any) -> bool:
    return isinstance(extent, int) and extent == 1


def _split(attributes: Attributes, x: Tensor, sizes: Sizes | None = None) -> tuple[Tensor, ...]:
    axis = attributes.integer("axis", 0)
    given = sizes if sizes is not None else attributes.integers("split", [])
    if given:
        return torch.split(x, given, axis)
    count = attributes.integer("num_outputs", 2)
    return torch.split(x, -(-x.shape[axis] // count), axis)


def _slice(
    _attributes: Attributes,
    x: Any,
    starts: Sizes,
    ends: Sizes,
    axes: Sizes | None = None,
    steps: Sizes | None = None,
) -> Any:
    value = x if isinstance(x, Tensor) else _array(x)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = (axes or list(range(len(starts))))[index], (steps or [1] * len(starts))[index]
        if step < 0 and isinstance(value, Tensor):
            value = _backwards(value, axis % value.ndim, slice(start, end, step))
            continue
        last = min(end, 2**62) if end > -(2**62) else None  # so ONNX says: to the very first
        value = value[(slice(None),) * (axis % value.ndim) + (slice(start, last, step),)]
    return value if isinstance(x, Tensor) else value.tolist()


def _backwards(x: Tensor, axis: int, wanted: slice) -> Tensor:
    """A slice with a negative step, which PyTorch has not, as where channels are reversed."""
    extent = x.shape[axis]
    if axis == 0:
        raise ValueError("Slice with a negative step over the batch")
    end = None if wanted.stop < -extent else wanted.stop  # so ONNX says: to the very first
    places = range(*slice(wanted.start, end, wanted.step).indices(extent))
    if places == range(extent - 1, -1, -1):
        return x.flip(axis)
    return x.index_select(axis, torch.tensor(list(places)))


def _gather(attributes: Attributes, x: Any, indices: Any) -> Any:
    if not isinstance(x, Tensor):
        return [x[one] for one in indices] if isinstance(indices, list) else x[indices]
    axis = attributes.integer("axis", 0)
    if isinstance(indices, int):
        return x.select(axis, indices)
    index = indices if isinstance(indices, Tensor) else torch.tensor(indices)
    size = x.shape[axis]
    flat = x.index_select(axis, torch.where(index < 0, index + size, index).flatten())
    found: Tensor = torch.ops.aten.unflatten.int(flat, axis, list(index.shape))
    return found if index.ndim != 1 else flat


def _pad(
    attributes: Attributes,
    x: Tensor,
    pads: Sizes,
    value: float | None = None,
    axes: Sizes | None = None,
) -> Tensor:
    over = [axis % x.ndim for axis in axes] if axes else list(range(x.ndim))
    amounts = [(0, 0)] * x.ndim
    for index, axis in enumerate(over):
        amounts[axis] = (pads[index], pads[index + len(over)])
    flat = [amount for pair in reversed(amounts) for amount in pair]
    mode = attributes.text("mode", "constant")
    if mode == "constant":
        return F.pad(x, flat, value=0.0 if value is None else float(value))
    if any(flat[4:]):
        raise ValueError(f"Pad with mode {mode} beyond height and width")
    return F.pad(x, flat[:4], mode="replicate" if mode == "edge" else mode)


def _expand(_attributes: Attributes, x: Tensor, shape: Sizes) -> Tensor:
    rank = max(x.ndim, len(shape))
    own = [1] * (rank - x.ndim) + list(x.shape)
    asked = [1] * (rank - len(shape)) + list(shape)
    return x.expand([a if _is_one(b) else b for a, b in zip(own, asked, strict=True)])


def _cast(attributes: Attributes, x: Any) -> Any:
    kind = ir.DataType(attributes.integer("to", 1))
    if isinstance(x, Tensor):
        known = {ir.DataType.FLOAT: torch.float32, ir.DataType.DOUBLE: torch.float64}
        if x.is_floating_point() and kind in known:
            return x  # so that the network also runs in another precision
        integers = {ir.DataType.INT64: torch.int64, ir.DataType.INT32: torch.int32}
        kinds = {**known, **integers, ir.DataType.BOOL: torch.bool, ir.DataType.UINT8: torch.uint8}
        if kind not in kinds:
            raise ValueError(f"Cast to {kind.name}")
        return x.to(kinds[kind])
    return torch.tensor(x, dtype=torch.float32) if kind == ir.DataType.FLOAT else x


def _constant_of_shape(attributes: Attributes, shape: Sizes) -> Any:
    value = attributes.tensor("value")
    if value is not None and value.dtype == np.int64 and len(shape) == 1:
        return value.tolist() * shape[0]  # sizes, of which the next operator picks
    return torch.zeros(shape) if value is None else torch.full(shape, value.item())


def _where(_attributes: Attributes, condition: Any, one: Any, other: Any) -> Any:
    if isinstance(condition, list):
        return [a if c else b for c, a, b in zip(condition, one, other, strict=True)]
    values = [x if isinstance(x, Tensor) else torch.tensor(x) for x in (one, other)]
    return torch.where(condition, *values)


def _scatter_nd(attributes: Attributes, x: Any, indices: Any, updates: Any) -> Tensor:
    if attributes.text("reduction", "none") != "none":
        raise ValueError("ScatterND with a reduction")
    data, places, values = (torch.as_tensor(one) for one in (x, indices, updates))
    return data.index_put(list(places.unbind(-1)), values)


def _range(_attributes: Attributes, start: Any, limit: Any, step: Any) -> Tensor:
    return torch.arange(*(x[0] if isinstance(x, list) else x for x in (start, limit, step)))


def _depth_to_space(attributes: Attributes, x: Tensor) -> Tensor:
    block = attributes.integer("blocksize", 1)
    if attributes.text("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, block)
    _, channels, rows, columns = x.shape
    split = x.reshape(-1, block, block, channels // block**2, rows, columns)
    return split.permute(0, 3, 4, 1, 5, 2).reshape(
        -1, channels // block**2, rows * block, columns * block
    )


def _space_to_depth(attributes: Attributes, x: Tensor) -> Tensor:
    block = attributes.integer("blocksize", 1)
    _, channels, rows, columns = x.shape
    split = x.reshape(-1, channels, rows // block, block, columns // block, block)
    return split.permute(0, 3, 5, 1, 2, 4).reshape(
        -1, channels * block**2, rows // block, columns // block
    )


def _gather_elements(attributes: Attributes, x: Tensor, indices: Any) -> Tensor:
    axis = attributes.integer("axis", 0) % x.ndim
    index = torch.as_tensor(indices)
    return x.gather(axis, torch.where(index < 0, index + x.shape[axis], index))


def _triangle(attributes: Attributes, x: Tensor, diagonal: Any = 0) -> Tensor:
    upper = bool(attributes.integer("upper", 1))
    return x.triu(int(diagonal)) if upper else x.tril(int(diagonal))


def _dropout(_attributes: Attributes, x: Tensor, _ratio: Any = None, training: Any = False) -> Any:
    if bool(training):
        raise ValueError("Dropout in training mode")
    return x


SHAPES: dict[str, Callable[..., Any]] = {
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Identity": lambda _, x: x,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterND": _scatter_nd,
    "Shape": _shape,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda _, x, repeats: x.repeat(repeats),
    "Transpose": _transpose,
    "Trilu": _triangle,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
