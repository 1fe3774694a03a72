"""Weights as trainings save them: what is taken, what is said of it, what is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from camexport.errors import WeightsError
from camexport.models import find_architecture, load_network
from camexport.weights import fit_checkpoint, read_checkpoint
from networks import Plain

State = Mapping[str, Tensor]


def _trained() -> Plain:
    torch.manual_seed(5)
    network = Plain().eval()
    for name, value in network.named_buffers():
        if value.is_floating_point():
            nn.init.uniform_(value, 0.5 if name.endswith("var") else -1.0, 1.5)
    return network


def _other() -> State:
    torch.manual_seed(6)
    return Plain().state_dict()


def _under(prefix: str, state: State) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def _load(content: object, path: Path, into: nn.Module | None = None) -> tuple[nn.Module, str]:
    torch.save(content, path)
    network = into or Plain().eval()
    return network, fit_checkpoint(network, read_checkpoint(path), path.name)


def _same(one: nn.Module, other: nn.Module) -> None:
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(one(images), other(images), rtol=0, atol=0)


WRAPPED: dict[str, tuple[Callable[[State], object], str]] = {
    "lightning": (lambda state: {"state_dict": state, "epoch": 3}, "entry 'state_dict'"),
    "timm": (lambda state: {"model": state, "optimizer": {"state": {}}}, "entry 'model'"),
    "tutorial": (
        lambda state: {"model_state_dict": state, "loss": 0.5},
        "entry 'model_state_dict'",
    ),
    "net": (lambda state: {"net": state}, "entry 'net'"),
    "nested": (lambda state: {"mine": {"deep": state}}, "entry 'mine.deep'"),
    "average alone": (lambda state: {"ema_state_dict": state}, "entry 'ema_state_dict'"),
    "DataParallel": (lambda state: _under("module.", state), ""),
    "torch.compile": (lambda state: _under("_orig_mod.", state), ""),
    "compiled inside": (lambda state: _under("model._orig_mod.", state), "prefix 'model.'"),
    "network.": (lambda state: _under("network.", state), "prefix 'network.'"),
    "DataParallel inside": (
        lambda state: {
            name.replace("features.", "features.module."): state[name] for name in state
        },
        "",
    ),
    "criterion": (
        lambda state: {
            "state_dict": {**_under("model.", state), "criterion.weight": torch.ones(4)},
            "pytorch-lightning_version": "2.4",
        },
        "entry 'state_dict', prefix 'model.', without criterion.weight",
    ),
    "average": (
        lambda state: {"model": _other(), "ema": state},
        "entry 'ema', not entry 'model', which is there too",
    ),
    "average of a part": (
        lambda state: {"model": state, "ema": {"fc.weight": state["fc.weight"]}},
        "entry 'model'",
    ),
    "average by prefix": (
        lambda state: {**_under("ema.", state), **_other()},
        "prefix 'ema.', not the file itself, which is there too, without features.0.weight, "
        "features.0.bias, features.1.weight and 6 more",
    ),
}


@pytest.mark.parametrize("case", WRAPPED)
def test_what_a_training_saved(tmp_path: Path, case: str) -> None:
    trained, (wrap, said) = _trained(), WRAPPED[case]
    network, found = _load(wrap(trained.state_dict()), tmp_path / "net.pth")
    assert found == said
    _same(network, trained)


def test_torchs_own_average(tmp_path: Path) -> None:
    trained = _trained()
    average = AveragedModel(trained).eval()
    content = {"model": _other(), "model_ema": average.state_dict()}
    network, said = _load(content, tmp_path / "net.pth")
    assert said.startswith("entry 'model_ema', not entry 'model'")
    _same(network, trained)


def test_which_weights_is_said_in_the_bundles_source(in_tests: None, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"model": _other(), "ema": _trained().state_dict()}, path)
    _, source = load_network(find_architecture("networks:plain"), str(path), 0, (32, 32))
    assert source.name == "net.pth (entry 'ema', not entry 'model', which is there too)"


@pytest.mark.parametrize("wrapper", [nn.Identity, nn.DataParallel])
def test_versions_of_modules_go_along(
    tmp_path: Path, wrapper: Callable[[nn.Module], nn.Module]
) -> None:
    """Without them `load_state_dict` of torchvision's mnasnet raises, whatever the weights."""
    torch.manual_seed(0)
    trained = torchvision.models.mnasnet0_75().eval()
    whole = trained if wrapper is nn.Identity else wrapper(trained)
    fresh = torchvision.models.mnasnet0_75().eval()
    network, _ = _load({"state_dict": whole.state_dict()}, tmp_path / "net.pth", fresh)
    _same(network, trained)
    with pytest.raises(WeightsError, match=r"version .* does not tell the versions"):
        _load(dict(trained.state_dict()), tmp_path / "net.pth", fresh)


REFUSED: tuple[tuple[object, str], ...] = (
    (Plain(), r"a whole pickled network \(networks\.Plain\).*\.state_dict\(\)"),
    ({"ema": Plain()}, r"a whole pickled network"),
    (
        {"model": _other(), "args": argparse.Namespace(lr=1)},
        r"other objects than tensors \(argparse\.Namespace\).*weights_only=False",
    ),
    ([1, 2], r"found list"),
    ({"epoch": 3, "loss": 0.1}, r"found dict with epoch \(int\), loss \(float\)"),
    ({**_other(), "epoch": 3}, r"found dict with epoch \(int\), "),
    ({"student": _other(), "teacher": _other()}, r"entry 'student'; entry 'teacher': save"),
    ({**_under("a.", _other()), **_under("b.", _other())}, r"prefix 'a\.'; prefix 'b\.'"),
    ({"conv.weight": torch.ones(3)}, r"another network: their names are conv\.weight"),
    ({**_other(), "more.weight": torch.ones(3)}, r"not known more\.weight"),
    (
        torchvision.models.alexnet(num_classes=4).state_dict(),
        r"missing [^;]*; not known [^;]* and \d+ more; [^;]*$",
    ),
)


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_refused_is_refused_in_one_line(tmp_path: Path, case: int) -> None:
    content, said = REFUSED[case]
    with pytest.raises(WeightsError, match=said) as raised:
        _load(content, tmp_path / "net.pth")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    for text, said in (
        ("<!doctype html>\n<html>", "text, '<!doctype html>'"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:44\n", "text, 'version https"),
        ("", "it is empty"),
    ):
        path.write_text(text)
        with pytest.raises(WeightsError, match=said):
            read_checkpoint(path)
    torch.save(_other(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"cannot be read as a state dict: Pytorch[^\n]*$"):
        read_checkpoint(path)
