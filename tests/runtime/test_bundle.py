"""Opening a bundle says precisely what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from camruntime.bundle import MANIFEST, Bundle, Fidelity, Parity, manifest_rows, open_bundle
from camruntime.errors import BundleError
from manifests import edit_manifest


@pytest.fixture
def copy(inspector: Path, tmp_path: Path) -> Path:
    place = tmp_path / "bundle"
    shutil.copytree(inspector, place)
    return place


def _edit(folder: Path, **changes: object) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(changes))


def test_the_shipped_bundle_opens_and_writes_back_the_same(inspector: Path, tmp_path: Path) -> None:
    manifest = open_bundle(inspector).manifest
    assert manifest.labels == ("good", "scratch", "crack", "stain", "hole")
    assert manifest.layer.shape == (96, 16, 16)
    assert all(parity.relative < 1e-5 for parity in manifest.parity)
    manifest.write(tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == (inspector / MANIFEST).read_bytes()


def test_the_fingerprint_tells_precisions_apart(inspector: Path) -> None:
    manifest = open_bundle(inspector).manifest
    assert (manifest.precision, manifest.fidelity) == ("float32", ())
    assert manifest.fingerprint == manifest.source.digest
    half = dataclasses.replace(manifest, precision="fp16")
    assert half.fingerprint == f"{manifest.source.digest}, fp16"


def test_a_parity_s_facts_are_fields_and_its_words_are_made_of_them() -> None:
    plain = Parity(
        layer="features",
        graph="head+tail",
        saturated=False,
        batch=2,
        absolute=1.0,
        relative=1.0,
        float32=None,
    )
    assert (plain.part, plain.of_gradient) == ("head+tail", False)
    gradient = dataclasses.replace(plain, graph="gradient")
    assert (gradient.part, gradient.of_gradient) == ("gradient", True)
    saturated = dataclasses.replace(gradient, saturated=True)
    assert (saturated.part, saturated.of_gradient) == ("gradient, saturated", True)


def test_what_every_table_about_a_bundle_says(inspector: Path) -> None:
    manifest = open_bundle(inspector).manifest
    rows = {
        "weights": "inspector.safetensors",
        "target layer": "features (96, 16, 16)",
        "classes": "5 ('good' is good)",
        "probabilities": "softmax over the classes",
        "size": "0.9 MB of weights",
        "precision": "float32",
    }
    assert manifest_rows(manifest) == rows
    likeness = Fidelity(
        method="cam", inputs="noise", images=8, mean=0.9999, worst=0.9991, same_top=0.99
    )
    half = dataclasses.replace(manifest, precision="fp16", fidelity=(likeness,) * 2)
    assert manifest_rows(half) == {
        **rows,
        "precision": "fp16",
        "as in float32": f"{likeness}; {likeness}",
    }


def test_no_directory_and_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"has no bundle\.json"):
        open_bundle(tmp_path)


def test_broken_json(copy: Path) -> None:
    (copy / MANIFEST).write_text("{")
    with pytest.raises(BundleError, match="not valid JSON"):
        open_bundle(copy)


def test_the_good_class_is_one_of_them(copy: Path) -> None:
    assert open_bundle(copy).manifest.good == 0
    _edit(copy, good=None)
    assert open_bundle(copy).manifest.good is None
    for none in (5, -1, "good", 1.5, True):
        _edit(copy, good=none)
        with pytest.raises(BundleError):
            open_bundle(copy)


@pytest.mark.parametrize("version", [0, 8, 9, 10, 12, None, "11"])
def test_another_schema_version(copy: Path, version: object) -> None:
    _edit(copy, schema_version=version)
    with pytest.raises(
        BundleError, match=r"schema_version .*, this camruntime reads 11: build the bundle again"
    ):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": "five"}, r"bundle\.classes: expected int, found 'five'"),
        ({"classes": True}, r"bundle\.classes: expected int"),
        ({"labels": [1]}, r"bundle\.labels\[0\]: expected str"),
        ({"layer": {"name": "x", "shape": [1]}}, r"bundle\.layer\.axes: missing"),
        ({"surprise": 1}, r"bundle\.surprise: not a known field"),
        ({"weights": []}, r"bundle\.weights: expected object"),
        ({"parity": {}}, r"bundle\.parity: expected a list"),
        ({"graphs": {"head": 3}}, r"bundle\.graphs\.head: expected object"),
        ({"precision": "half"}, r"bundle\.precision: expected .*fp16.*'half'"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    copy: Path, change: dict[str, object], said: str
) -> None:
    _edit(copy, **change)
    with pytest.raises(BundleError, match=said):
        open_bundle(copy)


def test_what_was_assumed_is_told_and_checked(copy: Path) -> None:
    before = open_bundle(copy).manifest
    content = json.loads((copy / MANIFEST).read_text())["input"]
    _edit(copy, input={**content, "assumed": ["size", "std", "full_scale"]})
    found = open_bundle(copy).manifest
    assert found.input.assumed == ("size", "std", "full_scale")
    assert found.input.unnoticed == ("size", "std")
    assert found.input == before.input, "it prepares the same picture"
    said = "size 128x128, std 0.25, full scale 255: nobody said so when it was built"
    assert manifest_rows(found)["assumed"] == said
    for none in (["size", "size"], ["shown"], "size", None):
        _edit(copy, input={**content, "assumed": none})
        with pytest.raises(BundleError, match=r"bundle\.input"):
            open_bundle(copy)


def test_a_nested_choice_that_does_not_exist(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    _edit(copy, input={**manifest["input"], "resize": "stretch", "mean": [0, 0, 0]})
    with pytest.raises(BundleError, match=r"bundle\.input\.resize: expected .*squash.*'stretch'"):
        open_bundle(copy)


@pytest.mark.parametrize("file", ["head.onnx", "weights.bin"])
def test_a_changed_or_missing_file_is_named(copy: Path, file: str) -> None:
    data = bytearray((copy / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{file} was changed or damaged"):
        open_bundle(copy)
    (copy / file).unlink()
    with pytest.raises(BundleError, match=rf"{file} is named in bundle\.json and missing"):
        open_bundle(copy)


def test_a_graph_that_is_not_there(inspector: Path) -> None:
    with pytest.raises(BundleError, match=r"no graph 'heart'.*head, tail.*camexport build"):
        open_bundle(inspector).graph("heart")


def test_a_bundle_without_gradient_says_how_to_get_it(inspector: Path) -> None:
    bundle = open_bundle(inspector)
    graphs = {name: graph for name, graph in bundle.manifest.graphs.items() if name != "gradient"}
    without = Bundle(bundle.folder, dataclasses.replace(bundle.manifest, graphs=graphs))
    with pytest.raises(BundleError, match="--model inspector`, without --no-gradient"):
        without.graph("gradient")


@pytest.mark.parametrize(
    ("mean", "std"), [(8.5e37, 0.25), (-8.5e37, 0.25), (0.5, 1e-300), (1e300, 1e300), (0, 1e39)]
)
def test_pixels_that_float32_does_not_hold(copy: Path, mean: float, std: float) -> None:
    content = json.loads((copy / MANIFEST).read_text())["input"]
    _edit(copy, input={**content, "mean": [mean] * 3, "std": [std] * 3})
    with pytest.raises(BundleError, match=r"bundle\.input: .* give values beyond float32"):
        open_bundle(copy)
    _edit(copy, input={**content, "mean": [1e30] * 3, "std": [1e-7] * 3})
    assert open_bundle(copy).manifest.input.mean == (1e30,) * 3
