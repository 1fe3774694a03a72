"""Runs that the device records: repeated with other inputs, they are those of plain runs."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.bundle import Bundle
from camruntime.engine import Engine
from camruntime.maps import FloatArray, bilinear
from camruntime.pictures import Picture
from explainers import Explainers

SPEC = "recipro-cam:mask=gaussian"
RECORDED = {"head", "tail", "mask_images", "mask_activations", "occlude_images"}


def _inputs(graph: str, seed: int, rows: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    upsampling = bilinear((16, 16), (128, 128))
    image = np.asarray(rng.normal(0, 1, (rows, 3, 128, 128)), np.float32)
    layer = rng.random((rows, 96, 16, 16), np.float32)
    masked: dict[str, FloatArray] = {
        "masks": rng.random((rows, 16, 16), np.float32),
        "rows": upsampling.rows,
        "columns": upsampling.columns,
    }
    every: dict[str, dict[str, FloatArray]] = {
        "head": {"image": image},
        "tail": {"activations": layer},
        "cells": {"activations": layer[:1]},
        "mask_activations": {"activations": layer[:1], "masks": masked["masks"]},
        "mask_images": {"image": image[:1], **masked},
        "occlude_images": {
            "image": image[:1],
            "blurred": np.asarray(image[-1:] / 2, np.float32),
            "offset": rng.random((1, 3, 1, 1), np.float32),
            **masked,
        },
    }
    return every[graph]


@pytest.mark.parametrize("graph", [*sorted(RECORDED), "cells"])
def test_repeated_runs_take_what_comes(inspector: Bundle, device: str, graph: str) -> None:
    plain, recording = Engine(inspector, ["cpu"]), Engine(inspector, [device], capture=True)
    for seed, rows in enumerate([3, 3, 3, 2, 3, 2, 2, 3]):
        inputs = _inputs(graph, seed, rows)
        (expected,) = plain.run(graph, inputs)
        (found,) = recording.run(graph, inputs)
        reach = np.abs(expected.numpy()).max()
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=0, atol=1e-5 * reach)
    known = [run for run in recording._recorder._runs[graph].values() if run is not None]
    assert len(known) == (1 if graph == "cells" else 2), "it was recorded, once for each size"


@pytest.mark.parametrize(
    ("spec", "chunk", "graph"),
    [
        ("score-cam", 40, "mask_images"),
        ("decom-cam", 5, "occlude_images"),
        ("decom-cam", None, "head"),
        ("recipro-cam:mask=gaussian", 100, "mask_activations"),
        ("recipro-cam", None, "head_cells"),
    ],
)
def test_maps_are_those_of_plain_runs(
    inspector: Bundle,
    defect: Picture,
    explainer: Explainers,
    spec: str,
    chunk: int | None,
    graph: str,
) -> None:
    """96 channels in chunks of 40, 12 components of 5, 256 cells of 100: the last is smaller."""
    recording, plain = explainer(inspector, True, chunk), explainer(inspector, False, chunk)
    for turn in range(2 if spec == "score-cam" else 3):
        picture = np.roll(defect, 9 * turn, axis=0)
        found, expected = (one.explain(picture, spec, 3).raw for one in (recording, plain))
        assert np.abs(found - expected).max() <= 1e-6 * np.ptp(expected)
    recorded = recording._engine._recorder._runs[graph]
    assert any(run is not None for run in recorded.values())


def test_a_graph_that_cannot_be_recorded_says_so_once(
    inspector: Bundle,
    defect: Picture,
    device: str,
    explainer: Explainers,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """WebGPU compares the numbers of classes on the host."""
    if device != "webgpu":
        pytest.skip("it is recorded there")
    recording = explainer(inspector, True)
    with caplog.at_level("INFO", logger="camruntime"):
        for _ in range(2):
            recording.explain(defect, "grad-cam")
    said = [line for line in caplog.messages if "not recorded" in line]
    assert len(said) == 1
    assert said[0].startswith("runs of gradient.onnx are not recorded: ")


def test_an_explanation_inside_another_one(
    inspector: Bundle, defect: Picture, explainer: Explainers
) -> None:
    """Whoever is told of the progress may ask for another map, on the same memory."""
    recording, plain = explainer(inspector, True, 64), explainer(inspector)
    other = defect[::-1].copy()
    inner: list[FloatArray] = []

    def ask(done: int, whole: int) -> None:
        if done == 128 and len(inner) < 2:
            inner.append(recording.explain(other, SPEC, 3).raw)

    for _ in range(2):
        outer = recording.explain(defect, SPEC, 3, progress=ask)
        expected = plain.explain(defect, SPEC, 3).raw
        assert np.abs(outer.raw - expected).max() <= 1e-6 * np.ptp(expected)
    expected = plain.explain(other, SPEC, 3).raw
    for raw in inner:
        assert np.abs(raw - expected).max() <= 1e-6 * np.ptp(expected)
