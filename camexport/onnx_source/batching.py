"""Where a batch goes in a file that was exported for one image, or for any other fixed number.

All sizes in such a file are constants, computed for one image. What a reshape was given when one
image ran shows in which dimension the batch is when several run, and so where it has to be after
it. Whatever this gets wrong is found when the network is compared with the file.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir


def batched(target: list[Any], alone: tuple[int, ...], shape: tuple[Any, ...]) -> list[Any]:
    """The shape to reshape to, for the batch that is in `shape`.

    Args:
        target: as the file has it, for one image; may hold 0 (as before) and -1 (what is left).
        alone: shape of the value when one image runs.
        shape: of the value now; it differs from `alone` in one dimension, by the batch size.

    Returns:
        `target` without 0 and -1, one of its extents multiplied by the batch size.
    """
    wanted = [alone[index] if extent == 0 else extent for index, extent in enumerate(target)]
    if -1 in wanted:
        rest = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = math.prod(alone) // rest
    grown = [axis for axis, extent in enumerate(alone) if shape[axis] != extent]
    if grown:
        axis = grown[0]
        place = _place(wanted, alone, axis)
        wanted[place] = wanted[place] * (shape[axis] // alone[axis])
    return wanted


def without_batch(target: list[int], full: tuple[int, ...], alone: tuple[int, ...]) -> list[int]:
    """The shape to reshape to for one image, in a file for several.

    Args:
        target: as the file has it, for its own batch.
        full: shape of the value for that batch.
        alone: its shape for one image.
    """
    wanted = [full[index] if extent == 0 else extent for index, extent in enumerate(target)]
    if -1 in wanted:
        rest = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = math.prod(full) // rest
    grown = [axis for axis, extent in enumerate(alone) if full[axis] != extent]
    if not grown:
        return wanted
    axis = grown[0]
    rows = full[axis] // alone[axis]
    stride = math.prod(full[axis + 1 :]) * alone[axis]  # from an image to the next, in memory
    places = [index for index, extent in enumerate(wanted) if extent % rows == 0]
    fitting = [one for one in places if math.prod(wanted[one:]) == stride * rows]
    behind = math.prod(full[axis + 1 :])  # as in `_place`: (tokens * batch, C) to its parts
    parts = [
        one
        for one in places
        if axis == 0 < one and wanted[one] == rows and math.prod(wanted[one + 1 :]) == behind
    ]
    for place in (parts or fitting or places)[:1]:
        wanted[place] //= rows
    return wanted


def for_one(graph: ir.Graph) -> int:
    """Take the batch out of a file's input, and of values that are stored once for each image.

    Returns:
        The file's own batch; 1 where it takes any.
    """
    image = graph.inputs[0] if graph.inputs else None
    rows = image.shape[0] if image is not None and image.shape else None
    if image is None or image.shape is None or not isinstance(rows, int) or rows <= 1:
        return 1
    image.shape = ir.Shape([1, *list(image.shape)[1:]])
    for node in graph:
        for index, value in enumerate(node.inputs):
            constant = None if value is None else value.const_value
            if constant is None:
                continue
            alone = None
            if node.op_type == "Expand" and index == 1:
                alone = constant.numpy().copy()
                alone[:1][alone[:1] == rows] = 1
            elif node.op_type == "Concat" and len(constant.shape) > 1 and constant.shape[0] == rows:
                alone = _if_alike(constant.numpy())  # a class token, once for each image
            if alone is not None:
                name = f"{node.outputs[0].name}_alone_{index}"
                one = ir.val(name, const_value=ir.tensor(alone))
                graph.initializers.add(one)
                node.replace_input_with(index, one)
    return rows


def _if_alike(stored: Any) -> Any:
    return stored[:1] if np.array_equal(stored, np.broadcast_to(stored[:1], stored.shape)) else None


def _place(wanted: list[int], alone: tuple[int, ...], axis: int) -> int:
    """The dimension of `wanted` that the batch, in `axis` until now, belongs to.

    It is found by the number of values that follow an image's place in memory. Where the batch
    shares a dimension it comes first in it, as windows or heads of an image follow each other; but
    `(tokens * batch, C)` goes back to `(tokens, 1, C)`.
    """
    behind = math.prod(alone[axis + 1 :])
    after = [math.prod(wanted[index + 1 :]) for index in range(len(wanted))]
    single = [index for index, extent in enumerate(wanted) if extent == 1]
    if axis == 0:
        for index in single:
            if after[index] == behind:
                return index
    stride = behind * alone[axis]
    for index in [*single, *reversed(range(len(wanted) - 1))]:
        if stride % after[index] == 0 and wanted[index] % (stride // after[index]) == 0:
            return index
    return 0
