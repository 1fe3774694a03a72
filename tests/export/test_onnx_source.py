"""ONNX files as PyTorch networks: every operator beside ONNX Runtime, and whole bundles."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from camexport.build import BuildOptions, build_bundle
from camexport.errors import (
    ExportError,
    OptionError,
    ParityError,
    UnknownModelError,
    UnsupportedError,
)
from camexport.models import find_architecture
from camexport.onnx_source import read_network
from camexport.onnx_source.batching import batched
from camexport.onnx_source.operators import OPERATORS
from camexport.verify import verify_bundle

Constants = dict[str, NDArray[np.generic]]
RNG = np.random.default_rng(2)


def f32(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(0, 1, shape).astype(np.float32)


def i64(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


@dataclass(frozen=True)
class One:
    """One operator on `x` (n, 4, 6, 5); constants are its further inputs, in order."""

    operator: str
    constants: Constants = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 20

    def nodes(self) -> list[onnx.NodeProto]:
        inputs = ["x", *self.constants]
        return [helper.make_node(self.operator, inputs, ["y"], "one", **self.attributes)]


SAME: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"}
UNEVEN: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 0, 1]}
TWICE = np.array([1, 1, 2, 3], np.float32)
ODD = np.array([1, 1, 1.6, 0.7], np.float32)
RESIZES: list[tuple[str, NDArray[np.float32], dict[str, Any]]] = [
    (f"resize_{mode}_{way}_{rounding}", scales, {"mode": mode, **options})
    for scales, mode, way, rounding in (
        (TWICE, "nearest", "half_pixel", "round_prefer_floor"),
        (TWICE, "nearest", "asymmetric", "ceil"),
        (ODD, "nearest", "asymmetric", "floor"),
        (ODD, "nearest", "half_pixel", "round_prefer_ceil"),
        (TWICE, "linear", "asymmetric", "floor"),
        (ODD, "linear", "half_pixel", "floor"),
        (ODD, "linear", "half_pixel_symmetric", "floor"),
        (ODD, "linear", "align_corners", "floor"),
        (TWICE, "cubic", "half_pixel", "floor"),
        (ODD, "cubic", "align_corners", "floor"),
    )
    for options in [{"coordinate_transformation_mode": way, "nearest_mode": rounding}]
]
CASES = {
    **{
        name.lower(): One(name)
        for name in (
            *("Abs", "Ceil", "Celu", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
            *("HardSwish", "Identity", "LeakyRelu", "LogSoftmax", "Mish", "Neg", "Relu", "Selu"),
            *("Sigmoid", "Sin", "Softmax", "Softplus", "Softsign", "Tanh", "Reciprocal"),
            *("GlobalAveragePool", "GlobalMaxPool", "Flatten", "Dropout"),
            *("Atan", "Round", "Sign", "Tan"),
        )
    },
    "add": One("Add", {"b": f32(4, 1, 5)}),
    "sub": One("Sub", {"b": f32(1)}),
    "mul": One("Mul", {"b": f32(4, 1, 1)}),
    "div": One("Div", {"b": np.float32(3) * np.ones(5, np.float32)}),
    "max": One("Max", {"b": f32(5), "c": f32(1)}),
    "min": One("Min", {"b": f32(5)}),
    "mean": One("Mean", {"b": f32(5), "c": f32(1)}),
    "sum": One("Sum", {"b": f32(5), "c": f32(1)}),
    "pow": One("Pow", {"b": np.array(2, np.float32)}),
    "prelu": One("PRelu", {"b": f32(4, 1, 1)}),
    "clip": One("Clip", {"b": np.array(-0.5, np.float32), "c": np.array(0.4, np.float32)}),
    "clip_6": One("Clip", attributes={"min": -0.5, "max": 0.4}, opset=10),
    "matmul": One("MatMul", {"b": f32(5, 7)}),
    "einsum": One("Einsum", {"b": f32(5, 7)}, {"equation": "nchw,wk->nchk"}),
    "reduce_mean": One("ReduceMean", {"b": i64(2, 3)}),
    "reduce_mean_11": One("ReduceMean", attributes={"axes": [2, 3], "keepdims": 0}, opset=11),
    "reduce_sum": One("ReduceSum", {"b": i64(-1)}, {"keepdims": 0}),
    "reduce_max": One("ReduceMax", {"b": i64(1)}),
    "reduce_min": One("ReduceMin", {"b": i64(1)}),
    "reduce_l2": One("ReduceL2", {"b": i64(1)}),
    "softmax_11": One("Softmax", attributes={"axis": 1}, opset=11),
    "gelu_tanh": One("Gelu", attributes={"approximate": "tanh"}),
    "conv": One("Conv", {"w": f32(6, 2, 3, 3), "b": f32(6)}, {"group": 2, "pads": [1, 1, 1, 1]}),
    "conv_uneven": One("Conv", {"w": f32(6, 4, 3, 3)}, UNEVEN),
    "conv_same": One("Conv", {"w": f32(6, 4, 3, 2)}, {**SAME, "auto_pad": "SAME_UPPER"}),
    "conv_dilated": One("Conv", {"w": f32(3, 4, 2, 2)}, {"dilations": [2, 1]}),
    "conv_transpose": One(
        "ConvTranspose",
        {"w": f32(4, 3, 3, 3)},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1], "group": 2},
    ),
    "max_pool": One("MaxPool", attributes=UNEVEN),
    "max_pool_ceil": One(
        "MaxPool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
    ),
    "average_pool": One("AveragePool", attributes=UNEVEN),
    "average_pool_same": One("AveragePool", attributes={**SAME, "count_include_pad": 1}),
    "average_pool_padded": One(
        "AveragePool", attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    ),
    "batch_norm": One(
        "BatchNormalization", {"s": f32(4), "b": f32(4), "m": f32(4), "v": np.abs(f32(4)) + 0.1}
    ),
    "layer_norm": One("LayerNormalization", {"s": f32(5), "b": f32(5)}, {"axis": -1}),
    "group_norm": One("GroupNormalization", {"s": f32(2), "b": f32(2)}, {"num_groups": 2}),
    "instance_norm": One("InstanceNormalization", {"s": f32(4), "b": f32(4)}),
    "resize_nearest": One(
        "Resize",
        {"roi": np.zeros(0, np.float32), "scales": np.array([1, 1, 2, 2], np.float32)},
        {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        },
    ),
    "resize_linear": One(
        "Resize",
        {"roi": np.zeros(0, np.float32), "scales": np.array([1, 1, 2, 3], np.float32)},
        {"mode": "linear"},
    ),
    "reshape": One("Reshape", {"s": i64(0, -1, 5)}),
    "scatter_nd": One("ScatterND", {"i": np.array([[0, 1], [2, 3]]), "u": f32(2, 6, 5)}, opset=18),
    "transpose": One("Transpose", attributes={"perm": [0, 2, 3, 1]}),
    "unsqueeze": One("Unsqueeze", {"a": i64(2)}),
    "slice": One("Slice", {"s": i64(1, 0), "e": i64(-1, 5), "a": i64(2, 3), "t": i64(1, 2)}),
    "gather": One("Gather", {"i": i64(3, 0, -1)}, {"axis": 1}),
    "gather_matrix": One("Gather", {"i": np.array([[3, 0], [1, -1]])}, {"axis": 2}),
    "gather_one": One("Gather", {"i": np.array(2)}, {"axis": 1}),
    "pad": One("Pad", {"p": i64(0, 0, 1, 2, 0, 0, 0, 1), "v": np.array(0.5, np.float32)}),
    "pad_edge": One("Pad", {"p": i64(0, 0, 1, 2, 0, 0, 0, 1)}, {"mode": "edge"}),
    "pad_reflect": One("Pad", {"p": i64(0, 0, 1, 2, 0, 0, 0, 1)}, {"mode": "reflect"}),
    "expand": One("Expand", {"s": i64(1, 4, 6, 5)}),
    "tile": One("Tile", {"r": i64(1, 1, 2, 1)}),
    "cast": One("Cast", attributes={"to": TensorProto.FLOAT}),
    **{
        name: One("Resize", {"roi": np.zeros(0, np.float32), "scales": scales}, attributes, 19)
        for name, scales, attributes in RESIZES
    },
    "resize_sizes": One(
        "Resize",
        {"roi": np.zeros(0, np.float32), "none": np.zeros(0, np.float32), "sizes": i64(9, 4)},
        {"mode": "linear", "axes": [2, 3]},
        19,
    ),
    "resize_10": One("Resize", {"s": TWICE}, {"mode": "linear"}, 10),
    "upsample_9": One("Upsample", {"s": TWICE}, {"mode": "linear"}, 9),
    "upsample_nearest_9": One("Upsample", {"s": TWICE}, {"mode": "nearest"}, 9),
    "upsample_7": One(
        "Upsample", attributes={"mode": "nearest", "scales": [1.0, 1.0, 2.0, 3.0]}, opset=7
    ),
    "lrn": One("LRN", attributes={"size": 3, "alpha": 0.3, "beta": 0.6, "bias": 1.5}),
    "lp_pool": One("LpPool", attributes={**UNEVEN, "p": 3}),
    "global_lp_pool": One("GlobalLpPool", attributes={"p": 3}),
    "lp_normalization": One("LpNormalization", attributes={"axis": 1, "p": 1}),
    "mean_variance": One("MeanVarianceNormalization", attributes={"axes": [1, 2, 3]}),
    "shrink": One("Shrink", attributes={"lambd": 0.4, "bias": 0.1}),
    "thresholded_relu": One("ThresholdedRelu", attributes={"alpha": 0.3}),
    "reduce_l1": One("ReduceL1", {"b": i64(1)}),
    "reduce_log_sum_exp": One("ReduceLogSumExp", {"b": i64(2, 3)}),
    "reduce_prod": One("ReduceProd", {"b": i64(1, -1)}, {"keepdims": 0}),
    "reduce_sum_square": One("ReduceSumSquare", {"b": i64(1)}),
    "reduce_l2_11": One("ReduceL2", attributes={"axes": [1]}, opset=11),
    "depth_to_space_dcr": One("DepthToSpace", attributes={"blocksize": 2}),
    "gather_elements": One("GatherElements", {"i": RNG.integers(-5, 5, (3, 4, 6, 2))}, {"axis": 3}),
    "trilu": One("Trilu", {"k": np.array(1)}, {"upper": 0}),
    "slice_backwards": One("Slice", {"s": i64(-1), "e": i64(-(2**63)), "a": i64(1), "t": i64(-1)}),
    "slice_backwards_by_two": One("Slice", {"s": i64(4), "e": i64(0), "a": i64(2), "t": i64(-2)}),
    "batch_norm_8": One(
        "BatchNormalization",
        {"s": f32(4), "b": f32(4), "m": f32(4), "v": np.abs(f32(4)) + 0.1},
        {"spatial": 1},
        8,
    ),
    "dropout_12": One("Dropout", {"r": np.array(0.5, np.float32), "t": np.array(False)}, opset=12),
    "dropout_7": One("Dropout", attributes={"ratio": 0.5}, opset=7),
    "depth_to_space": One("DepthToSpace", attributes={"blocksize": 2, "mode": "CRD"}),
}


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: Constants,
    output: str = "y",
    shape: tuple[Any, ...] = ("n", 4, 6, 5),
    opset: int = 20,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [onnx.ValueInfoProto(name=output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    inferred = onnx.shape_inference.infer_shapes(model)
    onnx.save(inferred, path)
    return path


@pytest.mark.parametrize("name", CASES)
def test_an_operator_equals_onnx_runtimes(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = _save(tmp_path / "one.onnx", case.nodes(), case.constants, opset=case.opset)
    images = f32(3, 4, 6, 5)
    (expected,) = ort.InferenceSession(str(path)).run(["y"], {"x": images})
    # Softmax as the last operator would be taken for what follows the logits.
    network = read_network(path, "y")
    assert type(next(network.children())).__name__ in OPERATORS
    found = network(torch.from_numpy(images)).numpy()
    if expected.shape[2:] == (1, 1):
        expected = expected[..., 0, 0]  # as logits are
    np.testing.assert_allclose(found, expected, atol=1e-5)


def _classifier(rows: Any = "n") -> tuple[list[onnx.NodeProto], Constants]:
    """A small one that ends with a softmax; a reshape fixes the batch if `rows` is 1."""
    make = helper.make_node
    nodes = [
        make(
            "Conv", ["x", "w", "b"], ["features.conv"], "conv1", pads=[1, 1, 1, 1], strides=[2, 2]
        ),
        make("Relu", ["features.conv"], ["features.relu"], "act"),
        make("GlobalAveragePool", ["features.relu"], ["pooled"], "pool"),
        make("Reshape", ["pooled", "shape"], ["flat"], "reshape"),
        make("Gemm", ["flat", "fc", "bias"], ["logits"], "linear", transB=1),
        make("Softmax", ["logits"], ["y"], "softmax"),
    ]
    first = 1 if rows == 1 else -1
    constants: Constants = {"w": f32(8, 3, 3, 3), "b": f32(8), "shape": i64(first, 8)}
    return nodes, {**constants, "fc": f32(5, 8), "bias": f32(5)}


@pytest.mark.parametrize("rows", ["n", 1])
def test_a_bundle_from_a_file(tmp_path: Path, rows: Any) -> None:
    path = _save(tmp_path / "defects.onnx", *_classifier(rows), shape=(rows, 3, 24, 32), opset=13)
    options = BuildOptions(model=str(path), layer="features_relu", out=tmp_path / "b")
    manifest = build_bundle(options).bundle.manifest
    assert manifest.layer.name == "features_relu"
    assert manifest.layer.shape == (8, 12, 16)
    assert manifest.input.size == (24, 32)
    assert manifest.classes == 5
    assert manifest.source.name == "defects.onnx"
    assert max(parity.relative for parity in manifest.parity) < 1e-5
    session = ort.InferenceSession(str(tmp_path / "b" / "head.onnx"))
    tail = ort.InferenceSession(str(tmp_path / "b" / "tail.onnx"))
    images = f32(4, 3, 24, 32)
    (logits,) = tail.run(None, {"activations": session.run(None, {"image": images})[0]})
    original = ort.InferenceSession(str(path))
    for image, found in zip(images, logits, strict=True):
        (expected,) = original.run(["y"], {"x": image[None]})
        np.testing.assert_allclose(np.exp(found) / np.exp(found).sum(), expected[0], atol=1e-5)
    assert verify_bundle(tmp_path / "b")


@pytest.mark.parametrize("layer", ["features.relu", "act"])
def test_a_layer_by_the_names_that_the_file_has_for_it(tmp_path: Path, layer: str) -> None:
    """Its output's and its node's."""
    path = _save(tmp_path / "c.onnx", *_classifier(), shape=("n", 3, 24, 32))
    options = BuildOptions(model=str(path), layer=layer, gradient=False, out=tmp_path / "b")
    assert build_bundle(options).bundle.manifest.layer.name == "features_relu"


def test_a_class_token_that_is_expanded_to_the_batch(tmp_path: Path) -> None:
    """As torch writes `token.expand(n, -1, -1)`: sizes of -1 become those of 1."""
    make = helper.make_node
    nodes = [
        make("Shape", ["x"], ["rows"], end=1),
        make("Concat", ["rows", "rest"], ["wanted"], axis=0),
        make("Equal", ["wanted", "minus"], ["open"]),
        make("ConstantOfShape", ["three"], ["ones"], value=numpy_helper.from_array(i64(1))),
        make("Where", ["open", "ones", "wanted"], ["sizes"]),
        make("Expand", ["token", "sizes"], ["tokens"]),
        make("Reshape", ["x", "flat"], ["patches"]),
        make("Concat", ["tokens", "patches"], ["y"], axis=1),
    ]
    constants = {"rest": i64(-1, -1), "minus": i64(-1), "three": i64(3), "flat": i64(0, 0, -1)}
    path = _save(tmp_path / "t.onnx", nodes, {**constants, "token": f32(1, 1, 30)})
    images = f32(3, 4, 6, 5)
    (expected,) = ort.InferenceSession(str(path)).run(["y"], {"x": images})
    found = read_network(path, "y")(torch.from_numpy(images))
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize(
    ("target", "alone", "now", "expected"),
    [
        ([0, -1], (1, 8, 7, 7), (3, 8, 7, 7), [3, 392]),
        ([1, 1, 7, 1, 7, 5], (1, 7, 7, 5), (3, 7, 7, 5), [3, 1, 7, 1, 7, 5]),
        # An image's windows, 16 of 49 tokens, and back.
        ([16, 49, 6], (1, 4, 4, 7, 7, 6), (3, 4, 4, 7, 7, 6), [48, 49, 6]),
        ([1, 4, 4, 7, 7, 6], (16, 49, 6), (48, 49, 6), [3, 4, 4, 7, 7, 6]),
        ([16, 2, 49, 49], (1, 16, 2, 49, 49), (3, 16, 2, 49, 49), [48, 2, 49, 49]),
        # nn.MultiheadAttention, tokens before images: 50 tokens, 12 heads of 64 channels.
        ([50, 1, 3, 768], (50, 1, 2304), (50, 3, 2304), [50, 3, 3, 768]),
        ([50, 12, 64], (50, 1, 768), (50, 3, 768), [50, 36, 64]),
        ([1, 12, 50, 64], (12, 50, 64), (36, 50, 64), [3, 12, 50, 64]),
        ([50, 768], (50, 1, 12, 64), (50, 3, 12, 64), [150, 768]),
        ([50, 1, 768], (50, 12, 64), (50, 36, 64), [50, 3, 768]),
        ([50, 1, 768], (50, 768), (150, 768), [50, 3, 768]),
        ([7, 7], (49,), (49,), [7, 7]),
    ],
)
def test_where_the_batch_goes(
    target: list[int], alone: tuple[int, ...], now: tuple[int, ...], expected: list[int]
) -> None:
    assert batched(target, alone, now) == expected


@pytest.mark.parametrize("older", [True, False])
def test_attention_in_a_file_for_one_image(tmp_path: Path, older: bool) -> None:
    """Its batch is in the middle and merged with tokens; checked image by image when built."""
    network = _Attentive().eval()
    path = tmp_path / "attentive.onnx"
    example = (torch.zeros(1, 3, 16, 24),)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # PyTorch's exporters warn of their own doings
        torch.onnx.export(network, example, str(path), dynamo=not older, verbose=False)
    manifest = build_bundle(BuildOptions(model=str(path), out=tmp_path / "b")).bundle.manifest
    assert (manifest.layer.axes, manifest.layer.shape) == ("tokens", (8, 4, 6))
    images = torch.from_numpy(f32(3, 3, 16, 24))
    head, tail = (
        ort.InferenceSession(str(tmp_path / "b" / f"{part}.onnx")) for part in ("head", "tail")
    )
    (logits,) = tail.run(None, {"activations": head.run(None, {"image": images.numpy()})[0]})
    np.testing.assert_allclose(logits, network(images).detach().numpy(), atol=1e-5)


class _Attentive(nn.Module):
    """One block of `nn.MultiheadAttention`, which puts tokens before images."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2)
        self.head = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).permute(2, 0, 1)
        mixed = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        logits: Tensor = self.head(mixed.transpose(0, 1).mean(1))
        return logits


def test_the_default_layer_of_a_file(tmp_path: Path) -> None:
    path = _save(tmp_path / "c.onnx", *_classifier(), shape=("n", 3, 24, 32))
    built = build_bundle(BuildOptions(model=str(path), gradient=False, out=tmp_path / "b"))
    assert built.bundle.manifest.layer.name == "features_relu"
    told = ("mean", "std", "colour", "resize", "full_scale")
    assert built.bundle.manifest.input.assumed == told


def test_channels_last_images(tmp_path: Path) -> None:
    nodes, constants = _classifier()
    turn = helper.make_node("Transpose", ["x"], ["turned"], "turn", perm=[0, 3, 1, 2])
    nodes[0].input[0] = "turned"
    path = _save(tmp_path / "tf.onnx", [turn, *nodes], constants, shape=("n", 24, 32, 3))
    options = BuildOptions(model=str(path), gradient=False, out=tmp_path / "b")
    manifest = build_bundle(options).bundle.manifest
    assert manifest.input.size == (24, 32)
    assert manifest.layer.shape == (8, 12, 16)


def _errors(path: Path) -> list[tuple[Path, str | None, type[ExportError], str]]:
    nodes, constants = _classifier()
    make = helper.make_node
    odd = [*nodes[:-1], make("RandomNormalLike", ["logits"], ["y"], "odd")]
    mixing = [
        *nodes[:3],
        make("Reshape", ["pooled", "shape"], ["rows"], "reshape"),
        make("ReduceMean", ["rows", "zero"], ["flat"], "mix"),
        *nodes[4:],
    ]
    image: tuple[Any, ...] = ("n", 3, 24, 32)
    with_zero = {**constants, "zero": i64(0)}
    (path / "text.onnx").write_text("no protobuf")
    return [
        (path / "none.onnx", None, UnknownModelError, "no file"),
        (path / "text.onnx", None, UnknownModelError, "cannot read"),
        (
            _save(path / "odd.onnx", odd, constants, shape=image),
            None,
            UnsupportedError,
            r"operator ai\.onnx\.RandomNormalLike of node 'odd'",
        ),
        (
            _save(path / "mixing.onnx", mixing, with_zero, shape=(1, 3, 24, 32)),
            None,
            UnsupportedError,
            "cannot be made dynamic",
        ),
        (
            _save(path / "grey.onnx", *_grey(), shape=("n", 24)),
            None,
            UnsupportedError,
            r"takes x: .* expected one image of four dimensions",
        ),
        (
            _save(path / "good.onnx", nodes, constants, shape=image),
            "logit",
            OptionError,
            "no tensor 'logit': did you mean logits",
        ),
    ]


def _grey() -> tuple[list[onnx.NodeProto], Constants]:
    return [helper.make_node("Relu", ["x"], ["y"], "act")], {}


def _half() -> tuple[list[onnx.NodeProto], Constants]:
    """Its first convolution is in half precision."""
    nodes, constants = _classifier()
    make = helper.make_node
    nodes[0].input[0], nodes[0].output[0] = "x16", "y16"
    inwards = make("Cast", ["x"], ["x16"], "inwards", to=TensorProto.FLOAT16)
    outwards = make("Cast", ["y16"], ["features.conv"], "outwards", to=TensorProto.FLOAT)
    halved = {name: constants[name].astype(np.float16) for name in ("w", "b")}
    return [inwards, nodes[0], outwards, *nodes[1:]], {**constants, **halved}


@pytest.mark.parametrize(
    "index",
    range(6),
    ids=[
        *("no_file", "no_protobuf", "unknown_operator", "mixed_images", "no_image"),
        "no_such_tensor",
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, index: int) -> None:
    path, output, kind, said = _errors(tmp_path)[index]
    options = BuildOptions(model=str(path), output=output, out=tmp_path / "b")
    with pytest.raises(kind, match=said):
        build_bundle(options)
    assert not (tmp_path / "b").exists()


def test_nodes_in_any_order_and_weights_stored_in_half_precision(tmp_path: Path) -> None:
    """Converters append nodes at the end; a weight that is cast where it is read is no half."""
    nodes, constants = _classifier()
    widen = helper.make_node("Cast", ["w16"], ["w"], "widen", to=TensorProto.FLOAT)
    stored = constants.pop("w").astype(np.float16)
    path = _save(
        tmp_path / "c.onnx", [*nodes, widen], {**constants, "w16": stored}, shape=("n", 3, 24, 32)
    )
    images = f32(2, 3, 24, 32)
    (expected,) = ort.InferenceSession(str(path)).run(["y"], {"x": images})
    found = read_network(path, "y")(torch.from_numpy(images))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6)


def test_a_convolution_in_half_precision_is_read_in_float32(tmp_path: Path) -> None:
    path = _save(tmp_path / "c.onnx", *_half(), shape=("n", 3, 24, 32))
    network = read_network(path, None)
    assert network.precision == "float16"
    assert {one.dtype for one in network.parameters()} == {torch.float32}
    images = f32(2, 3, 24, 32)
    (expected,) = ort.InferenceSession(str(path)).run(["y"], {"x": images})
    found = network(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    build_bundle(BuildOptions(model=str(path), gradient=False, out=tmp_path / "b"))


def test_a_size_that_the_file_does_not_take(tmp_path: Path) -> None:
    path = _save(tmp_path / "c.onnx", *_classifier(), shape=("n", 3, 24, 32))
    with pytest.raises(OptionError, match=r"takes images of 24x32 only: leave --size out"):
        build_bundle(BuildOptions(model=str(path), size=(32, 32), out=tmp_path / "b"))
    path = _save(tmp_path / "open.onnx", *_classifier(), shape=("n", 3, "h", "w"))
    options = BuildOptions(model=str(path), size=(32, 40), gradient=False, out=tmp_path / "b")
    built = build_bundle(options)
    assert built.bundle.manifest.layer.spatial == (16, 20)


def test_any_tensor_can_hold_the_logits(tmp_path: Path) -> None:
    path = _save(tmp_path / "c.onnx", *_classifier(), shape=("n", 3, 24, 32))
    assert read_network(path, None).output == "y"
    assert read_network(path, "logits").output == "logits"
    assert find_architecture(str(path), output="flat").make is not None
    with pytest.raises(OptionError, match="brings its own weights"):
        build_bundle(BuildOptions(model=str(path), weights="random", out=tmp_path / "b"))


@pytest.mark.parametrize("saturated", [False, True])
def test_a_file_that_is_read_wrongly_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saturated: bool
) -> None:
    """Also where the softmax is 1 for the same class whatever was read."""
    nodes, constants = _classifier()
    constants["bias"] = np.array([0, 0, 1000 * saturated, 0, 0], np.float32)
    path = _save(tmp_path / "c.onnx", nodes, constants, shape=("n", 3, 24, 32))
    monkeypatch.setitem(OPERATORS, "Relu", lambda _attributes, x: x.abs())
    with pytest.raises(ParityError, match="was read wrongly"):
        build_bundle(BuildOptions(model=str(path), out=tmp_path / "b"))
