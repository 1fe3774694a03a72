from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from arrays import f32
from camruntime.bundle import open_bundle
from camruntime.cell_masks import cell_masks
from camruntime.engine import Engine
from camruntime.fitting import prepare
from camruntime.graphs import softmax
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.picture import read_picture


def test_softmax_by_hand_and_without_overflow() -> None:
    np.testing.assert_allclose(softmax(np.log(f32([[1, 3]]))), [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(softmax(f32([1000, 1000])), [0.5, 0.5])
    np.testing.assert_array_equal(softmax(f32([[3.0]])), [[1.0]])


def test_single_cells_in_one_pass_equal_masked_copies(inspector: Path) -> None:
    """And so does a bundle without that graph, one masked copy after the other."""
    bundle = open_bundle(inspector)
    manifest = bundle.manifest
    others = {name: graph for name, graph in manifest.graphs.items() if name != "cells"}
    assert len(others) == len(manifest.graphs) - 1
    without = replace(bundle, manifest=replace(manifest, graphs=others))
    image = prepare(read_picture(inspector / "samples" / "crack-1.png"), manifest.input)
    graphs, slow = (OnnxGraphs(Engine(one, ["cpu"])) for one in (bundle, without))
    layer = graphs.forward(image).layer
    height, width = layer.grid.shape[2:]
    expected = graphs.logits_of_masked_activations(layer, cell_masks((height, width)))
    found = graphs.logits_of_single_cells(layer)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(slow.logits_of_single_cells(layer), expected)
