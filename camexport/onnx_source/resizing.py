"""Resize, which upsamples and downsamples grids in every way that ONNX names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's usual name
from numpy.typing import NDArray
from torch import Tensor

from camexport.onnx_source.attributes import Attributes


def resize(
    attributes: Attributes,
    x: Tensor,
    _region: Any = None,
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
) -> Tensor:
    """`x` `(n, C, h, w)` at another `(h, w)`; in other ways than PyTorch's own as two matrices."""
    axes = [axis % x.ndim for axis in attributes.integers("axes", list(range(x.ndim)))]
    given = scales or sizes
    if not given:
        raise ValueError("Resize without sizes and scales")
    factors, extents = [1.0] * x.ndim, list(x.shape)
    for axis, value in zip(axes, given, strict=True):
        if axis < 2 and (value not in (1, x.shape[axis]) if scales else value != x.shape[axis]):
            raise ValueError("Resize of the batch or the channels")
        if axis >= 2:
            factors[axis] = float(value) if scales else value / x.shape[axis]
            extents[axis] = int(np.floor(x.shape[axis] * value)) if scales else int(value)
    policy = attributes.text("keep_aspect_ratio_policy", "stretch")
    if attributes.integer("antialias", 0) or attributes.integer("exclude_outside", 0):
        raise ValueError("Resize with antialias or exclude_outside")
    if policy != "stretch" and not scales:
        raise ValueError(f"Resize with keep_aspect_ratio_policy {policy}")
    mode = attributes.text("mode", "nearest")
    way = attributes.text("coordinate_transformation_mode", "half_pixel")
    rounding = attributes.text("nearest_mode", "round_prefer_floor")
    size = extents[2:]
    whole = [n * f for n, f in zip(x.shape[2:], factors[2:], strict=True)] == size
    if len(size) == 2 and whole:
        if mode == "nearest" and (way, rounding) == ("asymmetric", "floor"):
            return F.interpolate(x, size, mode="nearest")
        if mode == "linear" and way in ("half_pixel", "align_corners"):
            return F.interpolate(x, size, mode="bilinear", align_corners=way == "align_corners")
    for axis in range(2, x.ndim):
        if extents[axis] != x.shape[axis] or factors[axis] != 1.0:
            places = _places(way, x.shape[axis], extents[axis], factors[axis])
            weights = _weights(mode, rounding, places, x.shape[axis], attributes)
            matrix = torch.from_numpy(weights).to(x)
            x = (x.transpose(axis, -1) @ matrix.T).transpose(axis, -1)
    return x


def _places(way: str, before: int, after: int, scale: float) -> NDArray[np.float32]:
    """Where each new pixel lies on the old grid, in float32 as ONNX Runtime has it: it rounds."""
    index, factor = np.arange(after, dtype=np.float32), np.float32(scale)
    if way == "asymmetric":
        return index / factor
    if way == "align_corners":
        return index * np.float32(before - 1) / np.float32(max(after - 1, 1))
    if way == "pytorch_half_pixel" and after == 1:
        return index * 0
    if way == "half_pixel_symmetric":
        shift = np.float32(before / 2 * (1 - after / (scale * before)))
        return shift + (index + np.float32(0.5)) / factor - np.float32(0.5)
    if way in ("half_pixel", "pytorch_half_pixel"):
        return (index + np.float32(0.5)) / factor - np.float32(0.5)
    raise ValueError(f"Resize with coordinates {way}")


def _weights(
    mode: str, rounding: str, places: NDArray[np.float32], before: int, attributes: Attributes
) -> NDArray[np.float64]:
    """`(new pixels, old pixels)`: how much of each old one is in a new one."""
    weights = np.zeros((len(places), before))
    rows = np.arange(len(places))
    if mode == "nearest":
        nearest = {
            "floor": np.floor(places),
            "ceil": np.ceil(places),
            "round_prefer_floor": np.ceil(places - 0.5),
            "round_prefer_ceil": np.floor(places + 0.5),
        }[rounding]
        weights[rows, nearest.clip(0, before - 1).astype(int)] = 1
        return weights
    first = np.floor(places)
    beyond = places - first
    shares: dict[int, NDArray[Any]]
    if mode == "linear":
        shares = {0: 1 - beyond, 1: beyond}
    elif mode == "cubic":
        a = attributes.number("cubic_coeff_a", -0.75)
        shares = {offset: _cubic(np.abs(offset - beyond), a) for offset in (-1, 0, 1, 2)}
    else:
        raise ValueError(f"Resize with mode {mode}")
    for offset, share in shares.items():
        np.add.at(weights, (rows, (first + offset).clip(0, before - 1).astype(int)), share)
    return weights


def _cubic(distance: NDArray[np.float32], a: float) -> NDArray[Any]:
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
