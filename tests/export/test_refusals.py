"""What torch cannot trace, derive or write: one line, with the line of the network's own code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, hardtanh

from camexport import cli
from camexport.build import BuildOptions, build_bundle
from camexport.errors import ParityError, UnsupportedError
from camexport.parity import Reference
from camruntime.bundle import open_bundle
from networks import Plain

FORWARD = "values = self.between(self.features(images))"
"""Where torch keeps the stack of an operator, it is that of `forward` alone."""


class _Behind(Plain):
    """Does something with the activations of `features`."""

    def forward(self, images: Tensor) -> Tensor:
        values = self.between(self.features(images))
        logits: Tensor = self.fc(values.mean((2, 3)))
        return logits

    def between(self, values: Tensor) -> Tensor:
        return values


class Deciding(_Behind):
    def between(self, values: Tensor) -> Tensor:
        return values if values.sum() > 0 else -values


class Counting(_Behind):
    def between(self, values: Tensor) -> Tensor:
        return values * values.mean().item()


class Numpy(_Behind):
    def between(self, values: Tensor) -> Tensor:
        found: Tensor = torch.from_numpy(np.tanh(values.numpy()))
        return found


class Fourier(_Behind):
    def between(self, values: Tensor) -> Tensor:
        found: Tensor = torch.fft.rfft2(values).abs()
        return found


class OneBatch(_Behind):
    def between(self, values: Tensor) -> Tensor:
        return values + torch.ones(1, 1).expand(len(values), 1)[:, :, None, None]


class Turned(_Behind):
    def between(self, values: Tensor) -> Tensor:
        turn = values.mean((2, 3))[:, :6].view(-1, 2, 3)
        grid = affine_grid(turn, list(values.shape), align_corners=False)
        return grid_sample(values, grid, align_corners=False)


class Wrong(_Behind):
    def between(self, values: Tensor) -> Tensor:
        return values.reshape(-1, 9999, 1, 1)


class Through(torch.autograd.Function):
    """A sign whose backward is that of the identity."""

    @staticmethod
    def forward(_ctx: object, values: Tensor) -> Tensor:
        return values.sign()

    @staticmethod
    def backward(_ctx: object, gradient: Tensor) -> Tensor:
        return gradient


class Binary(_Behind):
    def between(self, values: Tensor) -> Tensor:
        found: Tensor = Through.apply(values - 0.3)
        return found


class Chaotic(_Behind):
    def between(self, values: Tensor) -> Tensor:
        return torch.sin(values * 1e6)


class Saturated(_Behind):
    def forward(self, images: Tensor) -> Tensor:
        return 2 * torch.softmax(super().forward(images) * 3e3, 1) - 1


class Clipped(_Behind):
    """Answers -1 or 1, which differs from picture to picture, and no derivative tells."""

    def forward(self, images: Tensor) -> Tensor:
        return hardtanh(super().forward(images) * 1e6)


class OneClass(_Behind):
    """A thousand classes, and nothing leads to any but the strongest."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 1000)
        with torch.no_grad():
            self.fc.weight[1:] = 0
            self.fc.bias[0] = 5


def _build(monkeypatch: pytest.MonkeyPatch, make: Callable[[], nn.Module], out: Path) -> None:
    torch.manual_seed(1)
    monkeypatch.setattr("networks.plain", make)
    build_bundle(BuildOptions(model="networks:plain", size=(32, 32), layer="features", out=out))


@pytest.mark.parametrize(
    ("make", "said", "line"),
    [
        (Deciding, "depends on the values of a tensor", "return values if values.sum() > 0"),
        (Counting, "takes a number out of a tensor", FORWARD),
        (
            Numpy,
            "NumPy computes a part of it",
            "found: Tensor = torch.from_numpy(np.tanh(values.numpy()))",
        ),
        (Fourier, "computes complex numbers", FORWARD),
        (OneBatch, "one batch size only", ".expand(len(values), 1)"),
        (Turned, "no derivative that ONNX could express", FORWARD),
        (Wrong, "shape '[-1, 9999, 1, 1]' is invalid", "return values.reshape(-1, 9999, 1, 1)"),
    ],
)
def test_the_line_of_the_network_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    make: Callable[[], nn.Module],
    said: str,
    line: str,
) -> None:
    with pytest.raises(UnsupportedError) as raised:
        _build(monkeypatch, make, tmp_path / "b")
    message = str(raised.value)
    assert said in message
    assert line in message
    assert "test_refusals.py:" in message
    assert "\n" not in message
    assert len(message) < 500
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Binary, r"autograd\.Function Through is not the derivative of its forward"),
        (Saturated, r"what follows is saturated, .* without what bounds its outputs"),
        (Clipped, r"gradient at layer 'features' vanishes for every class .* --no-gradient"),
        (Chaotic, r"PyTorch's own float32 is .* off, as the network multiplies rounding"),
    ],
)
def test_the_reason_of_a_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[[], nn.Module], said: str
) -> None:
    with pytest.raises(ParityError, match=said):
        _build(monkeypatch, make, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_classes_that_nothing_leads_to_do_not_refuse_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _build(monkeypatch, OneClass, tmp_path / "b")
    parity = open_bundle(tmp_path / "b").manifest.parity
    assert all(one.relative == 0 for one in parity if one.of_gradient), "no draw was the class"


def test_functions_of_ones_own_are_found_behind_the_layer_alone() -> None:
    images = torch.randn(1, 3, 32, 32)
    for network, layer, expected in (
        (Binary(), "features", ["Through"]),
        (Binary(), "features.0", ["Through"]),
        (Plain(), "features", []),
    ):
        reference = Reference(network.eval(), layer)
        activations, _ = reference.run(images)
        assert reference.own_functions(images, activations) == expected


@pytest.mark.parametrize("wanted", [False, True])
def test_the_trace_of_an_error_is_there_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    in_tests: None,
    wanted: bool,
) -> None:
    options = ["--traceback"] if wanted else []
    command = ["camexport", "build", "--model", "networks:branches", "--size", "32", *options]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith("error: torch.export cannot trace this network")
    assert "`if images.sum() > 0:`" in said.splitlines()[-1]
    assert (len(said.splitlines()) == 1) is not wanted
    assert ("GuardOnDataDependentSymNode" in said) is wanted
