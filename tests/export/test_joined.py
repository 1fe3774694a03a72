"""Two graphs as one, held against one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir

from camexport.graphs import with_head_cells
from camruntime.bundle import open_bundle
from camruntime.engine import Engine, on_cpu

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


def test_head_and_cells_in_one_run_are_head_and_then_cells() -> None:
    """Two images; the activations are the head's bit by bit, the logits but for fused rounding."""
    engine = Engine(open_bundle(INSPECTOR), ["cpu"])
    image = np.random.default_rng(1).normal(0, 1, (2, 3, 128, 128)).astype(np.float32)
    (activations,) = engine.run("head", {"image": image})
    (logits,) = engine.run("cells", {"activations": activations})
    both = engine.run("head_cells", {"image": image})
    np.testing.assert_allclose(both[0].numpy(), activations.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(both[1].numpy(), logits.numpy(), rtol=1e-5, atol=1e-5)
    assert both[1].numpy().shape == (2 * 257, 5)


def test_weights_are_the_very_same_and_names_are_not_mixed_up(tmp_path: Path) -> None:
    """Both graphs call a node, a value and a weight alike."""
    head, cells = _times(3.0, "image", "activations"), _times(5.0, "activations", "logits")
    models = with_head_cells({"head": head, "cells": cells, "other": head})
    made = models["head_cells"]
    assert models["head"] is head
    assert [value.name for value in made.graph.outputs] == ["activations", "logits"]
    weights = made.graph.initializers["w"], made.graph.initializers["head_cells/w"]
    for value, one in zip(weights, (head, cells), strict=True):
        assert value.const_value is one.graph.initializers["w"].const_value
    ir.save(made, tmp_path / "made.onnx")
    run = on_cpu(tmp_path / "made.onnx", ["activations", "logits"])
    activations, logits = run({"image": np.array([2.0, 1.0], np.float32)})
    np.testing.assert_array_equal(activations, [7, 4])  # 3 x + 1
    np.testing.assert_array_equal(logits, [36, 21])  # 5 x + 1
    again = with_head_cells({**models, "cells": _times(7.0, "activations", "logits")})
    ir.save(again["head_cells"], tmp_path / "again.onnx")
    (found,) = on_cpu(tmp_path / "again.onnx", ["logits"])({"image": np.ones(1, np.float32)})
    np.testing.assert_array_equal(found, [29])


def test_without_cells_there_is_nothing_to_join() -> None:
    assert with_head_cells({"head": _times(3.0, "image", "activations")}).keys() == {"head"}


def _times(factor: float, taken: str, given: str) -> ir.Model:
    """`factor * taken + 1`."""
    value = ir.val(taken, dtype=ir.DataType.FLOAT, shape=["n"])
    weight, one = (
        ir.val(name, const_value=ir.tensor([number], ir.DataType.FLOAT))
        for name, number in (("w", factor), ("one", 1.0))
    )
    product = ir.node("Mul", [value, weight], name="node")
    product.outputs[0].name = "product"
    result = ir.node("Add", [product.outputs[0], one], name="sum")
    result.outputs[0].name, result.outputs[0].dtype = given, ir.DataType.FLOAT
    result.outputs[0].shape = ir.Shape(["n"])
    graph = ir.Graph(
        [value],
        result.outputs,
        nodes=[product, result],
        initializers=[weight, one],
        opset_imports={"": 20},
        name="graph",
    )
    return ir.Model(graph, ir_version=10)
