"""The one table of what a gradient may need and ONNX does not have, and what stands for it.

Where the exporter refuses a gradient ("no equivalent of operator aten.X_backward"), a rule for that
operator goes into `backward_rules`, and a line here. PyTorch's own table takes most backward
operators apart; this one is for those that it keeps whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from camexport.gradient.backward_rules import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    convolution,
    layer_norm,
    max_pool2d,
    replication_pad2d,
    select,
    shrink,
    slice_,
    upsample_bilinear2d,
    upsample_nearest2d,
)

aten = torch.ops.aten

Operator = Any
"""`torch._ops.OpOverload`, which torch does not export."""

BACKWARD: dict[Operator, Callable[..., Any]] = {
    aten.convolution_backward.default: convolution,
    aten.max_pool2d_with_indices_backward.default: max_pool2d,
    aten.adaptive_max_pool2d_backward.default: adaptive_max_pool2d,
    aten._adaptive_avg_pool2d_backward.default: adaptive_avg_pool2d,
    aten.avg_pool2d_backward.default: avg_pool2d,
    aten.upsample_bilinear2d_backward.default: upsample_bilinear2d,
    aten.upsample_nearest2d_backward.default: upsample_nearest2d,
    aten.replication_pad2d_backward.default: replication_pad2d,
    aten.native_layer_norm.default: layer_norm,
    aten.slice_backward.default: slice_,
    aten.select_backward.default: select,
    aten.softshrink_backward.default: shrink,
    aten.hardshrink_backward.default: shrink,
}


@cache
def decompositions() -> dict[Operator, Callable[..., Any]]:
    """PyTorch's table for export, with this one's rules added."""
    table: dict[Operator, Callable[..., Any]] = dict(torch.export.default_decompositions())
    return {**table, **BACKWARD}
