"""The graphs without weights that perturb images and activations where the engine computes."""

from __future__ import annotations

import onnx_ir as ir

from camexport.graphs.to_onnx import IR_VERSION, OPSET


def mask_images(channels: int) -> ir.Model:
    """`image (1, c, H, W), masks (n, h, w), rows (H, h), columns (w, W)` -> `(n, c, H, W)`.

    `c` is the image's `channels`. Upsamples each mask as `rows @ mask @ columns` and multiplies the
    image with it.
    """
    image, masks = _value("image", (1, channels, "H", "W")), _value("masks", ("n", "h", "w"))
    rows, columns = _value("rows", ("H", "h")), _value("columns", ("w", "W"))
    tall = ir.node("MatMul", [rows, masks])
    full = ir.node("MatMul", [tall.outputs[0], columns])
    mask, axis = _unsqueezed(full.outputs[0])
    masked = ir.node("Mul", [image, mask.outputs[0]])
    _typed(masked.outputs[0], "masked", ("n", channels, "H", "W"))
    return _weightless(
        "mask_images", [image, masks, rows, columns], [axis, tall, full, mask, masked]
    )


def occlude_images(channels: int) -> ir.Model:
    """`image, blurred (1, c, H, W), offset (1, c, 1, 1), masks (n, h, w), rows, columns` -> images.

    `max(image * M, blurred * (1 - M)) - offset`, M the mask upsampled as in `mask_images`.
    """
    image, blurred = (_value(name, (1, channels, "H", "W")) for name in ("image", "blurred"))
    offset, masks = _value("offset", (1, channels, 1, 1)), _value("masks", ("n", "h", "w"))
    rows, columns = _value("rows", ("H", "h")), _value("columns", ("w", "W"))
    tall = ir.node("MatMul", [rows, masks])
    full = ir.node("MatMul", [tall.outputs[0], columns])
    mask, axis = _unsqueezed(full.outputs[0])
    one = ir.node("Constant", [], {"value": ir.tensor([1.0], ir.DataType.FLOAT)})
    rest = ir.node("Sub", [one.outputs[0], mask.outputs[0]])
    sharp = ir.node("Mul", [image, mask.outputs[0]])
    soft = ir.node("Mul", [blurred, rest.outputs[0]])
    larger = ir.node("Max", [sharp.outputs[0], soft.outputs[0]])
    occluded = ir.node("Sub", [larger.outputs[0], offset])
    _typed(occluded.outputs[0], "occluded", ("n", channels, "H", "W"))
    return _weightless(
        "occlude_images",
        [image, blurred, offset, masks, rows, columns],
        [axis, tall, full, mask, one, rest, sharp, soft, larger, occluded],
    )


def mask_activations() -> ir.Model:
    """`activations (1, C, h, w), masks (n, h, w)` -> masked copies `(n, C, h, w)`."""
    activations, masks = _value("activations", (1, "C", "h", "w")), _value("masks", ("n", "h", "w"))
    mask, axis = _unsqueezed(masks)
    masked = ir.node("Mul", [activations, mask.outputs[0]])
    _typed(masked.outputs[0], "masked", ("n", "C", "h", "w"))
    return _weightless("mask_activations", [activations, masks], [axis, mask, masked])


def _value(name: str, shape: tuple[int | str, ...]) -> ir.Value:
    return ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))


def _typed(value: ir.Value, name: str, shape: tuple[int | str, ...]) -> None:
    value.name = name
    value.shape = ir.Shape(shape)
    value.type = ir.TensorType(ir.DataType.FLOAT)


def _unsqueezed(masks: ir.Value) -> tuple[ir.Node, ir.Node]:
    """`(n, h, w)` -> `(n, 1, h, w)`; and the node that holds the axis."""
    axis = ir.node("Constant", [], {"value": ir.tensor([1], ir.DataType.INT64)})
    return ir.node("Unsqueeze", [masks, axis.outputs[0]]), axis


def _weightless(name: str, inputs: list[ir.Value], nodes: list[ir.Node]) -> ir.Model:
    graph = ir.Graph(
        inputs, [nodes[-1].outputs[0]], nodes=nodes, opset_imports={"": OPSET}, name=name
    )
    return ir.Model(graph, ir_version=IR_VERSION, producer_name="camexport")
