"""Networks that are split at several layers: one file of weights, and every layer compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.bundles import write as writing
from camexport.cli.app import app
from camexport.errors import NotACutError, NotSpatialError, OptionError, ParityError
from camexport.package import PackageOptions, write_package
from camexport.randomise import RandomiseOptions, randomise_bundle
from camexport.verify import verify_bundle
from camruntime.bundle import Bundle, open_bundle
from camruntime.methods import GradCAM, LayerFusion
from manifests import edit_manifest, setting

PLAIN = BuildOptions(
    model="networks:plain", size=(32, 32), layer="features", more_layers=("features.0",)
)
PHOTO = np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)


@pytest.fixture
def plain(in_tests: None, tmp_path: Path) -> Bundle:
    return build_bundle(dataclasses.replace(PLAIN, out=tmp_path / "plain")).bundle


@pytest.fixture(scope="module")
def resnets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Bundle]:
    """Random ResNet18, by the number of its layers."""
    layers, found = ("layer4", "layer3", "layer2"), {}
    for count in (1, 3):
        options = BuildOptions(
            model="resnet18",
            weights="random",
            size=(64, 64),
            layer=layers[0],
            more_layers=layers[1:count],
            out=tmp_path_factory.mktemp("resnets") / str(count),
        )
        found[count] = build_bundle(options).bundle
    return found


def test_weights_are_stored_once(resnets: dict[int, Bundle]) -> None:
    one, three = resnets[1].manifest, resnets[3].manifest
    assert three.weights == one.weights
    later = {f"{name}_{number}" for name in ("head", "tail", "gradient") for number in (2, 3)}
    assert three.graphs.keys() == one.graphs.keys() | later, "only behind layer4 no cells are mixed"
    for name in later:
        file = resnets[3].folder / three.graphs[name].file
        onnx.checker.check_model(str(file), full_check=True)
    assert {name: graph.sha256 for name, graph in three.at(0).graphs.items()} == {
        name: graph.sha256 for name, graph in one.graphs.items()
    }


def test_every_layer_is_compared_with_pytorch(resnets: dict[int, Bundle]) -> None:
    manifest = resnets[3].manifest
    assert [(layer.name, layer.shape) for layer in manifest.layers] == [
        ("layer4", (512, 2, 2)),
        ("layer3", (256, 4, 4)),
        ("layer2", (128, 8, 8)),
    ]
    for layer in manifest.layers:
        parts = {one.part for one in manifest.parity if one.layer == layer.name}
        assert {"head", "tail", "head+tail", "gradient", "gradient, saturated"} <= parts
    assert max(one.relative for one in manifest.parity) < 1e-4


@pytest.mark.parametrize(
    ("model", "size", "layers"),
    [
        ("networks:small_vit", (32, 48), ("blocks.1", "blocks.0")),
        pytest.param(
            *("networks:small_swin", (32, 64), ("norm", "layers.1")), marks=pytest.mark.slow
        ),
        pytest.param(
            *("networks:small_vgg", (64, 64), ("features", "features.2")), marks=pytest.mark.slow
        ),
    ],
)
def test_tokens_and_other_layouts(
    in_tests: None, tmp_path: Path, model: str, size: tuple[int, int], layers: Sequence[str]
) -> None:
    options = BuildOptions(
        model=model, size=size, layer=layers[0], more_layers=(layers[1],), out=tmp_path / "b"
    )
    bundle = build_bundle(options).bundle
    alone = dataclasses.replace(options, layer=layers[1], more_layers=(), out=tmp_path / "alone")
    second = bundle.manifest.at(1)
    other = build_bundle(alone).bundle.manifest
    assert (second.layer, {*second.graphs}) == (other.layer, {*other.graphs})
    explainer = camruntime.load(bundle.folder, ["cpu"])
    graphs, image = explainer.graphs(), explainer.open(PHOTO).image
    _, there = graphs.cuts
    (wanted,) = camruntime.load(tmp_path / "alone", ["cpu"]).graphs().forwards(image)
    np.testing.assert_allclose(there.forward(image).logits, wanted.logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(there.layer(image).activations, wanted.activations, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "error", "said"),
    [
        (("features", "features"), OptionError, "--layer features and --layer features are the"),
        (("features", "features.2"), OptionError, "--layer features and --layer features.2 are"),
        (("features", "fc"), NotSpatialError, "'fc' gives activations"),
    ],
)
def test_layers_that_cannot_be(
    in_tests: None, tmp_path: Path, layers: tuple[str, str], error: type[Exception], said: str
) -> None:
    options = dataclasses.replace(
        PLAIN, layer=layers[0], more_layers=(layers[1],), out=tmp_path / "b"
    )
    with pytest.raises(error, match=said):
        build_bundle(options)
    assert not [*tmp_path.iterdir()]


def test_a_second_layer_that_is_no_cut(in_tests: None, tmp_path: Path) -> None:
    options = BuildOptions(
        model="resnet18",
        weights="random",
        size=(64, 64),
        layer="layer4",
        more_layers=("layer3.0.conv1",),
        out=tmp_path / "b",
    )
    with pytest.raises(NotACutError, match=r"'layer3\.0\.conv1' is not a cut"):
        build_bundle(options)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_goes_with_one_layer(tmp_path: Path, precision: Any) -> None:
    options = dataclasses.replace(PLAIN, precision=precision, out=tmp_path / "b")
    with pytest.raises(OptionError, match=f"goes with --precision float32 and not {precision}"):
        build_bundle(options)


def test_a_wrong_graph_of_the_second_layer_fails_the_build(
    in_tests: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both layers of the same shape, the graphs of the first."""
    once = writing._convert

    def twice_the_first(splits: Sequence[Any], contents: Any) -> Any:
        return once([splits[0], splits[0]], contents)

    monkeypatch.setattr(writing, "_convert", twice_the_first)
    with pytest.raises(ParityError, match=r"head at batch 1 differs .* at layer 'features\.0'"):
        build_bundle(dataclasses.replace(PLAIN, out=tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def test_verify_looks_at_every_layer(plain: Bundle) -> None:
    found = verify_bundle(plain.folder, trust=True)
    assert {one.layer for one in found} == {"features", "features.0"}
    edit_manifest(plain.folder, setting("more_layers", 0, "name", to="features.1"))
    edit_manifest(plain.folder, setting("parity", to=[]))
    with pytest.raises(ParityError, match=r"at layer 'features\.1'"):
        verify_bundle(plain.folder, trust=True)


def test_randomised_bundles_have_the_same_layers(plain: Bundle, tmp_path: Path) -> None:
    (made,) = randomise_bundle(
        RandomiseOptions(bundle=plain.folder, out=tmp_path / "r", stages=1, trust=True)
    )
    assert made.manifest.layers == plain.manifest.layers
    assert made.manifest.graphs.keys() == plain.manifest.graphs.keys()


def test_a_package_of_it_is_in_float32_alone(plain: Bundle, tmp_path: Path) -> None:
    made = write_package(PackageOptions(bundles=(plain.folder,), out=tmp_path / "p"))
    assert {*made.package.manifest.variants} == {"float32"}
    assert "several layers (features, features.0)" in made.left_out["fp16"]
    assert "head_2" in made.package.manifest.variants["float32"].graphs
    found, own = (
        camruntime.load(one, ["cpu"]).explain(PHOTO, LayerFusion(GradCAM()))
        for one in (tmp_path / "p", plain.folder)
    )
    np.testing.assert_array_equal(found.raw, own.raw)


def test_the_command_says_all_layers(in_tests: None, tmp_path: Path) -> None:
    arguments = ["build", "--model", "networks:plain", "--size", "32", "--out", str(tmp_path / "b")]
    layers = ["--layer", "features", "--layer", "features.0"]
    done = CliRunner().invoke(app, [*arguments, *layers])
    assert done.exit_code == 0, done.output
    assert "features (8, 16, 16), features.0 (8, 16, 16)" in " ".join(done.output.split())
    assert [one.name for one in open_bundle(tmp_path / "b").manifest.layers] == layers[1::2]
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "b"), "--trust"])
    assert done.exit_code == 0, done.output
    assert "features.0" in done.output
