"""Arguments of callables, choosing among outputs, exported programs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from camexport.build import BuildOptions, build_bundle
from camexport.errors import OptionError, UnknownModelError, UnsupportedError
from camexport.models import find_architecture
from camexport.verify import verify_bundle
from networks import Plain


def _program(path: Path, dynamic: bool) -> Path:
    torch.manual_seed(3)
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    images = torch.zeros(2, 3, 24, 32)
    torch.export.save(torch.export.export(Plain().eval(), (images,), dynamic_shapes=shapes), path)
    return path


def test_an_exported_program(tmp_path: Path) -> None:
    path = _program(tmp_path / "net.pt2", dynamic=True)
    options = BuildOptions(model=str(path), trust=True, layer="features", out=tmp_path / "b")
    manifest = build_bundle(options).bundle.manifest
    assert manifest.layer.shape == (8, 12, 16)
    assert manifest.input.size == (24, 32)
    assert manifest.source.name == "net.pt2"
    assert max(parity.relative for parity in manifest.parity) < 1e-5
    assert verify_bundle(tmp_path / "b", trust=True)
    with pytest.raises(OptionError, match="brings its own weights"):
        build_bundle(
            BuildOptions(model=str(path), trust=True, weights="random", out=tmp_path / "c")
        )


def test_a_file_of_a_fixed_size(tmp_path: Path) -> None:
    path = _program(tmp_path / "net.pt2", dynamic=True)
    with pytest.raises(OptionError, match=r"takes images of 24x32 only: leave --size out"):
        build_bundle(BuildOptions(model=str(path), trust=True, size=(32, 32), out=tmp_path / "b"))


def test_programs_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "text.pt2").write_text("no program")
    (tmp_path / "script.pt").write_text("anything")
    for name, kind, said in (
        ("none.pt2", UnknownModelError, "no file"),
        ("text.pt2", UnknownModelError, "cannot read"),
        ("script.pt", UnsupportedError, r"TorchScript.* torch\.export\.save"),
    ):
        with pytest.raises(kind, match=said):
            find_architecture(str(tmp_path / name), trust=True)
    path = _program(tmp_path / "fixed.pt2", dynamic=False)
    with pytest.raises(UnsupportedError, match=r"for batches of 2: .*dynamic_shapes"):
        find_architecture(str(path), trust=True)


def test_arguments_of_a_callable(in_tests: None, tmp_path: Path) -> None:
    arguments = (("classes", "7"), ("name", "seven"))
    options = BuildOptions(
        model="networks:sized",
        arguments=arguments,
        size=(32, 32),
        gradient=False,
        out=tmp_path / "b",
    )
    manifest = build_bundle(options).bundle.manifest
    assert manifest.classes == 7
    assert manifest.arguments == dict(arguments)
    assert verify_bundle(tmp_path / "b", trust=True)
    with pytest.raises(UnknownModelError, match=r"sized\(classs=7\) failed: .*see --arg"):
        build_bundle(
            BuildOptions(model="networks:sized", arguments=(("classs", "7"),), out=tmp_path / "c")
        )
    with pytest.raises(
        UnknownModelError, match=r"networks:sized failed: .*negative dimension"
    ) as own:
        build_bundle(
            BuildOptions(model="networks:sized", arguments=(("classes", "-1"),), out=tmp_path / "c")
        )
    assert "\n" not in str(own.value)
    with pytest.raises(OptionError, match=r"--arg goes with package\.module:callable"):
        find_architecture("resnet18", {"classes": "7"})


@pytest.mark.parametrize(
    ("model", "output", "classes"),
    [("pair", "1", 4), ("named", "logits", 4), ("named", "twice", 8)],
)
def test_the_logits_among_several_outputs(
    in_tests: None, tmp_path: Path, model: str, output: str, classes: int
) -> None:
    options = BuildOptions(
        model=f"networks:{model}",
        output=output,
        size=(32, 32),
        gradient=False,
        out=tmp_path / "b",
    )
    manifest = build_bundle(options).bundle.manifest
    assert manifest.classes == classes
    assert manifest.output == output
    assert max(parity.relative for parity in manifest.parity) < 1e-5
    assert verify_bundle(tmp_path / "b", trust=True)


def test_a_network_that_takes_two_inputs(in_tests: None, tmp_path: Path) -> None:
    options = BuildOptions(model="networks:guided", size=(32, 32), out=tmp_path / "b")
    with pytest.raises(UnsupportedError, match=r"takes 2 inputs, images, guide: expected images"):
        build_bundle(options)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("model", "said"), [("pair", "one of 0, 1"), ("plain", "one tensor, no more")]
)
def test_an_output_that_does_not_exist(
    in_tests: None, tmp_path: Path, model: str, said: str
) -> None:
    options = BuildOptions(
        model=f"networks:{model}", output="scores", size=(32, 32), out=tmp_path / "b"
    )
    with pytest.raises(OptionError, match=said):
        build_bundle(options)
