"""Files that somebody else made are data: what would run code is refused unless it is allowed."""

from __future__ import annotations

import pickle
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from typer.testing import CliRunner

from camexport.cli.app import app
from camexport.errors import (
    DownloadError,
    ExportError,
    TrustError,
    UnknownModelError,
    UnsupportedError,
    WeightsError,
)
from camexport.models import find_architecture, load_network
from camexport.randomise import RandomiseOptions, randomise_bundle
from camexport.verify import verify_bundle
from manifests import edit_manifest

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"

OWN = """
from pathlib import Path
Path({marker!r}).write_text("imported")
from torch import nn
def network(**_):
    Path({marker!r}).write_text("called")
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
"""


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("samples")
    return Path(shutil.copytree(INSPECTOR, tmp_path / "bundle", ignore=ignored))


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that appears when code runs; the current directory holds a module that makes it."""
    (tmp_path / "here").mkdir()
    marker = tmp_path / "here" / "it_ran"
    (tmp_path / "here" / "surprise.py").write_text(OWN.format(marker=str(marker)))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delitem(sys.modules, "surprise", raising=False)
    return marker


def _program(path: Path, marker: Path) -> Path:
    """A real exported program, in which every pickle is a bomb."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    shapes = ({0: torch.export.Dim("batch")},)
    images = (torch.zeros(2, 3, 24, 24),)
    torch.export.save(torch.export.export(network.eval(), images, dynamic_shapes=shapes), path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            bomb = name.endswith((".pt", ".pkl")) or "sample_inputs" in name
            archive.writestr(name, pickle.dumps(Bomb(marker)) if bomb else data)
    return path


MODELS = [
    "surprise:network",
    "os:system",
    "surprise:network.onnx:x",
    "no.such:thing",
    ":",
    "a\nb:c",
]


@pytest.mark.parametrize("model", MODELS)
def test_a_callable_that_a_bundle_names_is_neither_imported_nor_called(
    folder: Path, marker: Path, model: str
) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(model=model, arguments={"x": "1"}))
    asked = RandomiseOptions(bundle=folder, out=marker.parent / "out")
    for run in (lambda: verify_bundle(folder), lambda: randomise_bundle(asked)):
        with pytest.raises(TrustError, match=r"names the model .*: say --trust") as raised:
            run()
        assert "\n" not in str(raised.value)
    assert not marker.exists()
    assert "surprise" not in sys.modules
    assert {path.name for path in marker.parent.iterdir()} == {"surprise.py"}


def test_with_trust_it_is_called_and_the_weights_have_to_be_the_same(
    folder: Path, marker: Path
) -> None:
    edit_manifest(folder, lambda manifest: manifest.update(model="surprise:network"))
    before = list(sys.path)
    with pytest.raises(WeightsError, match=r"the bundle was built from"):
        verify_bundle(folder, trust=True)
    assert marker.read_text() == "called"
    assert sys.path == before, "the current directory is not looked in later on"


def test_who_types_a_callable_means_it(marker: Path) -> None:
    assert isinstance(find_architecture("surprise:network").make(None), nn.Module)
    assert marker.read_text() == "called"


@pytest.mark.parametrize("module", ["broken", "ends"])
def test_a_module_that_cannot_be_imported(marker: Path, module: str) -> None:
    (marker.parent / "broken.py").write_text("1 / 0")
    (marker.parent / "ends.py").write_text("def (")
    with pytest.raises(UnknownModelError, match=f"cannot import '{module}'"):
        find_architecture(f"{module}:network")


def test_an_exported_program_is_not_unpickled(tmp_path: Path, folder: Path) -> None:
    path, ran = _program(tmp_path / "net.pt2", tmp_path / "ran"), tmp_path / "ran"
    edit_manifest(folder, lambda manifest: manifest.update(model=str(path)))
    for run in (lambda: find_architecture(str(path)), lambda: verify_bundle(folder)):
        with pytest.raises(TrustError, match=r"net\.pt2 is an exported program.*say --trust"):
            run()
    for command in (["layers"], ["build", "--out", str(tmp_path / "b")]):
        done = CliRunner().invoke(app, [*command, "--model", str(path)])
        assert isinstance(done.exception, TrustError)
    assert not ran.exists()
    with pytest.raises(UnknownModelError, match="cannot read"):
        find_architecture(str(path), trust=True)
    assert ran.exists(), "with --trust it runs: the file is the attack that it is meant to be"


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("net.pt", UnsupportedError),
        ("net.pth", UnsupportedError),
        ("net.torchscript", UnsupportedError),
        ("net.PT2", UnknownModelError),
        ("../here/net.onnx", ExportError),
        ("/dev/zero.onnx", ExportError),
        ("local-dir:/tmp", TrustError),
        ("hf-hub:timm/resnet18.a1_in1k", TrustError),
        ("timm:hf-hub:timm/resnet18.a1_in1k", UnknownModelError),
        ("timm:local-dir:/tmp", UnknownModelError),
        ("timm:resnet18.hf-hub:evil", UnknownModelError),
        ("timm:resnet18.a/../b", UnknownModelError),
        ("resnet18.no_such_tag", UnknownModelError),
    ],
)
def test_other_models_that_a_bundle_may_name(
    folder: Path, marker: Path, monkeypatch: pytest.MonkeyPatch, model: str, kind: type[Exception]
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("nothing is downloaded")

    monkeypatch.setattr("socket.socket.connect", no_network)
    for name in ("net.pt", "net.pth", "net.torchscript", "net.PT2", "net.onnx"):
        (marker.parent / name).write_bytes(pickle.dumps(Bomb(marker)))
    edit_manifest(folder, lambda manifest: manifest.update(model=model))
    with pytest.raises(kind):
        verify_bundle(folder)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors", "weights"])
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_read_as_tensors_alone(tmp_path: Path, name: str, zipped: bool) -> None:
    ran, path = tmp_path / "ran", tmp_path / name
    content = {"state_dict": {"a": torch.ones(1)}, "more": Bomb(ran)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError):
        load_network(find_architecture("squeezenet1_1"), str(path), 0, (64, 64))
    assert not ran.exists()


def test_a_whole_network_is_refused_in_one_line(tmp_path: Path) -> None:
    torch.save(torchvision.models.squeezenet1_1(), tmp_path / "whole.pth")
    with pytest.raises(WeightsError, match="holds a whole pickled network") as raised:
        load_network(find_architecture("squeezenet1_1"), str(tmp_path / "whole.pth"), 0, (64, 64))
    assert "\n" not in str(raised.value)


def test_a_publisher_s_weights_are_read_as_tensors_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what lies in its cache, torch.hub checks no digest, and would unpickle it."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    weights = torchvision.models.get_model_weights("squeezenet1_1")["DEFAULT"]
    path = tmp_path / "checkpoints" / Path(weights.url).name
    path.parent.mkdir()
    torch.save({"a": Bomb(tmp_path / "ran")}, path)
    with pytest.raises(DownloadError, match="in the cache holds other objects than tensors"):
        find_architecture("squeezenet1_1").publish()
    assert not (tmp_path / "ran").exists()
    torch.save(torchvision.models.squeezenet1_1().state_dict(), path)
    find_architecture("squeezenet1_1").publish()
