"""What users bring under the name of an ONNX classifier: read as meant, or refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from camexport.build import BuildOptions, build_bundle
from camexport.errors import OptionError, UnknownModelError, UnsupportedError
from camexport.models import find_architecture, load_network
from camexport.onnx_source import read_network
from camexport.onnx_source.batching import without_batch
from onnx_text import uniform

NODE = helper.make_node
WEIGHTS: dict[str, NDArray[Any]] = {
    "w": uniform(8, 3, 3, 3),
    "fc": uniform(5, 8, seed=1),
    "s": uniform(8, low=0.5, seed=2),
    "b": uniform(8, seed=3),
    "m": uniform(8, seed=4),
    "v": uniform(8, low=0.5, seed=5),
}
BODY = [
    NODE("Conv", ["x", "w"], ["conv"], "first", pads=[1, 1, 1, 1]),
    NODE("BatchNormalization", ["conv", "s", "b", "m", "v"], ["normal"], "norm"),
    NODE("Relu", ["normal"], ["relu"], "act"),
    NODE("GlobalAveragePool", ["relu"], ["pool"], "pooling"),
    NODE("Flatten", ["pool"], ["flat"], "flatten"),
    NODE("Gemm", ["flat", "fc"], ["logits"], "linear", transB=1),
]


def _model(
    nodes: list[onnx.NodeProto],
    *outputs: str,
    rows: int | str = "n",
    opset: int = 13,
    ir: int = 9,
    **constants: NDArray[Any],
) -> onnx.ModelProto:
    stored = {**WEIGHTS, **constants}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 3, 16, 16])],
        [onnx.ValueInfoProto(name=name) for name in outputs or ("logits",)],
        [numpy_helper.from_array(value, name) for name, value in stored.items() if name in used],
    )
    domains = {node.domain for node in nodes if node.domain}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(one, 1) for one in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir)


def _save(path: Path, model: onnx.ModelProto) -> Path:
    typed = onnx.shape_inference.infer_shapes(model)
    for value in typed.graph.output:  # what no inference knows of other domains' operators
        if not value.type.WhichOneof("value"):
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    onnx.save(typed, path)
    return path


def _original(path: Path, images: NDArray[Any], output: str = "logits") -> NDArray[Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    found: NDArray[Any] = ort.InferenceSession(str(path), options).run([output], {"x": images})[0]
    return found


def _instead(index: int, node: onnx.NodeProto, *more: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [*BODY[:index], node, *BODY[index + 1 :], *more]


BRANCH = helper.make_graph(
    [NODE("Relu", ["relu"], ["t"])], "b", [], [onnx.ValueInfoProto(name="t")]
)
QUANTISED = [
    NODE("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
    NODE("DequantizeLinear", ["q", "scale", "zero"], ["x2"]),
    NODE("Conv", ["x2", "w"], ["conv"], pads=[1, 1, 1, 1]),
    *BODY[1:],
]
SCALES: dict[str, Any] = {"scale": np.array(0.1, np.float32), "zero": np.array(3, np.uint8)}
BATCH_NORM = ["conv", "s", "b", "m", "v"]
FIVE = ["normal", "m2", "v2", "sm", "sv"]
REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "training": (
        _model(
            _instead(1, NODE("BatchNormalization", BATCH_NORM, FIVE[:3], "norm", training_mode=1)),
            opset=15,
        ),
        r"has BatchNormalization \(node 'norm'\) in training mode: export .* in eval mode",
    ),
    "five_outputs": (
        _model(_instead(1, NODE("BatchNormalization", BATCH_NORM, FIVE, "norm")), opset=9),
        "in training mode",
    ),
    "is_test": (
        _model(
            _instead(1, NODE("BatchNormalization", BATCH_NORM, ["normal"], "norm", is_test=0)),
            opset=6,
        ),
        "with is_test=0, in training mode",
    ),
    "spatial": (
        _model(
            _instead(1, NODE("BatchNormalization", BATCH_NORM, ["normal"], "norm", spatial=0)),
            opset=8,
        ),
        "with spatial=0",
    ),
    "dropout": (
        _model(
            _instead(
                4, NODE("Flatten", ["pool"], ["f"]), NODE("Dropout", ["f", "r", "t"], ["flat"])
            ),
            r=np.array(0.5, np.float32),
            t=np.array(True),
        ),
        r"has Dropout \(node 'flat'\) in training mode",
    ),
    "qdq": (_model(QUANTISED, **SCALES), r"is quantised \(1 QuantizeLinear.*float32 file"),
    "qoperator": (
        _model(_instead(2, NODE("QLinearAdd", ["normal"], ["relu"], domain="com.microsoft"))),
        r"is quantised \(1 QLinearAdd\)",
    ),
    "microsoft": (
        _model(_instead(2, NODE("QuickGelu", ["normal"], ["relu"], "q", domain="com.microsoft"))),
        r"has com\.microsoft\.QuickGelu \(node 'q'\), which only ONNX Runtime has: give the file",
    ),
    "own_domain": (
        _model(_instead(2, NODE("Magic", ["normal"], ["relu"], "q", domain="my.own"))),
        r"has my\.own\.Magic \(node 'q'\), which is none of ONNX's own",
    ),
    "branch": (
        _model(
            [
                *BODY[:3],
                NODE("ReduceSum", ["relu"], ["sum"], keepdims=0),
                NODE("Cast", ["sum"], ["is"], to=TensorProto.BOOL),
                NODE("If", ["is"], ["r"], "choice", then_branch=BRANCH, else_branch=BRANCH),
                NODE("GlobalAveragePool", ["r"], ["pool"]),
                *BODY[4:],
            ]
        ),
        r"has If \(node 'choice'\), a branch or loop",
    ),
    "argmax": (
        _model([*BODY, NODE("ArgMax", ["logits"], ["y"], axis=1)], "y"),
        r"gives y: int64 \(n, 1\), made by ArgMax: .*say --output logits, which ArgMax reads",
    ),
    "argmax_of_softmax": (
        _model(
            [
                *BODY,
                NODE("Softmax", ["logits"], ["p"], axis=1),
                NODE("ArgMax", ["p"], ["a"], axis=1, keepdims=0),
                NODE("Cast", ["a"], ["y"], to=TensorProto.FLOAT),
            ],
            "y",
        ),
        "made by ArgMax: .*say --output logits",
    ),
    "topk": (
        _model([*BODY, NODE("TopK", ["logits", "k"], ["y", "i"])], "y", "i", k=np.array([2])),
        r"2 outputs, none of them logits \(y: float32 \(n, 2\); i: int64 .*say --output logits",
    ),
    "zipmap": (
        _model(
            [*BODY, NODE("ZipMap", ["logits"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[1])],
            "y",
        ),
        "made by ZipMap: .*say --output logits, which ZipMap reads",
    ),
    "detector": (
        _model(
            [
                *BODY[:3],
                NODE("Reshape", ["relu", "to"], ["boxes"]),
                NODE("Transpose", ["boxes"], ["scores"], perm=[0, 2, 1]),
                NODE("NonMaxSuppression", ["boxes", "scores"], ["picked"]),
            ],
            *("boxes", "scores", "picked"),
            rows=1,
            to=np.array([1, -1, 4]),
        ),
        r"3 outputs and NonMaxSuppression, so it is a detector, none of them logits \(boxes: .*512",
    ),
    "boxes": (
        _model([*BODY[:3], NODE("Reshape", ["relu", "to"], ["y"])], "y", to=np.array([0, 8, -1])),
        r"gives y: float32 \(n, 8, 256\), as of detectors",
    ),
    "grid": (_model(BODY[:3], "relu"), r"gives relu: float32 \(n, 8, 16, 16\), as of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_classifier_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    model, said = REFUSED[name]
    path = _save(tmp_path / "c.onnx", model)
    with pytest.raises(UnsupportedError, match=rf"c\.onnx .*{said}") as caught:
        build_bundle(BuildOptions(model=str(path), out=tmp_path / "b"))
    assert "\n" not in str(caught.value)


def test_files_that_contradict_themselves(tmp_path: Path) -> None:
    short = _model(BODY)
    short.graph.initializer[0].raw_data = b"\0" * 8
    undefined = _model(_instead(2, NODE("Relu", ["nothing"], ["relu"])))
    pooled = NODE("MaxPool", ["normal"], ["relu", "places"], kernel_shape=[1, 1])
    pool = NODE("Cast", ["places"], ["relu2"], to=TensorProto.FLOAT)
    used = [*BODY[:2], pooled, pool, NODE("GlobalAveragePool", ["relu2"], ["pool"]), *BODY[4:]]
    newer, blind = _model(BODY), _model(BODY, fc=np.full((5, 8), np.nan, np.float32))
    newer.opset_import[0].version = 99
    for model, said in (
        (newer, r"c\.onnx has opset 99 and IR version 9, newer than the installed onnx package's"),
        (blind, "itself answers random images with NaN"),
        (short, r"c\.onnx is no valid ONNX model: "),
        (undefined, r"c\.onnx "),
        (_model(used), "the second output of MaxPool"),
        (_model(BODY, opset=13), None),
    ):
        path = tmp_path / "c.onnx"
        onnx.save(model, path)
        if said is None:
            read_network(path, None)
            continue
        with pytest.raises(UnsupportedError, match=said) as caught:
            load_network(find_architecture(str(path)), "default", 0, (16, 16), channels=3)
        assert "\n" not in str(caught.value)


def test_what_is_not_needed_may_be_anything(tmp_path: Path) -> None:
    """With --output a decision at the end is cut off, whatever it is made with."""
    for name in ("argmax", "topk", "zipmap"):
        path = _save(tmp_path / "c.onnx", REFUSED[name][0])
        images = uniform(2, 3, 16, 16)
        plain = _save(tmp_path / "plain.onnx", _model(BODY))
        found = read_network(path, "logits")(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(found, _original(plain, images), atol=1e-6)
    with pytest.raises(UnsupportedError, match=r"gives y: int64 \(n, 1\), made by ArgMax"):
        read_network(_save(tmp_path / "c.onnx", REFUSED["argmax"][0]), "y")


NO_ONNX = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
    "html": (b"<!DOCTYPE html><html>not found</html>", "a web page"),
    "ort": (b"\x20\x00\x00\x00ORTM1234", "in ONNX Runtime's own format"),
    "zip": (b"PK\x03\x04....", "a zip archive"),
    "json": (b'{"error": 404}', "JSON"),
    "tflite": (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
    "keras": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "pickle": (b"\x80\x02}q\x00.", "a pickle"),
    "empty": (b"", "is empty"),
    "blank": (b"\0" * 64, "is empty"),
    "late_html": (b"\n\n <html>", "a web page"),
    "tar": (b"a" * 257 + b"ustar", "a tar archive"),
    "safetensors": (b"\x40\0\0\0\0\0\0\0" + b'{"a"', "a file of safetensors"),
    "picture": (b"\x89PNG\r\n", "a picture"),
    "text": (b"no protobuf", "cannot read .* as ONNX"),
    "other_protobuf": (b"\x08\x01\x10\x01", "holds no graph"),
}


@pytest.mark.parametrize("name", NO_ONNX)
def test_files_that_are_no_onnx(tmp_path: Path, name: str) -> None:
    content, said = NO_ONNX[name]
    path = tmp_path / "c.onnx"
    path.write_bytes(content)
    with pytest.raises(UnknownModelError, match=said) as caught:
        find_architecture(str(path))
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    for name, said in (
        ("folder.onnx", "a directory"),
        ("none.ONNX", "no file"),
        ("a.ort", "ONNX Runtime's own format"),
    ):
        with pytest.raises(UnknownModelError, match=said):
            find_architecture(str(tmp_path / name))


def test_weights_in_a_file_beside_it(tmp_path: Path) -> None:
    path, data = tmp_path / "c.onnx", tmp_path / "c.data"
    onnx.save(_model(BODY), path, save_as_external_data=True, location="c.data", size_threshold=0)
    images = uniform(2, 3, 16, 16)
    found = read_network(path, None)(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, _original(path, images), atol=1e-6)
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(
        UnsupportedError, match=r"in 'c\.data', which needs at least 864 bytes and has 100"
    ):
        read_network(path, None)
    data.unlink()
    with pytest.raises(UnsupportedError, match=r"'c\.data', which is not beside"):
        read_network(path, None)


def test_the_only_output_that_can_be_the_logits_is_taken(tmp_path: Path) -> None:
    """Beside a label, features on a grid and the softmax or sigmoid of the same logits."""
    ends = [
        NODE("ArgMax", ["logits"], ["label"], axis=1),
        NODE("Softmax", ["logits"], ["soft"], axis=1),
        NODE("Identity", ["soft"], ["probabilities"]),
        NODE("Sigmoid", ["logits"], ["each"]),
    ]
    for outputs, taken in (
        (("label", "logits"), "logits"),
        (("relu", "logits"), "logits"),
        (("label", "probabilities"), "probabilities"),
        (("probabilities",), "probabilities"),
        (("probabilities", "logits"), "probabilities"),
        (("logits", "each"), "logits"),
    ):
        path = _save(tmp_path / "c.onnx", _model([*BODY, *ends], *outputs))
        assert read_network(path, None).output == taken
    path = _save(tmp_path / "c.onnx", _model([*BODY, *ends], "flat", "label", "logits"))
    with pytest.raises(
        OptionError,
        match=r"flat: float32 \(n, 8\); label: int64 \(n, 1\); logits: float32 \(n, 5\)",
    ):
        read_network(path, None)


@pytest.mark.parametrize("rows", [1, "n"])
def test_logits_of_other_ranks(tmp_path: Path, rows: int | str) -> None:
    """`(n, classes, 1, 1)`; one value for each image; and for one image, no row at all."""
    convolved = [*BODY[:4], NODE("Conv", ["pool", "k"], ["logits"])]
    single = [*BODY[:5], NODE("ReduceSum", ["flat", "axis"], ["logits"], keepdims=0)]
    bare = [*BODY[:-1], NODE("Gemm", ["flat", "fc"], ["l"], transB=1)]
    bare.append(NODE("Squeeze", ["l", "first"], ["logits"]))
    models = [
        (_model(convolved, rows=rows, k=uniform(5, 8, 1, 1)), 5),
        (_model(single, rows=rows, axis=np.array([1])), 1),
    ]
    if rows == 1:
        models.append((_model(bare, rows=rows, first=np.array([0])), 5))
    for model, classes in models:
        path = _save(tmp_path / "c.onnx", model)
        images = uniform(3, 3, 16, 16)
        expected = np.stack([_original(path, image[None]).reshape(-1) for image in images])
        network, _ = load_network(find_architecture(str(path)), "default", 0, (16, 16), channels=3)
        found = network(torch.from_numpy(images)).numpy()
        assert found.shape == (3, classes)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_file_for_a_batch_of_eight(tmp_path: Path) -> None:
    flat = NODE("Reshape", ["pool", "to"], ["flat"])
    shared = [
        *_instead(4, flat),
        NODE("Reshape", ["logits", "ends"], ["l"]),
        NODE("Concat", ["tokens", "l"], ["j"], axis=1),
        NODE("ReduceMean", ["j"], ["y"], axes=[1], keepdims=0),
    ]
    path = _save(
        tmp_path / "c.onnx",
        _model(
            shared,
            "y",
            rows=8,
            to=np.array([8, 8]),
            ends=np.array([8, 1, 5]),
            tokens=np.repeat(uniform(1, 1, 5), 8, 0),
        ),
    )
    options = BuildOptions(model=str(path), gradient=False, out=tmp_path / "b")
    assert build_bundle(options).bundle.manifest.classes == 5
    images = uniform(8, 3, 16, 16)
    head, tail = (
        ort.InferenceSession(str(tmp_path / "b" / f"{part}.onnx")) for part in ("head", "tail")
    )
    (logits,) = tail.run(None, {"activations": head.run(None, {"image": images[:3]})[0]})
    np.testing.assert_allclose(logits, _original(path, images, "y")[:3], atol=1e-5)


@pytest.mark.parametrize(
    ("target", "full", "alone", "expected"),
    [
        ([8, -1], (8, 4, 6, 5), (1, 4, 6, 5), [1, 120]),
        ([0, 4, 30], (8, 4, 6, 5), (1, 4, 6, 5), [1, 4, 30]),
        # nn.MultiheadAttention, tokens before images: 24 tokens, 2 heads of 4 channels.
        ([24, 16, 4], (24, 8, 8), (24, 1, 8), [24, 2, 4]),
        ([8, 2, 24, 4], (16, 24, 4), (2, 24, 4), [1, 2, 24, 4]),
        ([192, 8], (24, 8, 2, 4), (24, 1, 2, 4), [24, 8]),
        ([24, 8, 8], (192, 8), (24, 8), [24, 1, 8]),
        ([7, 7], (49,), (49,), [7, 7]),
    ],
)
def test_where_the_batch_of_eight_was(
    target: list[int], full: tuple[int, ...], alone: tuple[int, ...], expected: list[int]
) -> None:
    assert without_batch(target, full, alone) == expected


def test_a_batch_of_eight_whose_images_change_one_another(tmp_path: Path) -> None:
    nodes = [*BODY, NODE("ReduceMean", ["logits"], ["mean"], axes=[0])]
    nodes.append(NODE("Sub", ["logits", "mean"], ["y"]))
    path = _save(tmp_path / "c.onnx", _model(nodes, "y", rows=8))
    with pytest.raises(UnsupportedError, match=r"cannot be made dynamic; .*it takes 8"):
        build_bundle(BuildOptions(model=str(path), out=tmp_path / "b"))


def test_weights_of_shape_and_value_in_a_file_of_ir_3(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """As ONNX's own test models are: initializers are inputs too, and nothing is said of it."""
    weights = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.02])
    made = NODE("ConstantOfShape", ["shape"], ["fc2"], value=weights)
    nodes = [*BODY[:-1], made, NODE("Gemm", ["flat", "fc2", "add"], ["logits"], transB=1)]
    model = _model(nodes, opset=9, ir=3, shape=np.array([5, 8]), add=np.arange(5, dtype=np.float32))
    for tensor in model.graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    path = _save(tmp_path / "c.onnx", model)
    images = uniform(2, 3, 16, 16)
    network = find_architecture(str(path)).publish()
    found = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, _original(path, images), atol=1e-5)
    assert network.get_parameter("logits.input1").shape == (5, 8)
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


def test_an_input_that_the_logits_do_not_need(tmp_path: Path) -> None:
    model = _model([*BODY, NODE("Add", ["logits", "z"], ["y"])], "y", "logits")
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    path = _save(tmp_path / "c.onnx", model)
    images = uniform(2, 3, 16, 16)
    found = find_architecture(str(path), output="logits").publish()(torch.from_numpy(images))
    plain = _save(tmp_path / "plain.onnx", _model(BODY))
    np.testing.assert_allclose(found.numpy(), _original(plain, images), atol=1e-5)


def test_functions_in_the_file_are_read_as_what_they_do(tmp_path: Path) -> None:
    function = helper.make_function(
        "my", "Twice", ["a"], ["b"], [NODE("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    model = _model(_instead(2, NODE("Twice", ["normal"], ["relu"], domain="my")), opset=18)
    model.functions.append(function)
    path = _save(tmp_path / "c.onnx", model)
    images = uniform(2, 3, 16, 16)
    found = find_architecture(str(path)).publish()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, _original(path, images), atol=1e-5)


def test_extents_stored_as_minus_one_are_open(tmp_path: Path) -> None:
    model = _model(BODY)
    for place in (0, 2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_value = -1
    path = tmp_path / "c.onnx"
    onnx.save(model, path)
    assert not find_architecture(str(path)).size_fixed
