"""What nobody says of a network's preprocessing: told by the bundle, and by all made of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from camexport.build import BuildOptions, build_bundle, input_of
from camexport.models import Architecture, find_architecture
from camexport.package import PackageOptions, write_package
from camexport.randomise import RandomiseOptions, randomise_bundle
from camruntime.bundle import Assumed

EVERY: tuple[Assumed, ...] = ("size", "mean", "std", "colour", "resize", "full_scale")


@pytest.fixture
def own(in_tests: None) -> Architecture:
    return find_architecture("networks:plain")


def _assumed(architecture: Architecture, *, channels: int = 3, **options: Any) -> tuple[str, ...]:
    given = BuildOptions(model="m", **options)
    return input_of(architecture, given, channels).assumed


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ()),
        ({"size": (32, 32)}, ("size",)),
        ({"mean": (0.0,), "std": (1.0,)}, ("mean", "std")),
        ({"colour": "RGB"}, ("colour",)),
        ({"colour": "BGR"}, ("colour",)),
        ({"resize": "squash"}, ("resize",)),
        ({"full_scale": 255}, ("full_scale",)),
        ({"weights": "random"}, ()),
    ],
)
def test_what_is_given_is_not_assumed(
    own: Architecture, options: dict[str, Any], told: tuple[str, ...]
) -> None:
    assert _assumed(own, **options) == tuple(name for name in EVERY if name not in told)


def test_a_centre_crop_has_a_shorter_side_too(own: Architecture) -> None:
    assert "shorter_side" in _assumed(own, resize="centre-crop")
    assert "shorter_side" not in _assumed(own, resize="centre-crop", shorter_side=300)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_only_three_channels_may_be_in_another_order(own: Architecture, channels: int) -> None:
    assert "colour" not in _assumed(own, channels=channels)


def test_what_a_file_tells(own: Architecture) -> None:
    white = dataclasses.replace(own, white=255, size_fixed=True)
    assert _assumed(white) == ("colour", "resize")


@pytest.mark.parametrize("model", ["resnet18", "timm:resnet18", "inspector"])
def test_a_state_dict_tells_nothing_where_the_publisher_tells_all(model: str) -> None:
    architecture = find_architecture(model)
    for weights in ("default", "random"):
        assert _assumed(architecture, weights=weights) == ()
    crop = ("shorter_side",) if architecture.input.resize == "centre-crop" else ()
    assert set(_assumed(architecture, weights="mine.pth")) == {*EVERY, *crop}


def test_bundles_made_of_a_bundle_say_so_too(in_tests: None, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    options = BuildOptions(model="networks:plain", size=(32, 32), colour="BGR", out=folder)
    build_bundle(options)
    build_bundle(dataclasses.replace(options, precision="fp16", out=tmp_path / "half"))
    randomise_bundle(RandomiseOptions(bundle=folder, out=tmp_path / "random", stages=1, trust=True))
    packaged = write_package(PackageOptions(bundles=(folder,), out=tmp_path / "package")).package
    assert set(packaged.manifest.variants) == {"float32", "fp16"}
    files = list(tmp_path.rglob("bundle.json"))
    assert len(files) == 5
    for file in files:
        told = json.loads(file.read_text())["input"]["assumed"]
        assert told == ["mean", "std", "resize", "full_scale"], file
