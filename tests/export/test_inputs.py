"""What networks take: channels, colours, bits, and files that take pixels or other floats."""

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

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.errors import ExportError, OptionError, UnsupportedError
from camexport.models import _channels
from camexport.verify import verify_bundle
from camruntime.bundle import Input
from camruntime.errors import ImageError
from camruntime.maps import FloatArray
from camruntime.pictures import as_picture, prepare
from networks import channelled

Array = NDArray[Any]
RNG = np.random.default_rng(8)
pytestmark = pytest.mark.usefixtures("in_tests")


def _build(out: Path, model: object, **options: Any) -> camruntime.Explainer:
    """Of 16 x 16 unless a file says otherwise, and without a gradient."""
    given = {"gradient": False, **options}
    build_bundle(BuildOptions(model=str(model), out=out, **given))
    return camruntime.load(out, ["cpu"])


def _own(out: Path, turn: str = "", channels: int = 3, **options: Any) -> camruntime.Explainer:
    arguments = (("channels", str(channels)), ("turn", turn))
    given = options.pop("channels_given", None)
    model = "networks:channelled"
    return _build(out, model, arguments=arguments, size=(16, 16), channels=given, **options)


def _logits(explainer: camruntime.Explainer, picture: Array) -> FloatArray:
    spec = explainer.bundle.manifest.input
    return explainer.graphs().forward(prepare(as_picture(picture, spec), spec)).logits


def _input(explainer: camruntime.Explainer) -> Input:
    return explainer.bundle.manifest.input


def _photo(channels: int = 3) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (16, 16, channels), np.uint8)


@pytest.mark.parametrize(
    ("channels", "colour", "shown"),
    [
        (1, "grey", (0, 0, 0)),
        (2, "channels", (0, 0, 0)),
        (3, "RGB", (0, 1, 2)),
        (5, "channels", (0, 1, 2)),
    ],
)
def test_the_first_convolution_tells_the_channels(
    tmp_path: Path, channels: int, colour: str, shown: tuple[int, ...]
) -> None:
    explainer = _own(tmp_path / "b", channels=channels, mean=(0.3,), std=(0.2,), gradient=True)
    spec, photo = _input(explainer), _photo(channels)
    assert (spec.channels, spec.colour, spec.shown) == (channels, colour, shown)
    assert spec.mean == (0.3,) * channels
    images = torch.from_numpy((photo.transpose(2, 0, 1)[None] / np.float32(255) - 0.3) / 0.2)
    expected = channelled(channels)(images.float())[0]
    np.testing.assert_allclose(_logits(explainer, photo), expected.detach().numpy(), atol=1e-4)
    assert verify_bundle(tmp_path / "b", trust=True)
    explanation = explainer.explain(photo)
    assert explanation.overlay().shape == explanation.explanation_map().shape == (16, 16, 3)


def test_random_weights_of_a_grey_network(tmp_path: Path) -> None:
    explainer = _own(tmp_path / "b", channels=1, weights="random", precision="fp16")
    assert _input(explainer).channels == 1
    assert explainer.bundle.manifest.fidelity[0].inputs == "noise"


def test_without_a_convolution_three_are_tried_and_then_one(tmp_path: Path) -> None:
    for channels in (3, 1):
        explainer = _build(
            tmp_path / str(channels),
            "networks:no_convolution",
            arguments=(("channels", str(channels)),),
            size=(8, 8),
        )
        assert _input(explainer).channels == channels
    given: dict[str, Any] = {"arguments": (("channels", "2"),), "size": (8, 8)}
    with pytest.raises(UnsupportedError, match=r"8x8 with 3 or 1 channels \(3: .*--channels"):
        _build(tmp_path / "b", "networks:no_convolution", **given)
    assert _input(_build(tmp_path / "b", "networks:no_convolution", channels=2, **given)).shown == (
        (0, 0, 0)
    )


def test_a_network_that_averages_colours_has_to_be_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"images of 1 and of 3 channels: say .*--channels"):
        _own(tmp_path / "b", "averaged", 1)
    photo = _photo()
    explainer = _own(tmp_path / "b", "averaged", 1, channels_given=3)
    spec = _input(explainer)
    assert spec.colour == "RGB"
    images = torch.from_numpy(prepare(photo, spec))
    expected = channelled(1, "averaged")(images)[0].detach()
    np.testing.assert_allclose(_logits(explainer, photo), expected, atol=1e-4)


def test_a_network_that_repeats_a_grey_image_takes_one_channel(tmp_path: Path) -> None:
    photo, explainer = _photo(1), _own(tmp_path / "b", "repeated")
    assert _input(explainer).colour == "grey"
    images = torch.from_numpy(prepare(photo, _input(explainer)))
    expected = channelled(3)(images.repeat(1, 3, 1, 1))[0].detach()
    np.testing.assert_allclose(_logits(explainer, photo), expected, atol=1e-4)


def test_one_channel_that_is_broadcast_is_grey_repeated(tmp_path: Path) -> None:
    """Means of three channels make three of one, which is no mistake where it is asked for."""
    photo = _photo(1)
    explainer = _own(tmp_path / "b", "normalised", channels_given=1)
    assert _input(explainer).colour == "grey"
    images = torch.from_numpy(prepare(photo, _input(explainer)))
    expected = channelled(3, "normalised")(images.repeat(1, 3, 1, 1))[0].detach()
    np.testing.assert_allclose(_logits(explainer, photo), expected, atol=1e-4)
    assert _input(_own(tmp_path / "c", "normalised")).colour == "RGB"


def test_bgr_and_channels_that_a_network_reverses_itself(tmp_path: Path) -> None:
    """A network that reverses RGB itself is one that takes BGR."""
    photo = _photo()
    reversing = _own(tmp_path / "reversing", "reversed", gradient=True)
    taking = _own(tmp_path / "taking", colour="BGR")
    assert _input(taking).mean == _input(reversing).mean[::-1]
    np.testing.assert_allclose(_logits(reversing, photo), _logits(taking, photo), atol=1e-5)
    expected = channelled(3, "reversed")(torch.from_numpy(prepare(photo, _input(reversing))))
    np.testing.assert_allclose(_logits(reversing, photo), expected[0].detach(), atol=1e-4)
    plain = _own(tmp_path / "plain")
    assert np.abs(_logits(plain, photo) - _logits(taking, photo)).max() > 0.05
    assert verify_bundle(tmp_path / "taking", trust=True)
    seen = [one.explain(photo, "feature-cam:edges=scharr:input=3", 0) for one in (reversing,)]
    assert seen[0].edges == "Scharr (OpenCV)"


def test_twelve_bits(tmp_path: Path) -> None:
    photo = _photo(1)
    eight = _own(tmp_path / "eight", channels=1)
    twelve = _own(tmp_path / "twelve", channels=1, full_scale=4080)
    assert _input(twelve).full_scale == 4080
    deep = photo.astype(np.uint16) * 16
    np.testing.assert_allclose(_logits(twelve, deep), _logits(eight, photo), atol=1e-5)
    explained = twelve.explain(deep)
    np.testing.assert_array_equal(explained.photo[..., :1], photo)
    with pytest.raises(ImageError, match="--full-scale 4080"):
        twelve.explain(photo)
    with pytest.raises(ImageError, match="up to 4081"):
        twelve.explain(np.full((16, 16), 4081, np.uint16))


@pytest.mark.parametrize(
    ("channels", "options", "said"),
    [
        (1, {"colour": "BGR"}, r"--colour bgr is of 3 channel\(s\), the network takes 1"),
        (3, {"colour": "grey"}, r"--colour grey is of 1 .* takes 3: leave it out, grey pictures"),
        (4, {"colour": "RGB"}, "the network takes 4"),
        (4, {"mean": (0.1, 0.2, 0.3)}, "--mean: expected one number or 4"),
        (1, {"std": (0.1, 0.2, 0.3)}, "--std: expected one number or 1"),
        (3, {"mean": (123.7, 116.3, 103.5)}, "divide both by 255"),
        (3, {"std": (58.4,)}, "divide both by 255"),
        (3, {"mean": (float("nan"),)}, "--mean: expected one number"),
        (3, {"full_scale": 1}, "--full-scale is the value of white in the pictures, 255 to 65535"),
        (3, {"full_scale": 70000}, "got 70000"),
        (3, {"shown": (0,)}, "this takes RGB"),
        (4, {"shown": (0, 1)}, "expected one channel, or three"),
        (4, {"shown": (4,)}, r"of 0 to 3, got \(4,\)"),
        (3, {"channels_given": 0}, "--channels 0 is below 1"),
        (3, {"channels_given": 4}, "does not run on 4 images of 16x16 with 4 channels"),
    ],
)
def test_options_that_do_not_fit(
    tmp_path: Path, channels: int, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        _own(tmp_path / "b", channels=channels, **options)
    assert list(tmp_path.iterdir()) == []


def test_published_networks_say_their_channels(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"resnet18 takes .* 3 channel\(s\), not 1: .*:callable"):
        _build(tmp_path / "b", "resnet18", weights="random", channels=1)


def test_an_exported_program_of_two_channels(tmp_path: Path) -> None:
    batch = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(
        channelled(2).eval(), (torch.zeros(2, 2, 16, 20),), dynamic_shapes=batch
    )
    torch.export.save(program, tmp_path / "two.pt2")
    explainer = _build(tmp_path / "b", tmp_path / "two.pt2", trust=True, shown=(1,))
    assert (_input(explainer).channels, _input(explainer).shown) == (2, (1, 1, 1))
    with pytest.raises(OptionError, match=r"takes images of 2 channel\(s\), not 3: leave .* file"):
        _build(tmp_path / "c", tmp_path / "two.pt2", trust=True, channels=3)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    channels: int,
    shape: tuple[Any, ...],
    kind: int = TensorProto.FLOAT,
    weights: type[np.floating] = np.float32,
    beside: dict[str, Array] | None = None,
) -> Path:
    """`nodes` make `picture` of `x`; behind it the network `channelled`."""
    own = {
        name: value.detach().numpy().astype(weights)
        for name, value in channelled(channels).named_parameters()
    }
    make = helper.make_node
    pads: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": [2, 2]}
    tail = [
        make("Conv", ["picture", "features.0.weight", "features.0.bias"], ["a"], "a", **pads),
        make("Relu", ["a"], ["b"], "b"),
        make("Conv", ["b", "features.2.weight", "features.2.bias"], ["c"], "c", **pads),
        make("Relu", ["c"], ["d"], "d"),
        make("GlobalAveragePool", ["d"], ["e"], "e"),
        make("Flatten", ["e"], ["f"], "f"),
        make("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"], "logits", transB=1),
    ]
    graph = helper.make_graph(
        [*nodes, *tail],
        "g",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [onnx.ValueInfoProto(name="logits")],
        [numpy_helper.from_array(value, name) for name, value in {**own, **(beside or {})}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


def _node(operator: str, *values: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, [*values[:-1]], [values[-1]], values[-1], **attributes)


_TURN = _node("Transpose", "x", "picture", perm=[0, 3, 1, 2])


def _answer(path: Path, images: Array) -> Array:
    (found,) = ort.InferenceSession(str(path)).run(["logits"], {"x": images})
    logits: Array = np.asarray(found)[0]
    return logits


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_uint8_channels_last_with_a_cast_inside(tmp_path: Path, channels: int) -> None:
    nodes = [
        _node("Cast", "x", "floats", to=TensorProto.FLOAT),
        _node("Div", "floats", "white", "scaled"),
        _node("Transpose", "scaled", "picture", perm=[0, 3, 1, 2]),
    ]
    shape = ("n", 16, 20, channels)
    path = _save(
        *(tmp_path / "k.onnx", nodes, channels, shape, TensorProto.UINT8),
        beside={"white": np.full(1, 255, np.float32)},
    )
    explainer = _build(tmp_path / "b", path, gradient=True)
    spec = _input(explainer)
    assert (spec.size, spec.channels, spec.mean[0]) == ((16, 20), channels, 0)
    photo = RNG.integers(0, 256, (16, 20, channels), np.uint8)
    np.testing.assert_allclose(_logits(explainer, photo), _answer(path, photo[None]), atol=1e-4)
    for options in ({"mean": (0.5,)}, {"std": (0.5,)}, {"full_scale": 4095}):
        with pytest.raises(
            OptionError, match=r"takes values of 0-255 as they are .* --mean, --std"
        ):
            _build(tmp_path / "c", path, **options)
    assert verify_bundle(tmp_path / "b", trust=True)


def test_keras_grey_channels_last(tmp_path: Path) -> None:
    path = _save(tmp_path / "k.onnx", [_TURN], 1, ("n", 64, 64, 1))
    explainer = _build(tmp_path / "b", path, mean=(0.0,), std=(1.0,))
    assert (_input(explainer).size, _input(explainer).colour) == ((64, 64), "grey")
    photo = RNG.integers(0, 256, (64, 64), np.uint8)
    expected = _answer(path, photo[None, ..., None] / np.float32(255))
    np.testing.assert_allclose(_logits(explainer, photo), expected, atol=1e-4)


@pytest.mark.parametrize("of", [np.float16, np.float64])
def test_files_in_other_floats_are_read_in_float32(tmp_path: Path, of: type[np.floating]) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(of))
    path = _save(
        tmp_path / "k.onnx", [_node("Relu", "x", "picture")], 3, ("n", 3, 16, 16), kind, of
    )
    explainer = _build(tmp_path / "b", path, gradient=True)
    images = torch.from_numpy(prepare(_photo(), _input(explainer)))
    expected = channelled(3)(images.relu())[0].detach()
    found = explainer.graphs().forward(images.numpy()).logits
    np.testing.assert_allclose(found, expected, atol=5e-3 if of is np.float16 else 1e-4)


def test_a_slice_that_reverses_channels(tmp_path: Path) -> None:
    backwards = {
        "starts": np.array([-1]),
        "ends": np.array([np.iinfo(np.int64).min]),
        "axes": np.array([1]),
        "steps": np.array([-1]),
    }
    path = _save(
        tmp_path / "r.onnx", [_node("Slice", "x", *backwards, "picture")], 3, ("n", 3, 16, 16),
        beside=backwards,
    )  # fmt: skip
    explainer = _build(tmp_path / "b", path)
    images = prepare(_photo(), _input(explainer))
    np.testing.assert_allclose(
        explainer.graphs().forward(images).logits, _answer(path, images), atol=1e-4
    )
    expected = channelled(3, "reversed")(torch.from_numpy(images))[0].detach()
    np.testing.assert_allclose(_answer(path, images), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [("n", 2, "h", "w"), ("n", "h", "w", 2)])
def test_open_sizes_are_compared_at_the_size_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[Any, ...]
) -> None:
    compared: list[tuple[int, ...]] = []
    run = ort.InferenceSession.run

    def seen(self: ort.InferenceSession, names: Any, feed: Any, *rest: Any) -> Any:
        compared.extend(value.shape for name, value in feed.items() if name == "x")
        return run(self, names, feed, *rest)

    monkeypatch.setattr(ort.InferenceSession, "run", seen)
    last = shape[3] == 2
    first = _TURN if last else _node("Relu", "x", "picture")
    path = _save(tmp_path / "k.onnx", [first], 2, shape)
    explainer = _build(tmp_path / "b", path, size=(24, 16))
    assert set(compared) == {(1, 24, 16, 2) if last else (1, 2, 24, 16)}
    assert _input(explainer).size == (24, 16)


def test_open_channels_are_tried(tmp_path: Path) -> None:
    path = _save(tmp_path / "k.onnx", [_node("Relu", "x", "picture")], 1, ("n", "c", 16, 16))
    assert _input(_build(tmp_path / "b", path)).channels == 1
    path = _save(tmp_path / "two.onnx", [_node("Relu", "x", "picture")], 2, ("n", "c", 16, 16))
    with pytest.raises(UnsupportedError, match="with 3 or 1 channels"):
        _build(tmp_path / "c", path)
    assert _input(_build(tmp_path / "c", path, channels=2)).channels == 2
    with pytest.raises(
        UnsupportedError, match=r"does not run on ONNX Runtime itself on 3 channel\(s\) at"
    ):
        _build(tmp_path / "d", path, channels=3)


def test_images_in_sixteen_bits(tmp_path: Path) -> None:
    """Of a 12-bit camera, too: the network is given the camera's own values."""
    nodes = [
        _node("Cast", "x", "floats", to=TensorProto.FLOAT),
        _node("Div", "floats", "white", "picture"),
    ]
    beside = {"white": np.full(1, 65535, np.float32)}
    path = _save(tmp_path / "k.onnx", nodes, 1, ("n", 1, 16, 16), TensorProto.UINT16, beside=beside)
    for full_scale in (65535, 4095):
        given = None if full_scale == 65535 else full_scale
        out = tmp_path / str(full_scale)
        explainer = _build(out, path, full_scale=given, gradient=True)
        assert _input(explainer).full_scale == full_scale
        photo = RNG.integers(0, full_scale, (16, 16), np.uint16, endpoint=True)
        expected = _answer(path, photo[None, None])
        np.testing.assert_allclose(_logits(explainer, photo), expected, atol=1e-5)
        with pytest.raises(ImageError, match=f"--full-scale {full_scale}"):
            explainer.explain(_photo(1))
    with pytest.raises(OptionError, match=r"takes values of 0-65535 as they are"):
        _build(tmp_path / "c", path, mean=(0.5,))


def test_images_of_other_integers_are_refused(tmp_path: Path) -> None:
    cast = _node("Cast", "x", "picture", to=TensorProto.FLOAT)
    path = _save(tmp_path / "k.onnx", [cast], 3, ("n", 3, 16, 16), TensorProto.INT32)
    with pytest.raises(UnsupportedError, match=r"INT32.*one image .* floats, uint8 or uint16"):
        _build(tmp_path / "b", path)


def _for_fixed(path: Path, rows: int) -> Path:
    """A file for `rows` images with open channels, of one; its reshape has the rows in it."""
    shape = {"rows": np.array([rows, -1, 16, 16])}
    turn = _node("Reshape", "x", "rows", "picture")
    return _save(path, [turn], 1, (rows, "c", 16, 16), beside=shape)


@pytest.mark.parametrize("rows", [1, 4])
def test_open_channels_of_a_file_for_a_fixed_batch_are_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    tried: list[int] = []

    def seen(network: Any, channels: int, size: tuple[int, int]) -> str | None:
        tried.append(channels)
        return failure(network, channels, size)

    failure = _channels._failure
    monkeypatch.setattr(_channels, "_failure", seen)
    path = _for_fixed(tmp_path / "one.onnx", rows)
    explainer = _build(tmp_path / "b", path)
    assert tried == [3, 1]
    images = prepare(as_picture(_photo(1), _input(explainer)), _input(explainer))
    expected = _answer(path, np.repeat(images, rows, 0))
    np.testing.assert_allclose(explainer.graphs().forward(images).logits, expected, atol=1e-4)
