"""Bundles in lower precision from beginning to end."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

from camexport.build import BuildOptions, build_bundle
from camexport.errors import FidelityError, OptionError, UnsupportedError
from camexport.precision import read_calibration
from camexport.verify import verify_bundle
from camruntime.bundle import open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import ImageError
from camruntime.pictures import Picture, encode_png, prepare
from networks import small_vit
from onnx_text import kinds, uniform

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PLAIN = BuildOptions(model="networks:plain", size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)


def _pictures(folder: Path, count: int) -> list[Picture]:
    """Coloured blocks, in two folders below as of a data set by class."""
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
    pictures = list(blocks.repeat(8, 1).repeat(8, 2))
    for number, picture in enumerate(pictures):
        _save(picture, folder / str(2 * number // count) / f"{number:02}.png")
    return pictures


def _save(picture: Picture, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(picture))


def test_fp16_is_half_as_large_and_shares_its_weights(in_tests: None, tmp_path: Path) -> None:
    """One kernel in head, tail and gradient, stored once in float16."""
    options = BuildOptions(model="networks:tied", size=(32, 32), out=tmp_path / "b")
    exact = build_bundle(options).bundle
    lowered = build_bundle(
        dataclasses.replace(options, precision="fp16", out=tmp_path / "half")
    ).bundle
    assert exact.manifest.weights.bytes == 64 * 64 * 4
    assert lowered.manifest.weights.bytes == 64 * 64 * 2
    assert lowered.manifest.parity == exact.manifest.parity
    assert lowered.manifest.source == exact.manifest.source
    assert (exact.manifest.precision, exact.manifest.fidelity) == ("float32", ())
    assert lowered.manifest.precision == "fp16"
    assert lowered.manifest.fingerprint == f"{exact.manifest.source.digest}, fp16"
    measured = {one.method: one for one in lowered.manifest.fidelity}
    assert set(measured) == {"recipro-cam", "grad-cam", "score-cam"}
    assert {(one.inputs, one.images) for one in measured.values()} == {("noise", 8)}
    assert all(0.999 < one.worst <= one.mean <= 1 for one in measured.values())
    assert measured["score-cam"].worst < 1, "something was rounded"
    for graph in lowered.manifest.graphs.values():
        onnx.checker.check_model(str(lowered.folder / graph.file))
    assert sorted(path.name for path in lowered.folder.iterdir()) == sorted(
        path.name for path in exact.folder.iterdir()
    )


def test_a_transformer_in_fp16(in_tests: None, tmp_path: Path) -> None:
    """Tokens, layer norms and softmax; logits within float16's rounding of PyTorch's."""
    options = BuildOptions(
        model="networks:small_vit", size=(32, 48), precision="fp16", out=tmp_path / "half"
    )
    lowered = build_bundle(options).bundle
    half, single = ir.DataType.FLOAT16, ir.DataType.FLOAT
    for name in ("head", "tail"):
        model = ir.load(lowered.folder / f"{name}.onnx")
        ends = (*model.graph.inputs, *model.graph.outputs)
        assert {value.dtype for value in ends} == {single}
        assert set(kinds(model, "LayerNormalization", "Softmax")) == {single}
        assert set(kinds(model, "MatMul", "Gelu")) == {half}
        weights = [value for value in model.graph.initializers.values() if len(value.shape or ())]
        matrices = [value.dtype for value in weights if len(value.shape or ()) == 2]
        assert matrices
        assert set(matrices) == {half}
    image = uniform(1, 3, 32, 48, low=-2, high=2)
    with torch.no_grad():
        (wanted,) = small_vit().eval()(torch.from_numpy(image)).numpy()
    found = OnnxGraphs(Engine(lowered, ["cpu"])).forward(image).logits
    off = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert 1e-5 < off < 2**-8, "rounded to half precision, and no more"


def test_int8_is_calibrated_on_every_second_picture(in_tests: None, tmp_path: Path) -> None:
    """And judged by the others. The head's input spans the values of the former, and zero."""
    pictures = _pictures(tmp_path / "photos", 6)
    bundle = build_bundle(_in_int8(tmp_path)).bundle
    assert bundle.manifest.precision == "int8"
    assert {(one.inputs, one.images) for one in bundle.manifest.fidelity} == {("pictures", 3)}
    assert all(0.999 <= one.worst < 1 for one in bundle.manifest.fidelity)
    head = ir.load(bundle.folder / "head.onnx")
    scale, zero = (_value(head, f"image_{what}") for what in ("scale", "zero_point"))
    values = np.stack(pictures[::2]) / 255 / 0.25 - 2  # mean 0.5, std 0.25
    low, high = values.min(), values.max()
    assert scale == pytest.approx((high - low) / 255, rel=1e-5)
    assert zero == np.rint(-low / scale)
    tail = ir.load(bundle.folder / "tail.onnx")
    assert {node.op_type for node in tail.graph} == {"ReduceMean", "Reshape", "Gemm"}


def test_ranges_that_do_not_fit_are_found_out_and_nothing_is_left(
    in_tests: None, tmp_path: Path
) -> None:
    """Calibrated on black pictures, judged by those in between."""
    pictures = _pictures(tmp_path / "photos", 6)
    for number in range(0, 6, 2):
        (place,) = (tmp_path / "photos").rglob(f"{number:02}.png")
        _save(np.zeros_like(pictures[0]), place)
    with pytest.raises(FidelityError, match=r"maps in int8 .*recipro-cam .*on \d+% of 3 pictures"):
        build_bundle(_in_int8(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_build_that_fails_keeps_what_was_there(in_tests: None, tmp_path: Path) -> None:
    shutil.copytree(INSPECTOR, tmp_path / "b")
    before = open_bundle(tmp_path / "b").manifest
    for number in range(2):
        _save(np.full((8, 8, 3), 255 * number, np.uint8), tmp_path / "photos" / f"{number}.png")
    with pytest.raises(FidelityError):
        build_bundle(dataclasses.replace(_in_int8(tmp_path), force=True))
    assert open_bundle(tmp_path / "b").manifest == before


def test_a_network_that_leaves_float16_is_refused(in_tests: None, tmp_path: Path) -> None:
    """ONNX Runtime's CPU provider would compute its logits without overflow."""
    options = BuildOptions(model="networks:loud", size=(32, 32), gradient=False, out=tmp_path / "b")
    build_bundle(options)
    with pytest.raises(FidelityError, match=r"beyond float16's 65504"):
        build_bundle(dataclasses.replace(options, precision="fp16", out=tmp_path / "half"))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_the_quantiser_refuses_is_named(
    in_tests: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise ValueError("no such operator")

    _pictures(tmp_path / "photos", 2)
    monkeypatch.setattr("camexport.precision.reduce.quantise", refuse)
    with pytest.raises(UnsupportedError, match=r"in int8: no such operator; .* float32"):
        build_bundle(_in_int8(tmp_path))


def test_pictures_judge_fp16_too(in_tests: None, tmp_path: Path) -> None:
    _pictures(tmp_path / "photos", 3)
    options = dataclasses.replace(_in_int8(tmp_path), precision="fp16")
    measured = build_bundle(options).bundle.manifest.fidelity
    assert {(one.inputs, one.images) for one in measured} == {("pictures", 3)}


def test_a_large_folder_is_thinned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = _pictures(tmp_path / "photos", 10)
    spec = open_bundle(INSPECTOR).manifest.input
    monkeypatch.setattr("camexport.precision.calibration._MOST", 5)
    found = read_calibration("fp16", tmp_path / "photos", spec)
    assert found is not None
    wanted = [prepare(picture, spec) for picture in pictures[::2]]
    np.testing.assert_array_equal(found.judges, wanted)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"precision": "int8"}, "--precision int8 needs --calibrate FOLDER"),
        ({"calibrate": Path()}, "--calibrate goes with --precision int8 or fp16, not with float32"),
        ({"precision": "fp16", "calibrate": Path("nowhere")}, "two photographs .* found 0"),
        ({"precision": "int8", "calibrate": Path("one")}, "two photographs .* found 1"),
    ],
)
def test_options_that_make_no_sense(
    in_tests: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    said: str,
) -> None:
    """Refused before the network is made."""
    _save(np.zeros((8, 8, 3), np.uint8), tmp_path / "one" / "1.png")
    monkeypatch.setattr("camexport.build.load_network", None)
    if change.get("calibrate") == Path("one"):
        change = {**change, "calibrate": tmp_path / "one"}
    with pytest.raises(OptionError, match=said):
        build_bundle(dataclasses.replace(PLAIN, out=tmp_path / "b", **change))
    assert not (tmp_path / "b").exists()


def test_a_picture_that_cannot_be_read_is_named(in_tests: None, tmp_path: Path) -> None:
    _pictures(tmp_path / "photos", 2)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.png is not a picture"):
        build_bundle(_in_int8(tmp_path))


def test_verify_says_that_there_is_no_parity(tmp_path: Path) -> None:
    shutil.copytree(INSPECTOR, tmp_path / "b", ignore=shutil.ignore_patterns("samples"))
    manifest = open_bundle(INSPECTOR).manifest
    dataclasses.replace(manifest, precision="fp16").write(tmp_path / "b")
    with pytest.raises(OptionError, match=r"computes in fp16, .* `camruntime info`"):
        verify_bundle(tmp_path / "b")


def _in_int8(folder: Path) -> BuildOptions:
    return dataclasses.replace(
        PLAIN, precision="int8", calibrate=folder / "photos", out=folder / "b"
    )


def _value(model: ir.Model, name: str) -> float:
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None
    return float(tensor.numpy())
