"""The contract of edge models, and the edges that need none."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from camruntime.edge_model import EdgeModel, open_edge_model, scharr
from camruntime.errors import EdgeModelError
from camruntime.maps import FloatArray

ONNX = b"not a graph: nothing here runs it"
MODEL = EdgeModel(
    schema_version=1,
    name="tiny",
    file="edges.onnx",
    input="image",
    output="edges",
    colour="BGR",
    scale=255.0,
    mean=(10.0, 20.0, 30.0),
    std=(1.0, 2.0, 4.0),
    sha256=hashlib.sha256(ONNX).hexdigest(),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "edges.onnx").write_bytes(ONNX)
    MODEL.write(tmp_path)
    return tmp_path


def _edit(folder: Path, **changes: object) -> None:
    raw = json.loads((folder / "edges.json").read_text())
    (folder / "edges.json").write_text(json.dumps({**raw, **changes}))


def test_it_opens_by_directory_and_by_file_as_it_was_written(folder: Path) -> None:
    file = folder / "edges.onnx"
    found = (file, MODEL, file.read_bytes())
    assert open_edge_model(folder) == open_edge_model(str(file)) == found


def test_any_stem_goes_and_names_the_json(tmp_path: Path) -> None:
    other = dataclasses.replace(MODEL, file="dexined.v2.onnx")
    (tmp_path / other.file).write_bytes(ONNX)
    other.write(tmp_path)
    assert (tmp_path / "dexined.v2.json").is_file()
    assert open_edge_model(tmp_path / other.file)[1] == other


def test_without_a_digest_the_file_is_not_checked(folder: Path) -> None:
    (folder / "edges.onnx").write_bytes(b"another")
    _edit(folder, sha256=None)
    assert open_edge_model(folder)[1].sha256 is None


def test_a_missing_model_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "edges.json").write_text("{}")
    for path in (tmp_path, tmp_path / "other.onnx", tmp_path / "edges.json"):
        with pytest.raises(EdgeModelError, match=r"no edge model at .*`camexport edges"):
            open_edge_model(path)


def test_a_missing_json_is_shown_and_what_is_shown_works(folder: Path) -> None:
    (folder / "edges.json").unlink()
    with pytest.raises(EdgeModelError, match=r"edges\.json is missing: .*\"mean\"") as caught:
        open_edge_model(folder)
    (folder / "edges.json").write_text("{" + str(caught.value).partition("{")[2])
    assert open_edge_model(folder)[1].scale == 255


def test_broken_json(folder: Path) -> None:
    (folder / "edges.json").write_text("{")
    with pytest.raises(EdgeModelError, match="not valid JSON"):
        open_edge_model(folder)


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_schema_version(folder: Path, version: object) -> None:
    _edit(folder, schema_version=version)
    with pytest.raises(EdgeModelError, match=r"schema_version .*, this camruntime reads 1"):
        open_edge_model(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "HSV"}, r"edges\.colour: expected .*RGB.*BGR.*'HSV'"),
        ({"mean": [1, 2]}, r"edges\.mean: expected a list of 3"),
        ({"scale": "255"}, r"edges\.scale: expected a number"),
        ({"surprise": 1}, r"edges\.surprise: not a known field"),
        ({"file": "other.onnx"}, r"is that of 'other\.onnx'"),
        ({"std": [1, 0, 1]}, r"std \(1\.0, 0\.0, 1\.0\): expected .* std above 0"),
        ({"scale": 0}, r"scale 0\.0.*scale not 0"),
        ({"mean": [0, float("nan"), 0]}, "NaN is no JSON"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    folder: Path, change: dict[str, object], said: str
) -> None:
    _edit(folder, **change)
    with pytest.raises(EdgeModelError, match=said):
        open_edge_model(folder)


def test_a_changed_file_is_named(folder: Path) -> None:
    (folder / "edges.onnx").write_bytes(ONNX + b"!")
    with pytest.raises(
        EdgeModelError, match=r"edges\.onnx was changed or damaged: SHA-256 \w{12}…"
    ):
        open_edge_model(folder)


def test_pixels_as_the_model_wants_them() -> None:
    pixels = np.zeros((1, 3, 2, 3), np.float32)
    pixels[0, :, 1, 2] = 0.2, 0.4, 1.0  # red, green, blue
    found = MODEL.prepare(pixels)
    assert found.shape == pixels.shape
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found[0, :, 1, 2], [245, (102 - 20) / 2, (51 - 30) / 4], rtol=1e-6)
    np.testing.assert_allclose(found[0, :, 0, 0], [-10, -10, -7.5], rtol=1e-6)
    as_rgb = dataclasses.replace(MODEL, colour="RGB", scale=1.0).prepare(pixels)
    np.testing.assert_allclose(as_rgb[0, :, 1, 2], [-9.8, -9.8, -7.25], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (1, 2, 3), (2, 3)])
def test_the_output_becomes_one_clipped_map(shape: tuple[int, ...]) -> None:
    output = np.array([-0.5, 0, 0.25, 0.5, 1, 1.5], np.float64).reshape(shape)
    found = MODEL.edge_map(output.astype(np.float32), (2, 3))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 0.25], [0.5, 1, 1]])


@pytest.mark.parametrize(
    "shape", [(3, 2), (1, 1, 3, 2), (2, 1, 2, 3), (1, 2, 2, 3), (2, 2, 3), (6,), (1, 1, 1, 2, 3)]
)
def test_an_output_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(EdgeModelError, match=r"tiny answered with shape .*\(1, 1, 2, 3\)"):
        MODEL.edge_map(np.zeros(shape, np.float32), (2, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_no_number(value: float) -> None:
    output = np.zeros((1, 1, 2, 3), np.float32)
    output[0, 0, 1, 1] = value
    with pytest.raises(EdgeModelError, match="tiny answered NaN or infinity"):
        MODEL.edge_map(output, (2, 3))


def _grey(values: FloatArray) -> FloatArray:
    return np.repeat(values[None, None], 3, axis=1)


def test_scharr_of_a_dot() -> None:
    """The kernel is [3, 10, 3] across [-1, 0, 1]: 10 beside the dot, (3, 3) at its corners."""
    dot = np.zeros((5, 6), np.float32)
    dot[2, 3] = 0.5
    found = scharr(_grey(dot))
    assert found.dtype == np.float32
    corner = np.sqrt(18) / 10
    expected = np.zeros((5, 6))
    expected[1:4, 2:5] = [[corner, 1, corner], [1, 0, 1], [corner, 1, corner]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_scharr_reflects_at_the_border_without_repeating_it() -> None:
    ramp = np.tile(np.linspace(0, 1, 5, dtype=np.float32), (4, 1))
    expected = np.tile(np.array([0, 1, 1, 1, 0], np.float32), (4, 1))
    np.testing.assert_allclose(scharr(_grey(ramp)), expected, atol=1e-6)


def test_scharr_weighs_red_green_and_blue_as_the_eye_does() -> None:
    pixels = np.zeros((1, 3, 3, 12), np.float32)
    for channel, column in enumerate((1, 5, 9)):
        pixels[0, channel, :, column] = 1
    row = scharr(pixels)[1]
    np.testing.assert_allclose(row[[2, 6, 10]], np.array([299, 587, 114]) / 587, rtol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 13, 50])
@pytest.mark.parametrize("seed", range(5))
def test_a_flat_picture_has_no_edges(width: int, seed: int) -> None:
    """OpenCV rounds the grey of a row's last pixels differently: no edge, 1e-7 of the value."""
    colour = np.random.default_rng(seed).random((1, 3, 1, 1), np.float32)
    pixels = np.broadcast_to(colour, (1, 3, 7, width)).copy()
    np.testing.assert_array_equal(scharr(pixels), np.zeros((7, width), np.float32))


def test_one_grey_level_is_an_edge() -> None:
    pixels = _grey(np.ones((4, 6), np.float32))
    pixels[..., 3:] -= 1 / 255
    assert scharr(pixels).max() == 1
    assert not scharr(np.zeros((1, 3, 4, 6), np.float32)).any()
