"""Bundles of a network that forgets what it learned."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from camexport import randomise as randomising
from camexport.build import BuildOptions, build_bundle
from camexport.cli.app import app
from camexport.errors import OptionError, ParityError, UnsupportedError
from camexport.models import find_architecture, load_network
from camexport.randomise import RandomiseOptions, randomise_bundle
from camexport.tracing import trace
from camexport.verify import verify_bundle
from camexport.weights import LearnedLayer, learned_layers
from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine
from networks import Plain, small_vit, tied

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
State = dict[str, Tensor]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The weights of every stage; what is written is a copy of the inspector's bundle."""
    found: list[State] = []

    def write(folder: Path, network: nn.Module, *_rest: object) -> None:
        found.append({name: value.clone() for name, value in network.state_dict().items()})
        shutil.copytree(INSPECTOR, folder, dirs_exist_ok=True)

    monkeypatch.setattr(randomising, "write_bundle", write)
    return found


def _inspector(out: Path, stages: int, seed: int = 0) -> None:
    randomise_bundle(RandomiseOptions(bundle=INSPECTOR, out=out, stages=stages, seed=seed))


def _changed(before: State, after: State) -> set[str]:
    """Modules of which any weight or statistic is not the same to the last bit."""
    names = (name for name, value in before.items() if not torch.equal(value, after[name]))
    return {name.rpartition(".")[0] for name in names}


def test_each_stage_randomises_its_layers_and_no_others(
    tmp_path: Path, states: list[State]
) -> None:
    _inspector(tmp_path / "r", stages=3)
    network, _ = load_network(find_architecture("inspector"), "default", 0, (128, 128))
    trained = network.state_dict()
    layers = [f"features.{index}" for index in range(18) if index % 3 < 2] + ["classifier"]
    assert [_changed(trained, state) for state in states] == [
        set(layers[9:]),
        set(layers[5:]),
        set(layers),
    ]
    for name in ("features.13.running_var", "features.16.running_mean"):
        assert not torch.equal(states[0][name], trained[name]), "statistics of what reaches it now"
    assert _changed(states[0], states[2]).isdisjoint({"features.15", "classifier"}), "drawn once"
    for name, parameter in network.named_parameters():
        values = states[2][name].flatten().sort().values
        assert torch.equal(values, parameter.flatten().sort().values), f"{name}: the same values"


def test_weights_follow_the_seed_alone(tmp_path: Path, states: list[State]) -> None:
    torch.manual_seed(1)
    _inspector(tmp_path / "a", stages=1)
    torch.manual_seed(2)
    _inspector(tmp_path / "b", stages=2)
    _inspector(tmp_path / "c", stages=1, seed=5)
    once, half, twice, other = states
    assert _changed(once, twice) == set(), "whatever the number of stages"
    assert _changed(once, half)
    assert len(_changed(once, other)) == 13


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "plain"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parent)
        build_bundle(BuildOptions(model="networks:plain", size=(32, 48), out=folder))
    return folder


@pytest.fixture
def plain(in_tests: None, built: Path, tmp_path: Path) -> Bundle:
    """A copy of its own, alone in `tmp_path`."""
    shutil.copytree(built, tmp_path / "plain")
    return open_bundle(tmp_path / "plain")


def _logits(bundle: Bundle, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    engine = Engine(bundle, ["cpu"])
    (activations,) = engine.run("head", {"image": images})
    (logits,) = engine.run("tail", {"activations": activations})
    return torch.from_numpy(logits.numpy())


def test_the_stages_are_bundles_of_the_same_network(plain: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "random"
    ran = CliRunner().invoke(
        app,
        [
            "randomise",
            str(plain.folder),
            "--out",
            str(out),
            "--stages",
            "3",
            "--seed",
            "2",
            "--trust",
        ],
    )
    assert ran.exit_code == 0, ran.output
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "random"}
    stages = [open_bundle(out / str(number)) for number in (1, 2, 3)]
    assert {path.name for path in out.iterdir()} == {"1", "2", "3"}
    starts = ["fc", "features.1", "features.0"]
    images = np.random.default_rng(0).normal(0, 1, (5, 3, 32, 48)).astype(np.float32)
    images += np.linspace(-1, 1, 5, dtype=np.float32)[:, None, None, None]  # dark to bright
    answers = [_logits(plain, images)]
    for stage, start in zip(stages, starts, strict=True):
        ours, theirs = plain.manifest, stage.manifest
        for field in ("model", "arguments", "output", "layer", "input", "labels", "opset"):
            assert getattr(ours, field) == getattr(theirs, field)
        assert list(ours.graphs) == list(theirs.graphs)
        assert theirs.source.randomised_from == start
        assert theirs.source.name == f"{ours.source.name}, randomised from {start} on, seed 2"
        assert f"{stage.folder}  {theirs.source.name}" in ran.output
        answers.append(_logits(stage, images))
        assert answers[-1].std(0).max() > 0.02, "another answer to every picture"
        assert answers[-1].abs().max() < 10
        assert not torch.allclose(answers[-1], answers[-2], atol=0.01)
    assert len({stage.manifest.source.digest for stage in [plain, *stages]}) == 4


def test_a_randomised_bundle_cannot_be_made_again(plain: Bundle, tmp_path: Path) -> None:
    options = RandomiseOptions(trust=True, bundle=plain.folder, out=tmp_path / "random", stages=1)
    (stage,) = randomise_bundle(options)
    with pytest.raises(OptionError, match=r"randomised from features\.0 on.* are in no file: use"):
        verify_bundle(stage.folder)
    with pytest.raises(OptionError, match="are in no file"):
        randomise_bundle(RandomiseOptions(bundle=stage.folder, out=tmp_path / "again"))
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "random"}


def test_numbers_of_stages_that_cannot_be(plain: Bundle, tmp_path: Path) -> None:
    for stages in (-1, 0, 4):
        options = RandomiseOptions(
            trust=True, bundle=plain.folder, out=tmp_path / "r", stages=stages
        )
        with pytest.raises(OptionError, match=rf"--stages {stages}: expected 1 to 3, as many as"):
            randomise_bundle(options)
    with pytest.raises(OptionError, match="is the bundle itself"):
        randomise_bundle(
            RandomiseOptions(trust=True, bundle=plain.folder, out=plain.folder, force=True)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
    assert verify_bundle(plain.folder, trust=True)


def test_a_stage_that_fails_takes_the_others_with_it(
    plain: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path, *_rest: object) -> None:
        shutil.copytree(plain.folder, folder, dirs_exist_ok=True)
        if folder.name == "2":
            raise ParityError("differs")

    monkeypatch.setattr(randomising, "write_bundle", fails)
    with pytest.raises(ParityError):
        randomise_bundle(
            RandomiseOptions(trust=True, bundle=plain.folder, out=tmp_path / "r", stages=3)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_weights_from_a_file(in_tests: None, tmp_path: Path) -> None:
    network, _ = load_network(find_architecture("networks:plain"), "default", 0, (32, 32))
    mine = tmp_path / "mine.pth"
    torch.save(network.state_dict(), mine)
    options = BuildOptions(
        model="networks:plain", weights=str(mine), size=(32, 32), gradient=False, out=tmp_path / "b"
    )
    build_bundle(options)
    asked = RandomiseOptions(trust=True, bundle=tmp_path / "b", out=tmp_path / "r", stages=1)
    with pytest.raises(OptionError, match=r"from the file mine\.pth: say --weights"):
        randomise_bundle(asked)
    given = RandomiseOptions(
        trust=True, bundle=tmp_path / "b", out=tmp_path / "r", stages=1, weights=mine
    )
    (stage,) = randomise_bundle(given)
    assert stage.manifest.source.name.startswith("mine.pth, randomised")
    assert "gradient" not in stage.manifest.graphs


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_networks_from_files(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    path, images = tmp_path / f"net.{kind}", torch.randn(2, 3, 24, 32)
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(Plain().eval(), (images,), dynamic_shapes=shapes)
    if kind == "onnx":
        torch.onnx.export(program, (), path, dynamo=True, verbose=False)
    else:
        torch.export.save(program, path)
    built = build_bundle(BuildOptions(model=str(path), trust=True, out=tmp_path / "b")).bundle
    options = RandomiseOptions(trust=True, bundle=built.folder, out=tmp_path / "r", stages=2)
    stages = randomise_bundle(options)
    for stage in stages:  # also of the gradient, whose judge is a copy of the network
        assert max(parity.relative for parity in stage.manifest.parity) < 1e-5
    answers = [_logits(bundle, images.numpy()) for bundle in (built, *stages)]
    for before, after in pairwise(answers):
        assert not torch.allclose(before, after, atol=0.01)
        assert after.std(0).max() > 1e-3


def test_a_network_that_answers_every_picture_alike_is_refused(
    plain: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its maps would be flat, and a method that draws edges would seem to have passed."""

    def erase(layer: LearnedLayer, _generator: torch.Generator) -> None:
        with torch.no_grad():
            for parameter in layer.parameters:
                parameter.fill_(torch.nan if fill == "nan" else 0.0)

    monkeypatch.setattr(randomising, "_permute", erase)
    for fill in ("zero", "nan"):  # noqa: B007  # read by `erase`
        with pytest.raises(UnsupportedError, match=r"from fc on, .* alike: .* another --seed"):
            randomise_bundle(
                RandomiseOptions(trust=True, bundle=plain.folder, out=tmp_path / "r", stages=3)
            )


class Odd(nn.Module):
    """Attention that runs its projection unseen, a layer that never runs, one defined too late."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.unused = nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.ones(1))
        self.token = nn.Parameter(torch.randn(1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.patches = nn.Conv2d(3, 8, 8, 8)

    def forward(self, images: Tensor) -> Tensor:
        values = self.patches(images).flatten(2).transpose(1, 2) + self.token
        mixed, _ = self.attention(values, values, values, need_weights=False)
        logits: Tensor = self.fc(mixed.mean(1) * self.scale)
        return logits


def test_learned_layers_are_in_order_of_execution() -> None:
    def names(network: nn.Module, size: tuple[int, int]) -> list[str]:
        network.eval()
        return [layer.name for layer in learned_layers(trace(network, size), network)]

    odd = ["patches", "token", "attention", "attention.out_proj", "fc"]
    assert names(Odd(), (32, 32)) == odd
    transformer = names(small_vit(), (32, 48))
    assert transformer[:3] == ["patch_embed.proj", "cls_token", "blocks.0.norm1"]
    assert transformer[-2:] == ["norm", "head"]
    assert names(tied(), (32, 32)) == ["shared"]
