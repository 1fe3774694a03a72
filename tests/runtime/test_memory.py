"""Memory that runs out: seen from the texts that occur, halved, remembered, said once."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camruntime.bundle import open_bundle
from camruntime.engine import Engine
from camruntime.engine.engine import Array
from camruntime.engine.memory import ChunkSizes, allocation_failure
from camruntime.errors import CamError, DeviceMemoryError, SmallerChunkWarning
from camruntime.explainer import Explainer, load

NODE = "Non-zero status code returned while running Conv node. Name:'/stem/Conv' Status Message: "
ARENA = (
    "onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal"
)
CALL = "onnxruntime/core/providers/cuda/cuda_call.cc:121 onnxruntime::CudaCall "


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"{NODE}{ARENA}(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for "
            "requested buffer of size 418414592\n",
            "Failed to allocate memory for requested buffer of size 418414592",
        ),
        (
            f"{NODE}{ARENA} Available memory of 19968 is smaller than requested bytes of 1572864",
            "Available memory of 19968 is smaller than requested bytes of 1572864",
        ),
        (
            f"[ONNXRuntimeError] : 1 : FAIL : {CALL}CUDA failure 2: out of memory ; GPU=0 ; "
            "hostname=here ; file=cuda_stream_handle.cc ; line=175 ; expr=cudaStreamCreate(&s)",
            "CUDA failure 2: out of memory",
        ),
        (
            f"{NODE}{CALL}CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; "
            "expr=cublasCreate(&cublas_handle_);",
            "CUBLAS_STATUS_ALLOC_FAILED",
        ),
        (
            f"{NODE}{CALL}CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
            "CUDNN_STATUS_ALLOC_FAILED",
        ),
        (
            f"{NODE}CUDNN_FE failure 5: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        ),
        (f"{NODE}bad allocation", "bad allocation"),
        (f"{NODE}std::bad_alloc", "std::bad_alloc"),
        (
            "[CPU] Convolution node with name 'stem' Check 'ptr' failed at cpu_memory.cpp:257:\n"
            "Failed to allocate 104603648 bytes of memory\n",
            "Failed to allocate 104603648 bytes of memory",
        ),
        (
            f"{NODE}vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY",
            "VK_ERROR_OUT_OF_DEVICE_MEMORY",
        ),
        (f"{NODE}absl::container_internal::raw_hash_map<>::at", "raw_hash_map<>::at"),
        (
            f"{NODE}Too many storage buffers in shader. Current: 19, Max is 16",
            "Too many storage buffers in shader",
        ),
        (
            "[GPU] Exceeded max size of memory object allocation: requested 23058 bytes, but max "
            "alloc size supported by device is 4294 bytes.",
            "Exceeded max size of memory object allocation",
        ),
    ],
)
def test_failed_allocations_are_known_by_their_texts(text: str, found: str) -> None:
    assert allocation_failure(RuntimeError(text)) == found


def test_a_memory_error_of_pythons_own_counts() -> None:
    assert allocation_failure(MemoryError()) == "no memory left"


@pytest.mark.parametrize(
    "text",
    [
        f"{NODE}CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0",
        f"{NODE}{CALL}CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0",
        f"{NODE}matmul_helper.h:59 Compute MatMul dimension mismatch",
        "[GPU] clEnqueueNDRangeKernel, error code: -5 CL_OUT_OF_RESOURCES",
    ],
)
def test_other_errors_are_not_taken_for_them(text: str) -> None:
    assert allocation_failure(RuntimeError(text)) is None


class Squares:
    """Squares of rows, as long as they are no more than `room`; remembers what was asked."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []

    def __call__(self, rows: Array) -> Array:
        self.asked.append(len(rows))
        if len(rows) > self.room:
            raise DeviceMemoryError("too little memory for graph 'head'")
        return rows**2


def test_a_chunk_is_halved_until_it_fits_and_the_size_is_kept() -> None:
    sizes, squares, rows = ChunkSizes(), Squares(10), np.arange(90)
    told: list[tuple[int, int]] = []

    def tell(done: int, whole: int) -> None:
        told.append((done, whole))

    words = "from now on 8 copies of images at once.*--chunk 8"
    with pytest.warns(SmallerChunkWarning, match=words) as said:
        made = sizes.map("copies of images", squares, rows, 64, tell)
    assert len(said) == 1
    np.testing.assert_array_equal(np.concatenate(made), rows**2)
    assert squares.asked == [64, 32, 16] + [8] * 11 + [2]
    assert told == [*((done, 90) for done in range(8, 90, 8)), (90, 90)]


def test_later_calls_begin_with_what_fits_and_say_nothing() -> None:
    sizes, rows = ChunkSizes(), np.arange(40)
    with pytest.warns(SmallerChunkWarning):
        sizes.map("copies of images", Squares(5), rows, 16)
    again = Squares(5)
    sizes.map("copies of images", again, rows, 16)  # a second warning would be an error
    assert again.asked == [4] * 10
    assert sizes.largest("copies of images", 3) == 3, "fewer are wanted than fit"
    assert sizes.largest("gradients", 16) == 16, "other work has memory of its own"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sizes.map("gradients", Squares(5), rows, 16)


def test_one_row_that_does_not_fit_is_the_error() -> None:
    squares = Squares(0)
    with pytest.raises(DeviceMemoryError, match="graph 'head'"):
        ChunkSizes().map("gradients", squares, np.arange(6), 4)
    assert squares.asked == [4, 2, 1]


def test_threads_that_fail_together_halve_once() -> None:
    sizes, together = ChunkSizes(), threading.Barrier(2)

    def compute(rows: Array) -> Array:
        if len(rows) == 16:
            together.wait(10)
            raise DeviceMemoryError("too little memory")
        return rows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SmallerChunkWarning)
        work = ("gradients", compute, np.arange(32), 16)
        threads = [threading.Thread(target=sizes.map, args=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sizes.largest("gradients", 16) == 8


class SmallMemory:
    """A session on a machine with room for `room` rows: ONNX Runtime's own text beyond that.

    Once it has failed it always fails, as sessions do that hold on to what they took.
    """

    def __init__(self, session: Any, room: int) -> None:
        self.session, self.room, self.failed = session, room, False

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        found: list[Any] = self.session.run(outputs, inputs)
        self.failed |= len(found[0]) > self.room
        if self.failed:
            raise RuntimeError(
                f"Error in execution: {NODE}{ARENA}(size_t, bool, onnxruntime::Stream*) "
                "Failed to allocate memory for requested buffer of size 418414592\n"
            )
        return found


class Silent(SmallMemory):
    """As OpenVINO on one thread: no error, and what the session answered last."""

    def __init__(self, session: Any, room: int) -> None:
        super().__init__(session, room)
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.last: list[Any] = []

    def io_binding(self) -> Any:
        return Stale(self)

    def run_with_iobinding(self, binding: Any) -> None:
        self.session.run_with_iobinding(binding.real)
        found = binding.real.get_outputs()
        self.failed |= found[0].shape()[0] > self.room
        if not self.failed:
            self.last = found
        elif not self.last:
            self.last = [type(value).ortvalue_from_numpy(value.numpy()[:0]) for value in found]


class Stale:
    """A binding whose outputs are what the session answered last."""

    def __init__(self, session: Silent) -> None:
        self.real, self.session = session.session.io_binding(), session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def get_outputs(self) -> list[Any]:
        return self.session.last


def _explainer(
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    graph: str,
    kind: type[SmallMemory] = SmallMemory,
) -> Explainer:
    """One whose `graph` has room for so many rows, in every session of it."""
    engine = Engine(open_bundle(bundle), ["cpu"], threads=1)
    opened = engine._sessions._open_graph

    def small(name: str) -> Any:
        return kind(opened(name), room) if name == graph else opened(name)

    monkeypatch.setattr(engine._sessions, "_open_graph", small)
    return Explainer(engine, chunk=16)


@pytest.mark.parametrize(
    ("method", "graph", "size"),
    [
        ("score-cam", "head", 4),
        ("score-cam", "mask_images", 4),
        ("decom-cam:components=8", "occlude_images", 4),
        ("recipro-cam:mask=gaussian", "mask_activations", 4),
        ("integrated-grad-cam:steps=20", "gradient", 4),
        ("smooth-grad-cam++:samples=9", "head", 4),
    ],
)
def test_maps_are_the_same_in_a_small_memory(
    inspector: Path,
    samples: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    graph: str,
    size: int,
) -> None:
    expected = load(inspector, ["cpu"], threads=1).explain(samples[0], method)
    small = _explainer(inspector, monkeypatch, 5, graph)
    with pytest.warns(SmallerChunkWarning, match=f"from now on {size} ") as said:
        found = small.explain(samples[0], method)
    assert len(said) == 1
    scale = np.abs(expected.raw).max()
    np.testing.assert_allclose(found.raw, expected.raw, rtol=0, atol=1e-5 * scale)
    again = small.explain(samples[0], method)  # a second warning would be an error
    np.testing.assert_array_equal(again.raw, found.raw)


def test_a_stale_answer_is_seen_and_not_taken(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's next answers would have the right number of rows, and be wrong."""
    expected = load(inspector, ["cpu"], threads=1).explain(samples[0], "score-cam")
    silent = _explainer(inspector, monkeypatch, 5, "head", Silent)
    silent._engine.provider = "OpenVINOExecutionProvider"
    with pytest.warns(SmallerChunkWarning, match="from now on 4 "):
        found = silent.explain(samples[0], "score-cam")
    scale = np.abs(expected.raw).max()
    np.testing.assert_allclose(found.raw, expected.raw, rtol=0, atol=1e-5 * scale)


def test_no_room_for_one_copy_names_graph_and_advice(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = _explainer(inspector, monkeypatch, 0, "mask_images")
    with pytest.raises(DeviceMemoryError, match=r"graph 'mask_images' \(Failed.*smaller --size$"):
        explainer.explain(samples[0], "score-cam")


def test_other_errors_of_onnx_runtime_stay_as_they_are(inspector: Path) -> None:
    engine = Engine(open_bundle(inspector), ["cpu"], threads=1)
    with pytest.raises(Exception, match="Got invalid dimensions") as caught:
        engine.run("head", {"image": np.zeros((1, 4, 128, 128), np.float32)})
    assert not isinstance(caught.value, CamError)
