"""What is computed for several images at once, and for whom, on arrays written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arrays import f32
from camruntime.bundle import open_bundle
from camruntime.engine import BatchGraphs, Engine, OnnxGraphs
from camruntime.errors import NonFiniteError
from camruntime.graphs import Forward, LayerOutput
from camruntime.maps import FloatArray

Asked = list[tuple[FloatArray, list[int]]]


def _forward(value: float) -> Forward:
    """One channel of one cell, and a token a hundred times that."""
    return Forward(f32([]), f32([[[[value]]]]), f32([]), tokens=f32([[[100 * value]]]))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let the gradient be `10 grid + token + target`; what was asked for, as cells and targets."""
    told: Asked = []

    def gradients(self: OnnxGraphs, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        told.append((layer.activations.ravel(), list(targets)))
        assert layer.tokens is not None
        own = 10 * layer.activations + layer.tokens[..., None]
        return np.asarray(own + f32(targets).reshape(-1, 1, 1, 1), np.float32)

    monkeypatch.setattr(OnnxGraphs, "gradients", gradients)
    return told


@pytest.fixture
def graphs(inspector: Path) -> BatchGraphs:
    """Images 1 to 4 with one class, two, none, and three."""
    return BatchGraphs(
        Engine(open_bundle(inspector), ["cpu"]),
        passes=[_forward(value) for value in (1, 2, 3, 4)],
        targets=[[5], [6, 7], [], [8, 9, 8]],
    )


def test_gradients_by_image_and_class(graphs: BatchGraphs, asked: Asked) -> None:
    """Four images, so four gradients at once are those of the first three."""
    wanted = {0: [115], 1: [226, 227], 3: [448, 449, 448]}
    for at, values in wanted.items():
        found = graphs.gradients(graphs.passes[at].layer, graphs.targets[at])
        np.testing.assert_array_equal(found.ravel(), values)
        again = graphs.gradients(graphs.passes[at].layer, graphs.targets[at])
        np.testing.assert_array_equal(again, found)
    assert [targets for _, targets in asked] == [[5, 6, 7], [8, 9, 8]]
    np.testing.assert_array_equal(asked[0][0], [1, 2, 2])
    np.testing.assert_array_equal(asked[1][0], [4])  # one image's layer serves all its classes


def test_other_classes_and_other_activations_are_asked_for_as_they_are(
    graphs: BatchGraphs, asked: Asked
) -> None:
    layer = graphs.passes[1].layer
    np.testing.assert_array_equal(graphs.gradients(layer, [7, 6]).ravel(), [227, 226])
    same = LayerOutput(layer.activations.copy(), layer.tokens)
    np.testing.assert_array_equal(graphs.gradients(same, [6, 7]).ravel(), [226, 227])
    np.testing.assert_array_equal(graphs.gradients(layer, [6, 7]).ravel(), [226, 227])
    assert [targets for _, targets in asked] == [[7, 6], [6, 7], [6, 7]]


def test_other_passes_share_their_gradients_too(graphs: BatchGraphs, asked: Asked) -> None:
    others = [_forward(value) for value in (5, 6)]
    shared = graphs.shared(others, [[1], [2]])
    for one, target, value in zip(others, (1, 2), (551, 662), strict=True):
        np.testing.assert_array_equal(shared.gradients(one.layer, [target]).ravel(), [value])
    assert [targets for _, targets in asked] == [[1, 2]]
    graphs.gradients(graphs.passes[0].layer, [5])  # whose own are as they were
    assert [targets for _, targets in asked] == [[1, 2], [5, 6, 7]]
    broken = replace(others[0], logits=f32([np.nan]))
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        graphs.shared([others[1], broken], [[1], [2]])
