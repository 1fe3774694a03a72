"""The door to ONNX Runtime: what it computes, what it says, and that nobody else has a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from camruntime.engine import Model, on_cpu
from camruntime.engine.session import (
    Array,
    Value,
    available_providers,
    open_session,
    quiet,
    run_bound,
    session_options,
    upload,
)
from camruntime.errors import ProviderError
from camruntime.provider_names import CPU

HOST = ("cpu", 0)
LAYER = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
MASKS = np.array([[[1, 0], [0, 2]], [[0, 0], [1, 0]]], np.float32)
MASKED = [[[[0, 0], [0, 6]], [[4, 0], [0, 14]]], [[[0, 0], [2, 0]], [[0, 0], [6, 0]]]]


@pytest.fixture
def graph(inspector: Path) -> Path:
    """`activations` times each of `masks`."""
    return inspector / "mask_activations.onnx"


def test_a_bound_run_takes_arrays_and_values_that_are_there(graph: Path) -> None:
    session = open_session(Model(graph.name, graph), [(CPU, {})], session_options(1), "")
    inputs: dict[str, Array | Value]
    inputs = {"activations": upload(LAYER, HOST), "masks": MASKS}
    (found,) = run_bound(session, inputs, ["masked"], HOST)
    assert found.numpy().tolist() == MASKED


def test_a_graph_that_is_no_bundle_s_from_a_file_and_from_bytes(graph: Path) -> None:
    for given in (graph, graph.read_bytes()):
        run = on_cpu(given, ["masked"])
        for rows in (1, 2):
            (found,) = run({"activations": LAYER, "masks": MASKS[:rows]})
            assert found.tolist() == MASKED[:rows]


def test_every_session_gets_the_same_options() -> None:
    options = session_options(3)
    assert options.intra_op_num_threads == 3
    assert session_options().intra_op_num_threads == 0, "as many as cores"
    assert not options.enable_mem_pattern
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_what_does_not_open_is_said_in_one_line_with_the_advice(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(ProviderError, match=rf"^{CPU} did not open broken\.onnx: .+\. Build anew$"):
        open_session(Model(broken.name, broken), [(CPU, {})], session_options(), "Build anew")


def test_a_provider_that_is_not_there_is_never_replaced_in_silence(graph: Path) -> None:
    missing = "MIGraphXExecutionProvider"
    assert missing not in available_providers()
    with pytest.raises(ProviderError, match=rf"^{missing} did not open mask_activations\.onnx"):
        open_session(Model(graph.name, graph), [(missing, {}), (CPU, {})], session_options(), "")


def test_quiet_swallows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("libcublasLt.so.13: cannot open shared object file")
    print("said")
    assert capsys.readouterr().out == "said\n"


@pytest.mark.parametrize(
    ("cores", "threads", "places"),
    [({0, 2, 5}, 3, "3;6"), ({0, 2, 5}, 2, None), ({4}, 1, None), ({0, 1}, 2, "2")],
)
def test_as_many_threads_as_cores_are_each_on_their_own(
    monkeypatch: pytest.MonkeyPatch, cores: set[int], threads: int, places: str | None
) -> None:
    """ONNX Runtime counts cores from 1, and does not place the caller's own thread."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: cores, raising=False)
    options = session_options(threads)
    assert options.intra_op_num_threads == threads
    try:
        found = options.get_session_config_entry("session.intra_op_thread_affinities")
    except RuntimeError:
        found = None
    assert found == places
