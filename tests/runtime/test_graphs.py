from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arrays import f32
from camruntime.bundle import Answer, open_bundle
from camruntime.engine import DeviceValue, Engine, OnnxGraphs, cell_masks
from camruntime.errors import DeviceMemoryError, SmallerChunkWarning
from camruntime.graphs import Forward, LayerOutput, class_probabilities, class_scores, softmax
from camruntime.maps import FloatArray
from camruntime.pictures import prepare, read_picture


def test_softmax_by_hand_and_without_overflow() -> None:
    np.testing.assert_allclose(softmax(np.log(f32([[1, 3]]))), [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(softmax(f32([1000, 1000])), [0.5, 0.5])
    np.testing.assert_array_equal(softmax(f32([[3.0]])), [[1.0]])


def test_what_logits_mean_by_hand() -> None:
    logits = f32([[0, np.log(3)], [-1000, 1000]])
    one = Answer(one_logit=True)
    np.testing.assert_allclose(
        class_probabilities(logits, one), f32([[0.25, 0.75], [0, 1]]), rtol=1e-6
    )
    np.testing.assert_array_equal(class_scores(logits[:1], one)[0], [-logits[0, 1], logits[0, 1]])
    each = Answer(probabilities="sigmoid")
    np.testing.assert_allclose(
        class_probabilities(logits, each), f32([[0.5, 0.75], [0, 1]]), rtol=1e-6
    )
    np.testing.assert_array_equal(class_scores(logits, each), logits)
    np.testing.assert_array_equal(class_probabilities(logits, Answer(probabilities="none")), logits)


def test_which_classes_are_there() -> None:
    def present(answer: Answer) -> list[int]:
        pixel = np.zeros((1, 1, 1, 1), np.float32)
        return Forward(pixel, pixel, f32([0.1, 3, -1, 1.2]), answer=answer).present()

    assert present(Answer()) == [1]
    assert present(Answer(probabilities="sigmoid")) == [1, 3, 0]
    assert present(Answer(probabilities="sigmoid", threshold=0.76)) == [1, 3]
    assert present(Answer(probabilities="sigmoid", threshold=0.99)) == []


def test_single_cells_in_one_pass_equal_masked_copies(inspector: Path) -> None:
    """With the plain pass, or after it; and so does a bundle without that graph, copy by copy."""
    bundle = open_bundle(inspector)
    manifest = bundle.manifest
    others = {name: graph for name, graph in manifest.graphs.items() if "cells" not in name}
    assert len(others) == len(manifest.graphs) - 2
    without = replace(bundle, manifest=replace(manifest, graphs=others))
    image = prepare(read_picture(inspector / "samples" / "crack-1.png"), manifest.input)
    graphs, slow = (OnnxGraphs(Engine(one, ["cpu"])) for one in (bundle, without))
    plain = graphs.forward(image)
    height, width = plain.activations.shape[2:]
    expected = graphs.logits_of_masked_activations(plain.layer, cell_masks((height, width)))
    assert np.ptp(expected) > 0.1
    later = graphs.logits_of_single_cells(plain)
    np.testing.assert_allclose(later, expected, atol=1e-4)
    np.testing.assert_array_equal(slow.logits_of_single_cells(plain), expected)
    (at_once,) = graphs.forwards_with_cells(image)
    np.testing.assert_allclose(at_once.logits, plain.logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(graphs.logits_of_single_cells(at_once), later)
    (without_graph,) = slow.forwards_with_cells(image)
    assert without_graph.single_cells is None
    np.testing.assert_array_equal(without_graph.logits, plain.logits)


def test_passes_with_cells_come_in_parts_where_a_batch_does_not_fit(
    inspector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(open_bundle(inspector), ["cpu"])
    size = engine.bundle.manifest.input.size
    images = np.random.default_rng(5).random((4, 3, *size)).astype(np.float32)
    graphs = OnnxGraphs(engine)
    alone = [graphs.forwards_with_cells(image[None])[0] for image in images]
    told: list[tuple[str, int]] = []
    once = Engine.run

    def run(self: Engine, graph: str, inputs: Mapping[str, Any]) -> tuple[DeviceValue, ...]:
        answer = once(self, graph, inputs)
        told.append((graph, len(answer[0].numpy())))
        if told[-1] == ("head_cells", 4):
            raise DeviceMemoryError("as if")
        return answer

    monkeypatch.setattr(Engine, "run", run)
    with pytest.warns(SmallerChunkWarning, match="from now on 2 copies of images at once"):
        found = graphs.forwards_with_cells(images)
    assert told == [("head_cells", 4), ("head_cells", 2), ("head_cells", 2)]
    for one, wanted in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one.image, wanted.image)
        np.testing.assert_allclose(one.logits, wanted.logits, rtol=1e-5, atol=1e-5)
        cells, those = map(graphs.logits_of_single_cells, (one, wanted))
        np.testing.assert_allclose(cells, those, rtol=1e-5, atol=1e-5)


def test_made_images_are_those_that_are_given_at_once(inspector: Path) -> None:
    """In chunks of three, of which each asks for its own rows."""
    engine = Engine(open_bundle(inspector), ["cpu"])
    size = engine.bundle.manifest.input.size
    images = np.random.default_rng(1).random((8, 3, *size)).astype(np.float32)
    asked: list[list[int]] = []

    def make(rows: NDArray[np.int64]) -> FloatArray:
        asked.append(rows.tolist())
        return images[rows]

    graphs = OnnxGraphs(engine, chunk=3)
    found = graphs.logits_of_made_images(8, make)
    np.testing.assert_array_equal(found, graphs.logits(images))
    assert asked == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_ablated_channels_are_copies_with_zeros(inspector: Path) -> None:
    """One chunk after the other in the same copies, each whole but for its own channel."""
    engine = Engine(open_bundle(inspector), ["cpu"])
    image = prepare(
        read_picture(inspector / "samples" / "crack-1.png"), engine.bundle.manifest.input
    )
    graphs = OnnxGraphs(engine, chunk=4)
    plain = graphs.forward(image)
    before = plain.activations.copy()
    channels = np.array([5, 0, 3, 5, 1, 2, 90])
    copies = np.repeat(before, len(channels), axis=0)
    copies[np.arange(len(channels)), channels] = 0
    found = graphs.logits_of_ablated_channels(plain.layer, channels)
    np.testing.assert_array_equal(found, graphs.logits_of_layer(LayerOutput(copies)))
    assert np.ptp(found, axis=0).max() > 0.1
    np.testing.assert_array_equal(plain.activations, before)
