"""One convolution in 8 bits against the arithmetic of QDQ, written out in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from camexport.precision.int8 import quantise
from camruntime.maps import FloatArray
from onnx_text import Array, graph_of, run, uniform

WEIGHT = uniform(5, 3, 1, 1) * np.array([0.01, 0.1, 1, 10, 100], np.float32)[:, None, None, None]
BIAS = uniform(5, seed=1)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    model = graph_of(
        "g (float[n,3,4,4] image) => (float[n,5,4,4] activations) "
        "{ c = Conv(image, w, b)  activations = Relu(c) }",
        w=WEIGHT,
        b=BIAS,
    )
    ir.save(model, tmp_path / "head.onnx")
    return tmp_path / "head.onnx"


def _feeds(count: int) -> list[dict[str, FloatArray]]:
    return [{"image": uniform(1, 3, 4, 4, low=-1, high=2, seed=2 + k)} for k in range(count)]


def test_values_are_those_of_the_arithmetic(graph: Path) -> None:
    feeds = _feeds(3)
    images = np.concatenate([feed["image"] for feed in feeds])
    found = run(quantise(graph, feeds), image=images)
    floats = np.maximum(_convolved(WEIGHT, images) + BIAS[:, None, None], 0)
    wanted, step = _through_8_bits(images, floats)
    off = np.abs(found - wanted) / step
    assert (off < 0.01).mean() > 0.98, "but where a value lies in the middle of two steps"
    assert off.max() < 1.01
    assert np.abs(found - floats).max() > step / 4, "something was rounded"


def test_what_is_stored(graph: Path) -> None:
    """uint8 between operators, int8 for weights, a scale for each output channel."""
    model = quantise(graph, _feeds(2))
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    assert model.ir_version == 10
    assert not model.metadata_props
    values = {name: value.const_value for name, value in model.graph.initializers.items()}
    weights = [one for one in values.values() if one is not None and one.size == WEIGHT.size]
    assert [one.dtype for one in weights] == [ir.DataType.INT8]
    zeros = {node.inputs[2].dtype for node in model.graph if node.op_type == "QuantizeLinear"}  # type: ignore[union-attr]
    assert zeros == {ir.DataType.UINT8}
    (scale,) = [one for name, one in values.items() if name == "w_scale"]
    assert scale is not None
    np.testing.assert_allclose(scale.numpy(), np.abs(WEIGHT).max((1, 2, 3)) / 127, rtol=0.01)


def test_what_is_beyond_the_calibrated_range_is_clipped(graph: Path) -> None:
    model = quantise(graph, [{"image": np.zeros((1, 3, 4, 4), np.float32)}])
    found = run(model, image=uniform(2, 3, 4, 4, high=100))
    expected = np.maximum(BIAS, 0).max()
    assert found.max() <= expected * 1.01, "on black, only the bias was seen"


def _convolved(weight: Array, images: Array) -> Array:
    found: Array = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], images)
    return found


def _through_8_bits(images: Array, floats: Array) -> tuple[Array, float]:
    """What the quantised graph should say, and the step of its output.

    `q = clip(round(v / scale) + zero, 0, 255)`, ranges made to hold zero.
    """
    low, high = min(images.min(), 0), max(images.max(), 0)
    scale = float(high - low) / 255
    zero = np.rint(-low / scale)
    pixels = np.clip(np.rint(images / scale) + zero, 0, 255) - zero
    scales = np.abs(WEIGHT).max((1, 2, 3)).astype(np.float64) / 127
    weights = np.clip(np.rint(WEIGHT / scales[:, None, None, None]), -127, 127)
    bias = np.rint(BIAS / (scale * scales))
    sums = _convolved(weights, pixels) + bias[:, None, None]
    values = sums * scale * scales[:, None, None]
    step = float(floats.max()) / 255
    quantised: NDArray[np.float64] = np.clip(np.rint(values / step), 0, 255) * step
    return quantised, step
