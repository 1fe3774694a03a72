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
from camruntime.engine import Engine
from camruntime.engine.session import Value, lent, session_options, upload
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


@pytest.fixture
def sharing(inspector: Path) -> Engine:
    """As on a device of its own memory: the tail, the gradient and the cells hold one matrix."""
    engine = Engine(open_bundle(inspector), ["cpu"])
    engine._sessions._share = True
    return engine


LAYER = {"activations": np.random.default_rng(0).random((1, 96, 16, 16), np.float32)}


without_dlpack = pytest.mark.skipif(
    lent(upload(np.ones(1, np.float32), ("cpu", 0))) is None,
    reason="this ONNX Runtime, before 1.26, lends no tensors",
)


@without_dlpack
@pytest.mark.parametrize("scale", [1, 2])
def test_sessions_compute_with_what_they_are_given(
    inspector: Path, sharing: Engine, monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    uploads = 0

    def upload_scaled(array: NDArray[Any], place: tuple[str, int]) -> Value:
        nonlocal uploads
        uploads += 1
        return upload(array * np.float32(scale), place)

    monkeypatch.setattr("camruntime.engine.sessions.upload", upload_scaled)
    plain = Engine(open_bundle(inspector), ["cpu"])
    blank = {"activations": np.zeros_like(LAYER["activations"])}
    for graph in ("tail", "cells"):
        bias = plain.run(graph, blank)[0].numpy()
        expected = bias + scale * (plain.run(graph, LAYER)[0].numpy() - bias)
        np.testing.assert_allclose(sharing.run(graph, LAYER)[0].numpy(), expected, rtol=1e-5)
    wanted = {**LAYER, "targets": np.array([2])}
    gradient = plain.run("gradient", wanted)[0].numpy()
    assert gradient.any()
    found = sharing.run("gradient", wanted)[0].numpy()
    np.testing.assert_allclose(found, scale * gradient, rtol=1e-5)
    assert uploads == 1
    sharing.close()
    sharing.run("tail", LAYER)
    assert uploads == 2, "memory was given back"


@without_dlpack
def test_a_session_takes_no_tensor_that_owns_its_memory_but_a_lent_one() -> None:
    """Why weights are lent: it owns what a device allocates."""
    owned = upload(np.ones(4, np.float32), ("cpu", 0))
    made = Value.ortvalue_from_shape_and_type([4], np.float32, "cpu", 0)
    with pytest.raises(RuntimeError, match="must be owned by the user"):
        session_options().add_initializer("w", made)
    for value in (owned, made):
        view = lent(value)
        assert view is not None
        session_options().add_initializer("w", view)
    assert lent(owned).numpy().tolist() == [1, 1, 1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["no DLPack", "sessions refuse"])
def test_where_weights_are_not_taken_every_graph_has_its_own_and_one_line_says_so(
    sharing: Engine,
    inspector: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    if what == "no DLPack":
        monkeypatch.setattr("camruntime.engine.sessions.lent", lambda value: None)
    else:  # a device's own tensor, as this project once gave it
        unlent = Value.ortvalue_from_shape_and_type([5, 96], np.float32, "cpu", 0)
        monkeypatch.setattr("camruntime.engine.sessions.lent", lambda value: unlent)
    plain = Engine(open_bundle(inspector), ["cpu"])
    with caplog.at_level("INFO", logger="camruntime"):
        for graph in ("tail", "cells"):
            expected = plain.run(graph, LAYER)[0].numpy()
            np.testing.assert_array_equal(sharing.run(graph, LAYER)[0].numpy(), expected)
    (line,) = [one for one in caplog.messages if not one.startswith("session of ")]
    assert line.startswith("each graph gets a copy of its weights on CPUExecutionProvider: ")
