"""Recorded runs, on the CPU: what is recorded, filled, read where it is, and refused.

The CPU records nothing: repeated is the plain run on the memory that stays. What that memory has to
hold, and when, is the same as on a device.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camruntime.bundle import open_bundle
from camruntime.engine import Engine, OnnxGraphs
from camruntime.engine.capture import SIZES
from camruntime.errors import ProviderError
from camruntime.explainer import Explainer, load
from camruntime.maps import bilinear

RNG = np.random.default_rng(0)
GRAPHS = {"head", "tail", "cells", "gradient", "mask_images", "mask_activations", "occlude_images"}


@pytest.fixture
def recording(inspector: Path) -> Engine:
    """An engine whose runs are recorded."""
    engine = Engine(open_bundle(inspector), ["cpu"], threads=1)
    engine._sessions.recording = set(GRAPHS)
    return engine


@pytest.fixture
def plain(inspector: Path) -> Engine:
    return Engine(open_bundle(inspector), ["cpu"], threads=1)


def _layer(rows: int) -> dict[str, Any]:
    return {"activations": RNG.random((rows, 96, 16, 16), np.float32)}


def _recorded(engine: Engine, graph: str) -> int:
    return sum(run is not None for run in engine._recorder._runs.get(graph, {}).values())


def _assert_same(recording: Engine, plain: Engine, graph: str, inputs: dict[str, Any]) -> None:
    (found, *_), (expected, *_) = recording.run(graph, inputs), plain.run(graph, inputs)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_what_comes_twice_is_recorded_and_takes_what_comes(
    recording: Engine, plain: Engine
) -> None:
    for turn, rows in enumerate([3, 2, 3, 3, 2, 3]):
        _assert_same(recording, plain, "tail", _layer(rows))
        assert _recorded(recording, "tail") == [0, 0, 1, 1, 2, 2][turn]


def test_an_array_that_is_filled_anew_is_read_anew(recording: Engine, plain: Engine) -> None:
    mine = _layer(2)
    for turn in range(4):
        mine["activations"][:] = turn + RNG.random(mine["activations"].shape)
        _assert_same(recording, plain, "tail", mine)


def test_results_outlive_the_next_run_once_they_are_read(recording: Engine, plain: Engine) -> None:
    inputs = [_layer(2) for _ in range(4)]
    found = [recording.run("tail", one)[0].numpy() for one in inputs]
    for one, logits in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(logits, plain.run("tail", one)[0].numpy())


def test_a_chain_reads_what_the_run_before_it_left(recording: Engine, plain: Engine) -> None:
    """Masked images go from one recorded run to the next without a copy."""
    image = RNG.normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    upsampling = bilinear((16, 16), (128, 128))
    for count in (8, 8, 3):
        masks = RNG.random((count, 16, 16), np.float32)
        found, expected = (
            OnnxGraphs(engine, 2).logits_of_masked_images(image, masks, upsampling)
            for engine in (recording, plain)
        )
        np.testing.assert_array_equal(found, expected)
    assert {graph: _recorded(recording, graph) for graph in ("mask_images", "head", "tail")} == {
        "mask_images": 1,
        "head": 1,
        "tail": 1,
    }
    (masked,) = [run for run in recording._recorder._runs["mask_images"].values() if run]
    (head,) = [run for run in recording._recorder._runs["head"].values() if run]
    assert head._inputs["image"] is masked.outputs["masked"]


def test_only_so_many_sizes_are_kept(recording: Engine, plain: Engine) -> None:
    for rows in [*range(1, SIZES + 3)] * 3:
        _assert_same(recording, plain, "tail", _layer(rows))
    assert _recorded(recording, "tail") == SIZES


def test_a_provider_that_reads_an_input_when_it_is_bound_is_found_out(
    recording: Engine, plain: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """As ONNX Runtime does where a node on the host reads what was bound on the device."""
    session = recording._sessions.of_graph("gradient")
    recording._sessions._open["gradient"] = ReadsWhenBound(session)
    with caplog.at_level("INFO", logger="camruntime"):
        for target in (1, 3, 0, 2):
            inputs = {**_layer(1), "targets": np.array([target])}
            _assert_same(recording, plain, "gradient", inputs)
    assert [one for one in caplog.messages if "session of" not in one] == [
        "runs of graph 'gradient' are not recorded: a repeated run differs from a plain one"
    ]


class ReadsWhenBound:
    """A session whose bindings copy `targets`."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def io_binding(self) -> Any:
        binding = self._session.io_binding()
        bind: Callable[[str, Any], None] = binding.bind_ortvalue_input

        def copied(name: str, value: Any) -> None:
            if name != "targets":
                bind(name, value)
            else:
                binding.bind_cpu_input(name, value.numpy().copy())

        binding.bind_ortvalue_input = copied
        return binding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def test_a_run_that_cannot_be_recorded_is_a_plain_one(
    recording: Engine,
    plain: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*given: object) -> None:
        raise RuntimeError("first line\nno memory left on the device")

    monkeypatch.setattr("camruntime.engine.capture.recorded", refuse)
    with caplog.at_level("INFO", logger="camruntime"):
        for _ in range(4):
            _assert_same(recording, plain, "tail", _layer(2))
    assert [one for one in caplog.messages if "session of" not in one] == [
        "runs of graph 'tail' are not recorded: no memory left on the device"
    ]


def test_memory_is_given_back(recording: Engine, plain: Engine) -> None:
    for _ in range(2):
        _assert_same(recording, plain, "tail", _layer(2))
    assert _recorded(recording, "tail") == 1
    recording.close()
    assert not recording._recorder._runs
    recording._sessions.recording = set(GRAPHS)
    for _ in range(3):
        _assert_same(recording, plain, "tail", _layer(2))


@pytest.mark.parametrize("spec", ["score-cam", "decom-cam:components=5", "recipro-cam"])
def test_maps_of_recorded_runs(
    recording: Engine, inspector: Path, samples: list[Path], spec: str
) -> None:
    ours, usual = Explainer(recording, 40), load(inspector, ["cpu"], threads=1, chunk=40)
    for sample in samples[:3]:
        found, expected = ours.explain(sample, spec), usual.explain(sample, spec)
        np.testing.assert_array_equal(found.raw, expected.raw)


def test_the_cpu_records_nothing(inspector: Path) -> None:
    with pytest.raises(ProviderError, match=r"^capture=True .*one of cuda, webgpu; cpu computes"):
        load(inspector, ["cpu"], capture=True)
