"""ONNX Runtime, and nothing else of the project imports it.

Sessions are opened when a graph is first run, once, and reused. Values pass from graph to graph
through IO binding, so on CUDA nothing but a call's small inputs and its logits crosses the bus; the
same path with CPU bindings runs everywhere.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Bundle
from camruntime.errors import DeviceMemoryError, MissingDependencyError, ProviderError
from camruntime.instruments import GraphRun, Instruments
from camruntime.memory import ChunkSizes, enough_memory
from camruntime.providers import (
    CPU,
    CUDA,
    OPENVINO,
    TENSORRT,
    Chosen,
    Provider,
    choose,
    place,
    turn_off_tf32,
    with_engine_cache,
)
from camruntime.rescale import FloatArray
from camruntime.shared_weights import SharedWeights

try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingDependencyError(
        "ONNX Runtime is not installed: `pip install 'camexport[gpu]'` for CUDA, "
        "or `pip install 'camexport[cpu]'`; not both, they overwrite each other"
    ) from error

Array = NDArray[Any]

_UNWATCHED = Instruments()

# The CPU's sessions copy weights into the order that products of many rows are fastest with. A
# gradient has few rows and, with VGG16, 990 MB of such copies, which take seconds to make.
_AS_STORED = "gradient"


class DeviceValue:
    """A tensor where the engine computes: host memory for CPU, device memory for CUDA."""

    def __init__(self, value: ort.OrtValue) -> None:
        self.value = value

    def numpy(self) -> FloatArray:
        """A copy in host memory."""
        return np.asarray(self.value.numpy(), np.float32)


class Engine:
    """The graphs of one bundle on one execution provider.

    Args:
        bundle: an opened bundle.
        providers: names, short (`cuda`, `tensorrt`, `openvino`, `cpu`) or in full
            (`CUDAExecutionProvider`), or pairs of name and options, in order of preference; the
            first must open. None takes CUDA when it opens, else the CPU.
        device_id: which GPU.
        threads: within one operator on the CPU; None leaves it to ONNX Runtime (one per core).
        instruments: what the engine tells about its work.

    Attributes:
        provider: the first provider, in full.
        chunks: how much of which work fits into its memory.

    Raises:
        ProviderError: a named provider is unknown to this ONNX Runtime or does not open.
    """

    def __init__(
        self,
        bundle: Bundle,
        providers: Sequence[Provider] | None = None,
        device_id: int = 0,
        threads: int | None = None,
        instruments: Instruments = _UNWATCHED,
    ) -> None:
        self.bundle = bundle
        self.chunks = ChunkSizes()
        self._threads = threads
        self._device_id = device_id
        self._instruments = instruments
        self._sessions: dict[Path, ort.InferenceSession] = {}
        self._weights = SharedWeights(bundle, self.upload)
        self._lock = threading.Lock()
        self._providers = self._choose(providers)
        self.provider = self._providers[0][0]
        self._place = place(self._providers[0])

    @property
    def threads(self) -> int:
        """As given, else how many cores there are."""
        return self._threads or os.cpu_count() or 1

    def run(self, graph: str, inputs: Mapping[str, Array | DeviceValue]) -> tuple[DeviceValue, ...]:
        """Run one graph; arrays are copied to the device, values already there are used in place.

        Returns its outputs, in order, on the device.

        Raises:
            DeviceMemoryError: there is not enough memory for it.
            ProviderError: the provider does not open it.
        """
        known = self.bundle.graph(graph)
        return self._run(graph, self.bundle.folder / known.file, inputs, known.outputs)

    def run_file(
        self, path: Path, inputs: Mapping[str, Array | DeviceValue], outputs: Sequence[str]
    ) -> tuple[DeviceValue, ...]:
        """As `run`, for an ONNX file that is no graph of the bundle."""
        return self._run(path.stem, path, inputs, outputs)

    def upload(self, array: Array) -> DeviceValue:
        """Copy an array to the device once, for several calls of `run`."""
        contiguous = np.ascontiguousarray(array)
        with enough_memory(self.provider, "the inputs"):
            return DeviceValue(ort.OrtValue.ortvalue_from_numpy(contiguous, *self._place))

    def end_profiling(self) -> list[Path]:
        """Complete the profiles of all sessions so far, and name their files."""
        with self._lock:
            return [Path(session.end_profiling()) for session in self._sessions.values()]

    def _run(
        self,
        name: str,
        path: Path,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[DeviceValue, ...]:
        session = self._session(path)
        begin = perf_counter()
        try:
            with enough_memory(self.provider, f"graph '{name}'"):
                values = self._bound_run(session, inputs, outputs)
                if self.provider == OPENVINO:
                    _refuse_a_stale_answer(session, inputs, values[0])
        except DeviceMemoryError:
            self._close_all()
            raise
        self._instruments.tell(GraphRun(name, values[0].shape()[0], begin, perf_counter()))
        return tuple(map(DeviceValue, values))

    def _bound_run(
        self,
        session: ort.InferenceSession,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> Sequence[ort.OrtValue]:
        binding = session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, DeviceValue):
                binding.bind_ortvalue_input(name, value.value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
        for name in outputs:
            binding.bind_output(name, *self._place)
        session.run_with_iobinding(binding)
        found: Sequence[ort.OrtValue] = binding.get_outputs()
        return found

    def _close_all(self) -> None:
        """Give back all memory, as no session's arena ever shrinks; they open again when needed.

        OpenVINO's sessions would fail again, at sizes that had fitted before.
        """
        with self._lock:
            self._sessions.clear()
            self._weights.clear()

    def _session(self, path: Path) -> ort.InferenceSession:
        with self._lock:
            if path not in self._sessions:
                self._sessions[path] = self._open(path, self._providers, self._options_for(path))
            return self._sessions[path]

    def _options_for(self, path: Path) -> ort.SessionOptions:
        options, graphs = self._session_options(), self.bundle.manifest.graphs
        name = {self.bundle.folder / graph.file: name for name, graph in graphs.items()}.get(path)
        if name == _AS_STORED:
            options.add_session_config_entry("session.disable_prepacking", "1")
        if name is not None and self.provider == CUDA:
            for initializer, weights in self._weights.of(graphs[name]):
                options.add_initializer(initializer, weights.value)
        if self._instruments.profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(self._instruments.profile / path.stem)
        return options

    def _session_options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        # Several sessions take turns. Without this the idle one's threads keep spinning on the
        # cores that the next one needs: chunks of masked images then take up to twice as long.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # From the second run of a shape on, the plan that it makes of the first would take one more
        # block of memory beside the first run's: 400 MB for a chunk of VGG16, and no faster.
        options.enable_mem_pattern = False
        return options

    def _open(
        self,
        path: Path,
        providers: Sequence[Chosen],
        options: ort.SessionOptions,
        advice: str = "It opened others: compute what needs this one with --provider cpu",
    ) -> ort.InferenceSession:
        """A session on the first of `providers`, never on another one in silence."""
        name, weights = providers[0][0], self.bundle.manifest.weights.sha256
        placed = [with_engine_cache(provider, path, weights) for provider in providers]
        refusal: Exception | None = None
        try:
            with enough_memory(name, path.name):
                # Without fallback: ONNX Runtime would print the reason and go on with the CPU.
                session = ort.InferenceSession(str(path), options, placed, enable_fallback=0)
            if session.get_providers()[0] == name:
                return session
        except DeviceMemoryError:
            raise
        except Exception as error:  # ONNX Runtime's errors share no base below Exception
            refusal = error
        words = str(refusal or "ONNX Runtime's log says why").strip()
        raise ProviderError(
            f"{name} did not open {path.name}: {words.splitlines()[-1][-200:]}. {advice}"
        ) from refusal

    def _choose(self, providers: Sequence[Provider] | None) -> list[Chosen]:
        available = ort.get_available_providers()
        if providers is not None:
            return self._that_open(choose(providers, available, self._device_id, self._threads))
        if CUDA in available:
            try:
                with _quiet():
                    return self._that_open(choose(["cuda"], available, self._device_id, None))
            except ProviderError:  # nobody asked for it
                pass
        return [(CPU, {})]

    def _that_open(self, wanted: list[Chosen]) -> list[Chosen]:
        """`wanted`, once the first of them has opened the smallest graph."""
        first = wanted[0][0]
        if first == TENSORRT:
            turn_off_tf32()
        if first in (CUDA, TENSORRT):
            ort.preload_dlls()  # finds the libraries in NVIDIA's own Python packages
        path = self.bundle.folder / self.bundle.graph("mask_activations").file
        advice = (
            "Is its driver or library installed, and are its options right? providers=None falls "
            "back to the CPU and says so"
        )
        self._open(path, wanted, self._session_options(), advice)
        return wanted


def _refuse_a_stale_answer(
    session: ort.InferenceSession, inputs: Mapping[str, Array | DeviceValue], answer: ort.OrtValue
) -> None:
    """Raise `MemoryError` where an answer is not for as many rows as were asked for.

    OpenVINO on one thread swallows a failed allocation and answers with what it last computed. It
    fails when it has to grow, so the number of rows is another one.
    """
    rows = session.get_outputs()[0].shape[0]
    for node in session.get_inputs():
        if node.shape[0] == rows and _rows(inputs[node.name]) != answer.shape()[0]:
            raise MemoryError


def _rows(value: Array | DeviceValue) -> int:
    return int(value.value.shape()[0] if isinstance(value, DeviceValue) else value.shape[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Swallow what ONNX Runtime says about missing CUDA libraries: nobody asked for CUDA."""
    ort.set_default_logger_severity(4)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        ort.set_default_logger_severity(2)  # its default
