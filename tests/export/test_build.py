"""Bundles from beginning to end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from camexport.build import BuildOptions, build_bundle
from camexport.bundles import write as writing
from camexport.errors import (
    OptionError,
    OutputError,
    ParityError,
    UnsupportedError,
    WeightsError,
)
from camexport.graphs import to_onnx
from camexport.models import find_architecture, load_network
from camexport.parity import Reference, check
from camexport.parity.gradient import BATCHES
from camexport.parity.tolerances import FORWARD
from camexport.verify import verify_bundle
from camruntime.bundle import Bundle, Parity, open_bundle
from camruntime.engine import Engine
from networks import Twice


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("bundles") / "resnet18"
    options = BuildOptions(model="resnet18", weights="random", seed=3, size=(64, 64), out=out)
    return build_bundle(options).bundle


def test_the_manifest_tells_everything(resnet: Bundle) -> None:
    manifest = resnet.manifest
    assert manifest.source.weights == "random"
    assert manifest.source.seed == 3
    assert manifest.source.name == "random, seed 3"
    assert manifest.layer.name == "layer4"
    assert manifest.layer.shape == (512, 2, 2)
    assert manifest.layer.spatial == (2, 2)
    assert manifest.labels[282] == "tiger cat"
    assert manifest.classes == 1000
    assert {parity.batch for parity in manifest.parity} == set(BATCHES)
    assert {parity.part for parity in manifest.parity} == {
        "head",
        "tail",
        "head+tail",
        "cells",
        "head+cells",
        "gradient",
        "gradient, saturated",
    }
    assert max(parity.relative for parity in manifest.parity) < FORWARD.usual
    assert max(parity.relative for parity in manifest.parity) > 0, "something was compared"
    assert manifest.tools["torch"]


def test_graphs_are_valid_and_share_one_ordinary_file(resnet: Bundle) -> None:
    for graph in resnet.manifest.graphs.values():
        path = resnet.folder / graph.file
        onnx.checker.check_model(str(path))
        model = onnx.load(path)
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
        assert model.ir_version == 10
    weights = resnet.folder / "weights.bin"
    assert weights.is_file()
    assert not weights.is_symlink()
    assert weights.stat().st_nlink == 1
    network, _ = load_network(find_architecture("resnet18"), "random", 3, (64, 64))
    parameters = sum(value.numel() * 4 for value in network.parameters())
    assert weights.stat().st_size < 1.01 * parameters


def test_batch_norms_are_folded(resnet: Bundle) -> None:
    kinds = [node.op_type for node in onnx.load(resnet.folder / "head.onnx").graph.node]
    assert kinds.count("Conv") == 20
    assert "BatchNormalization" not in kinds


def test_a_weight_in_both_graphs_is_stored_once(in_tests: None, tmp_path: Path) -> None:
    """One linear layer, used before and behind the target layer."""
    built = build_bundle(BuildOptions(model="networks:tied", size=(32, 32), out=tmp_path / "b"))
    assert built.bundle.manifest.layer.name == "norm"
    shared = 64 * 64 * 4
    assert shared <= built.bundle.manifest.weights.bytes < 1.5 * shared
    folder = built.bundle.folder
    for name in ("head", "tail", "gradient"):
        (kernel,) = built.bundle.graph(name).shared
        initializers = onnx.load(folder / f"{name}.onnx").graph.initializer
        stored = {one.name: numpy_helper.to_array(one) for one in initializers}
        read = np.memmap(folder / "weights.bin", kernel.dtype, "r", kernel.offset, kernel.shape)
        np.testing.assert_array_equal(read, stored[kernel.name])
    assert not built.bundle.graph("mask_images").shared


def test_a_weight_of_one_graph_is_not_called_shared(resnet: Bundle) -> None:
    assert not resnet.graph("mask_images").shared
    head, tail, cells, both = (
        {one.place for one in resnet.graph(name).shared}
        for name in ("head", "tail", "cells", "head_cells")
    )
    assert len(tail) == 2, "matrix and bias"
    assert tail < cells
    assert head.isdisjoint(cells)
    assert both == head | cells


def test_own_network_from_the_current_directory(in_tests: None, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n\nc\nd\n")
    options = BuildOptions(
        model="networks:plain", size=(32, 48), labels=labels, good="b", out=tmp_path / "own"
    )
    built = build_bundle(options)
    manifest = built.bundle.manifest
    assert manifest.input.assumed == ("mean", "std", "colour", "resize", "full_scale")
    assert manifest.labels == ("a", "b", "c", "d")
    assert manifest.good == 1
    assert manifest.layer.shape == (8, 16, 24)
    without = build_bundle(
        dataclasses.replace(options, labels=None, good="3", gradient=False, out=tmp_path / "plain")
    )
    assert without.bundle.manifest.good == 3
    assert without.bundle.manifest.labels[1] == "class 1"


@pytest.mark.parametrize(
    ("lines", "said"), [("a\nb\n", "names 2 classes.* has 4"), ("\n", "no la")]
)
def test_labels_that_do_not_fit(in_tests: None, tmp_path: Path, lines: str, said: str) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text(lines)
    with pytest.raises(OptionError, match=said):
        build_bundle(
            BuildOptions(model="networks:plain", size=(32, 32), labels=labels, out=tmp_path / "b")
        )
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("good", "said"),
    [
        ("ok", "--good names no class, got 'ok': known: a, b"),
        ("a", r"\[0, 2\] share it"),
        ("4", "4"),
    ],
)
def test_a_good_class_that_is_none(tmp_path: Path, good: str, said: str) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\na\nd\n")
    options = BuildOptions(model="networks:plain", labels=labels, good=good, out=tmp_path / "b")
    with pytest.raises(OptionError, match=said):
        build_bundle(options)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("layer", ["features", "features.0", "features.1"])
def test_any_cut_can_be_the_target_layer(in_tests: None, tmp_path: Path, layer: str) -> None:
    options = BuildOptions(
        model="networks:twice" if layer == "features" else "networks:plain",
        size=(32, 32),
        layer=layer,
        out=tmp_path / "b",
    )
    manifest = build_bundle(options).bundle.manifest
    assert manifest.layer.name == layer
    assert max(parity.relative for parity in manifest.parity) < 1e-5


def test_a_gradient_that_cannot_be_had_leaves_the_rest(in_tests: None, tmp_path: Path) -> None:
    options = BuildOptions(model="networks:warped", size=(32, 32), out=tmp_path / "b")
    options = dataclasses.replace(options, layer="features")
    with pytest.raises(
        UnsupportedError, match=r"operator aten\.grid_sampler.* of the network itself.*--no-"
    ):
        build_bundle(options)
    assert list(tmp_path.iterdir()) == []
    manifest = build_bundle(dataclasses.replace(options, gradient=False)).bundle.manifest
    assert "gradient" not in manifest.graphs
    assert {parity.part for parity in manifest.parity} == {"head", "tail", "head+tail"}


def test_a_network_that_autograd_cannot_follow_is_named() -> None:
    """In place and with a derivative of its own: neither autograd nor its functional form helps."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, values: Tensor) -> Tensor:
            return values * 2

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return grad * 2

    class Unfollowed(Twice):
        def forward(self, images: Tensor) -> Tensor:
            return Own.apply(super().forward(images))  # type: ignore[no-any-return]

    inputs = (torch.zeros(1, 3, 8, 8), torch.zeros(1, 8, 4, 4), torch.tensor([1]))
    with pytest.raises(
        UnsupportedError, match=r"behind layer 'features'.*build with --no-gradient"
    ):
        Reference(Unfollowed(), "features").gradient(*inputs)


def test_verify_measures_again_and_knows_other_weights(
    resnet: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = verify_bundle(resnet.folder, providers=["cpu"])
    assert [(parity.part, parity.batch) for parity in measured] == [
        (parity.part, parity.batch) for parity in resnet.manifest.parity
    ]
    source = dataclasses.replace(resnet.manifest.source, seed=4)
    other = Bundle(resnet.folder, dataclasses.replace(resnet.manifest, source=source))
    monkeypatch.setattr("camexport.verify.open_bundle", lambda _: other)
    with pytest.raises(WeightsError, match=r"random, seed 4 has SHA-256 .* give the same weights"):
        verify_bundle(resnet.folder)


def test_verify_of_a_bundle_from_a_file_asks_for_it(in_tests: None, tmp_path: Path) -> None:
    network, _ = load_network(find_architecture("networks:plain"), "default", 0, (32, 32))
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    options = BuildOptions(
        model="networks:plain",
        weights=str(tmp_path / "mine.pth"),
        size=(32, 32),
        gradient=False,
        out=tmp_path / "b",
    )
    build_bundle(options)
    with pytest.raises(OptionError, match=r"built from the file mine\.pth: say --weights PATH"):
        verify_bundle(tmp_path / "b", trust=True)
    assert verify_bundle(tmp_path / "b", weights=tmp_path / "mine.pth", trust=True)


def _parity(graph: Literal["tail", "gradient"], relative: float, own: float | None) -> Parity:
    """Measured; `own` is what PyTorch's float32 is off."""
    return Parity(
        layer="features",
        graph=graph,
        saturated=False,
        batch=2,
        absolute=1.0,
        relative=relative,
        float32=own,
    )


@pytest.mark.parametrize("relative", [2e-4, float("nan"), float("inf")])
def test_a_difference_above_the_tolerance_is_refused(relative: float) -> None:
    with pytest.raises(ParityError, match=r"tail at batch 2 differs .* allowed is 1e-04"):
        check((_parity("tail", relative, None),))


@pytest.mark.parametrize(("relative", "own"), [(3.9e-4, 1e-4), (9e-3, 5e-3), (9e-5, 1e-9)])
def test_a_difference_as_large_as_pytorchs_own_passes(relative: float, own: float) -> None:
    check((_parity("tail", relative, own),))


@pytest.mark.parametrize(
    ("relative", "own", "advice"),
    [(2.1e-4, 1e-4, "report the model"), (0.5, 1.0, r"PyTorch's own float32 is 1\.00e\+00 off")],
)
def test_a_gradient_above_pytorchs_own_is_refused(relative: float, own: float, advice: str) -> None:
    """Also where float32 says nothing any more."""
    check((_parity("gradient", 1.9e-4, 1e-4),))
    found = _parity("gradient", relative, own)
    with pytest.raises(ParityError, match=f"gradient at batch 2 differs .* {advice}"):
        check((found,))


def test_pytorchs_own_is_that_of_the_worst_batch() -> None:
    """Figures of ONNX's `light_bvlc_alexnet`: all weights alike, so its gradient has one error."""
    few, more = _parity("gradient", 7.3e-6, 3.1e-6), _parity("gradient", 1.3e-6, 5.2e-6)
    check((few, more))
    saturated = dataclasses.replace(more, saturated=True)
    with pytest.raises(ParityError, match=r"gradient at batch 2 .* allowed is 6e-06"):
        check((few, saturated))


@pytest.mark.parametrize(
    ("relative", "own", "advice"),
    [
        (4.1e-4, 1e-4, "report the model"),
        (2e-4, 1e-9, "report the model"),
        (2e-2, 5e-2, r"PyTorch's own float32 is 5\.00e-02 off, .* try another --seed"),
    ],
)
def test_a_difference_above_pytorchs_own_is_refused(
    relative: float, own: float, advice: str
) -> None:
    with pytest.raises(ParityError, match=f"tail at batch 2 differs .* {advice}"):
        check((_parity("tail", relative, own),))


def test_a_network_whose_rounding_grows_is_judged_by_float64(
    in_tests: None, tmp_path: Path
) -> None:
    """On any machine: its batch norm is folded, so the bundle's logits round otherwise."""
    options = BuildOptions(
        model="networks:growing",
        size=(32, 32),
        layer="features",
        gradient=False,
        out=tmp_path / "b",
    )
    manifest = build_bundle(options).bundle.manifest
    through = [parity for parity in manifest.parity if parity.part == "head+tail"]
    assert [parity.batch for parity in through] == list(BATCHES)
    for parity in through:
        assert parity.relative > FORWARD.usual, "refused, were float32 the judge"
        assert parity.float32 is not None
        assert parity.float32 > FORWARD.usual, "PyTorch's own is no nearer to float64"


def test_a_graph_that_computes_something_else_fails_the_build(
    in_tests: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind when the exported tail is not the network's."""
    right = to_onnx

    def wrong(module: torch.fx.GraphModule, *arguments: object) -> object:
        for folded in module.buffers():  # the graph's own, not the network's
            folded.mul_(1.01)
        return right(module, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "to_onnx", wrong)
    with pytest.raises(ParityError, match="differs from PyTorch"):
        build_bundle(BuildOptions(model="networks:plain", size=(32, 32), out=tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_only_replaced_by_force(in_tests: None, tmp_path: Path) -> None:
    options = BuildOptions(
        model="networks:plain", size=(32, 32), gradient=False, out=tmp_path / "b"
    )
    build_bundle(options)
    before = json.loads((tmp_path / "b" / "bundle.json").read_text())
    with pytest.raises(OutputError, match="is in use"):
        build_bundle(dataclasses.replace(options, seed=1))
    smaller = dataclasses.replace(options, size=(16, 16), force=True)
    assert build_bundle(smaller).bundle.manifest.input.size == (16, 16)
    assert before["input"]["size"] == [32, 32]
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_full_disk_while_storing_leaves_nothing(
    in_tests: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "store", full)
    with pytest.raises(OutputError, match="the disk is full"):
        build_bundle(BuildOptions(model="networks:plain", size=(32, 32), out=tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


def test_the_stored_graphs_run_at_any_batch(resnet: Bundle) -> None:
    """Rows of a batch are independent of their neighbours and of its size."""
    engine = Engine(open_bundle(resnet.folder), ["cpu"])
    images = np.random.default_rng(0).normal(0, 1, (6, 3, 64, 64)).astype(np.float32)
    (together,) = engine.run("head", {"image": images})
    for row in (0, 5):
        (alone,) = engine.run("head", {"image": images[row : row + 1]})
        np.testing.assert_allclose(together.numpy()[row], alone.numpy()[0], atol=1e-4)
