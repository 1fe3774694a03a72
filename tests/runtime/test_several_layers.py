"""A bundle with several layers: opened, run, replaced and refused as one with a single layer is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camruntime.budget.rehearsal import at_layer, of_layer, rehearse
from camruntime.bundle import OF_A_CUT, at_cut, cut_of, manifest_rows, open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import BundleError
from camruntime.methods import make_method
from manifests import edit_manifest, setting
from two_layers import AGAIN, PER_LAYER, two_layers


@pytest.fixture
def folder(inspector: Path, tmp_path: Path) -> Path:
    return two_layers(inspector, tmp_path / "two")


def test_how_to_build_it_again_names_every_layer(folder: Path) -> None:
    first, second = (one.name for one in open_bundle(folder).manifest.layers)
    with pytest.raises(BundleError, match=f"inspector --layer {first} --layer {second}`$"):
        open_bundle(folder).graph("heart")


def test_names_of_graphs_and_back() -> None:
    assert OF_A_CUT == PER_LAYER
    assert [at_cut("head_cells", cut) for cut in range(3)] == [
        *("head_cells", "head_cells_2", "head_cells_3")
    ]
    for name in PER_LAYER:
        assert [cut_of(at_cut(name, cut)) for cut in (0, 1, 98)] == [
            *((name, 0), (name, 1), (name, 98))
        ]
    for other in ("head_1", "head_0", "head_02", "head_", "mask_images_2", "heads_2", "head_2 "):
        assert cut_of(other) == (other, 0)
    assert at_cut("mask_images", 3) == "mask_images"


def test_questions_of_later_layers_and_back() -> None:
    for kind in ("gradients", "edges:scharr", "edges:/2/edges.onnx", "pass with cells"):
        assert [of_layer(at_layer(kind, cut)) for cut in (0, 1, 9)] == [
            *((kind, 0), (kind, 1), (kind, 9))
        ]
    assert at_layer("gradients", 1) == "2/gradients"


def test_what_it_says(folder: Path, inspector: Path, samples: list[Path]) -> None:
    manifest, plain = open_bundle(folder).manifest, open_bundle(inspector).manifest
    assert [layer.name for layer in manifest.layers] == ["features", AGAIN]
    rows = manifest_rows(manifest)
    assert rows["target layer"] == f"features (96, 16, 16), {AGAIN} (96, 16, 16)"
    assert manifest.at(0) == dataclasses.replace(plain, graphs=manifest.at(0).graphs)
    assert manifest.at(0).graphs == plain.graphs
    second = manifest.at(1)
    assert (second.layer.name, second.more_layers) == (AGAIN, ())
    assert {name: one.file for name, one in second.graphs.items()} == {
        name: f"{name}_2.onnx" if name in PER_LAYER else f"{name}.onnx" for name in plain.graphs
    }
    assert {one.layer for one in second.parity} == {AGAIN}
    assert len(second.parity) == len(plain.parity)
    explainer = camruntime.load(folder, ["cpu"])
    assert explainer.explain(samples[0]).provenance.layer == f"features, {AGAIN}"


def test_a_later_layer_may_have_no_cells(folder: Path, samples: list[Path]) -> None:
    edit_manifest(folder, _without("cells_2"))
    edit_manifest(folder, _without("head_cells_2"))
    manifest = open_bundle(folder).manifest
    assert "cells" in manifest.at(0).graphs
    assert not {"cells", "head_cells"} & manifest.at(1).graphs.keys()
    explainer = camruntime.load(folder, ["cpu"])
    found = explainer.explain(samples[0], "layers/recipro-cam")
    own = explainer.explain(samples[0], "recipro-cam")
    np.testing.assert_allclose(found.saliency, own.saliency, atol=1e-4)


def test_a_method_alone_looks_at_the_first(
    folder: Path, inspector: Path, samples: list[Path]
) -> None:
    for spec in ("recipro-cam", "layer-cam"):
        found, own = (
            camruntime.load(one, ["cpu"]).explain(samples[0], spec) for one in (folder, inspector)
        )
        np.testing.assert_array_equal(found.raw, own.raw)


def test_sessions_of_later_layers_open_when_they_are_needed(
    folder: Path, samples: list[Path]
) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    explainer.explain(samples[0], "grad-cam")
    sessions = explainer._engine._sessions
    assert sorted(sessions.open()) == ["gradient", "head", "tail"]
    explainer.explain(samples[0], "layers/grad-cam")
    assert sorted(sessions.open()) == ["gradient", "gradient_2", "head", "head_2", "tail"]
    options = sessions._open["gradient_2"].get_session_options()
    assert options.get_session_config_entry("session.disable_prepacking") == "1"
    explainer.reload()
    assert sorted(explainer._engine._sessions.open()) == [
        *("gradient", "gradient_2", "head", "head_2", "tail")
    ]


def test_a_later_layer_s_graphs_are_guarded_as_the_first_s(
    folder: Path, samples: list[Path]
) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    explainer.explain(samples[0], "grad-cam")
    data = bytearray((folder / "head_2.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "head_2.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"head_2\.onnx changed since the bundle was opened"):
        explainer.explain(samples[0], "layers/grad-cam")
    with pytest.raises(BundleError, match=r"head_2\.onnx was changed or damaged"):
        open_bundle(folder)
    (folder / "head_2.onnx").unlink()
    with pytest.raises(BundleError, match=r"head_2\.onnx is named in bundle\.json and missing"):
        open_bundle(folder)


def test_a_reload_to_fewer_layers_says_so(
    folder: Path, inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    explainer.explain(samples[0], "layers/grad-cam")
    folder.rename(tmp_path / "old")
    folder.symlink_to(inspector)
    explainer.reload()
    with pytest.raises(BundleError, match="no graph 'head_2'"):
        explainer.explain(samples[0], "layers/grad-cam")


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["graphs"].pop(name)


def _also(name: str, of: str) -> Callable[[dict[str, Any]], object]:
    def change(content: dict[str, Any]) -> None:
        content["graphs"][name] = {**content["graphs"][of], "file": f"{name}.onnx"}

    return change


REFUSED = {
    "no layer for the graphs": (setting("more_layers", to=[]), "expected parity of the layers"),
    "no tail": (_without("tail_2"), "expected the graphs"),
    "no gradient": (_without("gradient_2"), "expected a gradient of each layer"),
    "no first gradient": (_without("gradient"), "expected a gradient of each layer"),
    "half of the cells": (_without("head_cells_2"), "cells and head_cells come together"),
    "a third head": (_also("head_3", "head"), "expected the graphs"),
    "masks of its own": (_also("mask_images_2", "mask_images"), "expected the graphs"),
    "another number": (_also("head_02", "head"), "expected the graphs"),
    "one file for two": (setting("graphs", "head_2", "file", to="head.onnx"), "a file for each"),
    "a path": (setting("graphs", "head_2", "file", to="../head_2.onnx"), "the name of a file"),
    "twice": (setting("more_layers", 0, "name", to="features"), "each layer once"),
    "tokens": (setting("more_layers", 0, "tokens", to=1), "inputs and outputs .* 'head_2'"),
    "lower precision": (setting("precision", to="fp16"), "several layers go with float32"),
    "parity of none": (setting("parity", 0, "layer", to="x"), "expected parity of the layers"),
    "no list": (setting("more_layers", to=None), r"bundle\.more_layers: expected a list"),
    "no layer": (setting("more_layers", 0, to=3), r"bundle\.more_layers\[0\]: expected object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_manifests_that_contradict_themselves(folder: Path, name: str) -> None:
    change, said = REFUSED[name]
    edit_manifest(folder, change)
    with pytest.raises(BundleError, match=said):
        open_bundle(folder)


def test_a_graph_of_another_layer_than_the_manifest_says(folder: Path, samples: list[Path]) -> None:
    edit_manifest(folder, setting("more_layers", 0, "shape", to=[95, 16, 16]))
    explainer = camruntime.load(folder, ["cpu"])
    explainer.explain(samples[0], "grad-cam")
    with pytest.raises(BundleError, match=r"graph 'head_2' of .* were not built together"):
        explainer.explain(samples[0], "layers/grad-cam")


def test_each_cut_asks_its_own_graphs(folder: Path) -> None:
    ran: list[str] = []
    engine = Engine(open_bundle(folder), ["cpu"])
    once = engine.run

    def run(graph: str, inputs: Any) -> Any:
        ran.append(graph)
        return once(graph, inputs)

    engine.run = run  # type: ignore[method-assign]
    graphs = OnnxGraphs(engine, chunk=8)
    first, second = graphs.cuts
    assert first is graphs
    assert (second.cuts, second.chunk) == ((second,), 8)
    image = np.random.default_rng(1).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    forward = second.forward(image)
    second.gradients(forward.layer, [0])
    second.logits_of_single_cells(forward)
    second.logits_of_masked_activations(forward.layer, np.ones((1, 16, 16), np.float32))
    second.forwards_with_cells(image)
    assert ran == [
        *("head_2", "tail_2", "gradient_2", "cells_2", "mask_activations", "tail_2"),
        "head_cells_2",
    ]


def test_a_rehearsal_tells_layers_apart(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    found = rehearse(make_method("layers/layer-cam"), manifest, [0], cells=True)
    assert found.questions == (("gradients", 1), ("2/layer", 1), ("2/gradients", 1))
    cells = rehearse(make_method("layers/recipro-cam"), manifest, [0], cells=True)
    assert cells.questions == (("2/layer", 1), ("2/logits_of_single_cells", 1))


def test_a_budget_measures_each_layer(folder: Path, samples: list[Path]) -> None:
    explainer = camruntime.load(folder, ["cpu"])
    (found,) = explainer.warm_up(["layers/layer-cam"]).values()
    assert found.passes == 4
    assert {"gradients", "2/layer", "2/gradients"} < set(explainer._used.costs.measured)
    assert {"head_2", "gradient_2"} < {*explainer._engine._sessions.open()}, "asked, and left open"
    assert explainer.explain(samples[0], "layers/layer-cam").raw.shape == (128, 128)
