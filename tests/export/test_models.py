"""Names, sources and their errors; nothing here downloads."""

from __future__ import annotations

import urllib.error
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from camexport.build import BuildOptions, input_of
from camexport.errors import (
    DownloadError,
    OptionError,
    UnknownModelError,
    UnsupportedError,
    WeightsError,
)
from camexport.models import find_architecture, known_models, load_network


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vgg61", "no model 'vgg61': did you mean .*vgg16"),
        ("inspecter", "did you mean inspector"),
        ("timm:resnet81", "no model 'timm:resnet81': did you mean timm:resnet18"),
        ("no_such_module:make", "cannot import 'no_such_module'"),
        ("networks:plane", "has no callable 'plane': did you mean plain"),
    ],
)
def test_unknown_models(in_tests: None, name: str, said: str) -> None:
    with pytest.raises(UnknownModelError, match=said):
        find_architecture(name)


def test_a_callable_that_returns_no_module(in_tests: None) -> None:
    architecture = find_architecture("networks:not_a_module")
    with pytest.raises(UnknownModelError, match=r"returned str: expected a torch\.nn\.Module"):
        load_network(architecture, "default", 0, (32, 32))


def test_metadata_of_torchvision_weights() -> None:
    architecture = find_architecture("vgg16")
    assert architecture.weights_name == "VGG16_Weights.IMAGENET1K_V1"
    assert architecture.input.size == (224, 224)
    assert architecture.input.shorter_side == 256
    assert architecture.input.mean == (0.485, 0.456, 0.406)
    assert architecture.labels[243] == "bull mastiff"
    assert not architecture.input_assumed
    assert find_architecture("inception_v3").input.size == (299, 299)


def test_metadata_of_timms_configurations() -> None:
    clip = find_architecture("resnet50_clip")
    assert clip.input.mean == (0.48145466, 0.4578275, 0.40821073)
    assert clip.input.shorter_side == 248  # floor(224 / 0.9)
    assert clip.weights_name == "timm resnet50_clip.openai"
    xception = find_architecture("legacy_xception")
    assert xception.input.size == (299, 299)
    assert xception.input.std == (0.5, 0.5, 0.5)
    assert xception.labels[282] == "tiger cat"
    assert not xception.input_assumed
    assert len(find_architecture("convnext_tiny.in12k").labels) == 11821


def test_a_prefix_tells_timm_from_torchvision() -> None:
    assert "layer4.1.act2" in dict(_network("timm:resnet18").named_modules())
    assert "layer4.1.act2" not in dict(_network("resnet18").named_modules())
    known = known_models()
    assert known["timm:resnet18"] == known["resnet26"] == "timm"
    assert known["resnet18"] == "torchvision"
    assert "timm:resnet26" not in known


def _network(model: str) -> nn.Module:
    return load_network(find_architecture(model), "random", 0, (64, 64))[0]


def test_timm_makes_as_many_classes_as_there_are_labels() -> None:
    network, _ = load_network(find_architecture("timm:resnet18"), "random", 0, (64, 64), 3)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_a_network_that_does_not_run_at_a_size() -> None:
    with pytest.raises(
        UnsupportedError, match=r"halonet26t does not run on images of 36x36: .*--size"
    ):
        load_network(find_architecture("halonet26t"), "random", 0, (36, 36))


def test_timms_features_without_classes_are_refused() -> None:
    for weights in ("default", "random"):
        with pytest.raises(UnsupportedError, match=r"gives features and no classes.* --labels"):
            load_network(find_architecture("vit_small_patch14_dinov2"), weights, 0, (518, 518))


def test_timms_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("timm.create_model", refuse)
    with pytest.raises(DownloadError, match=r"resnet26.*not known.*--weights PATH"):
        load_network(find_architecture("resnet26"), "default", 0, (224, 224))


def test_no_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(DownloadError, match=r"not known.*--weights PATH .* --weights random"):
        load_network(find_architecture("squeezenet1_1"), "default", 0, (224, 224))


def test_published_weights_have_their_own_classes() -> None:
    with pytest.raises(OptionError, match=r"has 1000 classes, --labels names 3: .*--weights PATH"):
        load_network(find_architecture("resnet18"), "default", 0, (224, 224), classes=3)


def test_the_number_of_labels_sets_the_number_of_classes(tmp_path: Path) -> None:
    state = torchvision.models.squeezenet1_1(num_classes=3).state_dict()
    torch.save(state, tmp_path / "mine.pth")
    path = str(tmp_path / "mine.pth")
    network, source = load_network(find_architecture("squeezenet1_1"), path, 0, (64, 64), 3)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert (source.weights, source.name) == ("file", "mine.pth")
    with pytest.raises(WeightsError, match=r"mine\.pth do not fit"):
        load_network(find_architecture("squeezenet1_1"), path, 0, (64, 64))


def test_options_replace_what_the_model_says() -> None:
    architecture = find_architecture("resnet18")
    assert input_of(architecture, BuildOptions(model="resnet18")) == architecture.input
    smaller = input_of(architecture, BuildOptions(model="resnet18", size=(112, 112)))
    assert smaller.shorter_side == 128, "the crop keeps its share of the picture"
    squashed = input_of(
        architecture, BuildOptions(model="resnet18", size=(96, 64), resize="squash", std=(1, 1, 1))
    )
    assert (squashed.size, squashed.shorter_side, squashed.std) == ((96, 64), None, (1, 1, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (BuildOptions(model="x", shorter_side=200), "--shorter-side 200 is below the crop 224x224"),
        (BuildOptions(model="x", resize="squash", shorter_side=256), "goes with --resize centre"),
        (BuildOptions(model="x", size=(0, 4), resize="squash"), "at least 1x1"),
        (BuildOptions(model="x", std=(1, 0, 1)), "std above 0"),
    ],
)
def test_options_that_cannot_be(options: BuildOptions, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        input_of(find_architecture("resnet18"), options)
