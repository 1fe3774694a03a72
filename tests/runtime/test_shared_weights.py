"""Weights that several graphs hold are uploaded once, and are what the sessions compute with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arrays import f32
from camruntime.bundle import Graph, Shared, open_bundle
from camruntime.engine import DeviceValue, Engine
from camruntime.engine.providers import CUDA
from camruntime.engine.shared_weights import SharedWeights

Upload = list[NDArray[Any]]


def _graph(*shared: Shared) -> Graph:
    return Graph(file="g.onnx", inputs=("x",), outputs=("y",), shared=shared, sha256="0" * 64)


WEIGHTS = f32([1, 2, 3, 4, 5, 6]).tobytes() + np.array([7, 8], np.float16).tobytes()


def test_a_tensor_is_read_where_it_lies_and_uploaded_once() -> None:
    matrix = Shared(name="w", offset=8, shape=(2, 2), dtype="float32")
    bias = Shared(name="b", offset=24, shape=(2,), dtype="float16")
    uploaded: Upload = []

    def upload(array: NDArray[Any]) -> int:
        uploaded.append(array)
        return len(uploaded)

    weights: SharedWeights[int] = SharedWeights()

    def of(*shared: Shared) -> list[tuple[str, int]]:
        return list(weights.of(_graph(*shared), lambda: WEIGHTS, upload))

    assert of(matrix) == [("w", 1)]
    assert of(bias, replace(matrix, name="v")) == [("b", 2), ("v", 1)]
    assert [array.tolist() for array in uploaded] == [[[3, 4], [5, 6]], [7, 8]]
    assert [array.dtype for array in uploaded] == [np.float32, np.float16]
    flat = replace(matrix, shape=(4,))
    assert of(flat) == [("w", 3)], "a session would take its shape from there"
    weights.clear()
    assert of(matrix) == [("w", 4)]


@pytest.mark.parametrize("scale", [1, 2])
def test_sessions_compute_with_what_they_are_given(
    inspector: Path, monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    """As on CUDA. The tail is a mean and a linear layer, whose matrix all three graphs hold."""
    once, uploads = Engine.upload, 0

    def upload(self: Engine, array: NDArray[Any]) -> DeviceValue:
        nonlocal uploads
        uploads += 1
        return once(self, array * np.float32(scale))

    monkeypatch.setattr(Engine, "upload", upload)
    plain, given = (Engine(open_bundle(inspector), ["cpu"]) for _ in range(2))
    given.provider = CUDA
    layer = {"activations": np.random.default_rng(0).random((1, 96, 16, 16), np.float32)}
    blank = {"activations": np.zeros_like(layer["activations"])}
    for graph in ("tail", "cells"):
        bias = plain.run(graph, blank)[0].numpy()
        expected = bias + scale * (plain.run(graph, layer)[0].numpy() - bias)
        np.testing.assert_allclose(given.run(graph, layer)[0].numpy(), expected, rtol=1e-5)
    wanted = {**layer, "targets": np.array([2])}
    gradient = plain.run("gradient", wanted)[0].numpy()
    assert gradient.any()
    found = given.run("gradient", wanted)[0].numpy()
    np.testing.assert_allclose(found, scale * gradient, rtol=1e-5)
    assert uploads == 1
    given.close()
    given.run("tail", layer)
    assert uploads == 2, "memory was given back"
