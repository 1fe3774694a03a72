"""The graphs of a bundle, run: a session for each, opened when it is first needed, and reused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from camruntime._checks import whole
from camruntime.bundle import Bundle
from camruntime.engine.agreement import require_agreement
from camruntime.engine.instruments import GraphRun, Instruments
from camruntime.engine.memory import ChunkSizes, enough_memory
from camruntime.engine.models import Model, in_memory
from camruntime.engine.providers import (
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
from camruntime.engine.session import (
    Array,
    DeviceValue,
    Options,
    Session,
    available_providers,
    open_session,
    preload_nvidia,
    quiet,
    refuse_a_stale_answer,
    run_bound,
    session_options,
    upload,
)
from camruntime.engine.shared_weights import SharedWeights
from camruntime.errors import DeviceMemoryError, ProviderError

__all__ = ["Array", "DeviceValue", "Engine"]

_UNWATCHED = Instruments()

# The CPU's sessions copy weights into the order that products of many rows are fastest with. A
# gradient has few rows and, with VGG16, 990 MB of such copies, which take seconds to make.
_AS_STORED = "gradient"


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
        model: what a session of a graph opens; `mapped` for files that nobody else may touch.

    Attributes:
        provider: the first provider, in full.
        chunks: how much of which work fits into its memory.

    Raises:
        CamError: `threads` is no number of threads.
        ProviderError: a named provider is unknown to this ONNX Runtime or does not open, or there
            is no such `device_id`.
    """

    def __init__(
        self,
        bundle: Bundle,
        providers: Sequence[Provider] | None = None,
        device_id: int = 0,
        threads: int | None = None,
        instruments: Instruments = _UNWATCHED,
        model: Callable[[Bundle, str], Model] = in_memory,
    ) -> None:
        self.bundle = bundle
        self._asked = providers
        self._model = model
        self.chunks = ChunkSizes()
        self._threads = None if threads is None else whole("threads", threads, 1, 1024)
        self._device_id = whole("device_id", device_id, 0, 255, ProviderError)
        self._instruments = instruments
        self._sessions: dict[str, Session] = {}
        self._weights: SharedWeights[DeviceValue] = SharedWeights()
        self._lock = threading.Lock()
        self._providers = self._choose(providers)
        self.provider = self._providers[0][0]
        self._place = place(self._providers[0])

    def renewed(self, bundle: Bundle) -> Engine:
        """One like this for another bundle, whose sessions of the same graphs are open.

        Raises:
            ProviderError, BundleError, DeviceMemoryError: one of them does not open.
        """
        other = Engine(
            bundle, self._asked, self._device_id, self._threads, self._instruments, self._model
        )
        with self._lock:
            opened = [name for name in self._sessions if name in bundle.manifest.graphs]
        for name in opened:
            other._graph_session(name)
        return other

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
        return self._run(graph, self._graph_session(graph), inputs, known.outputs)

    def run_other(
        self,
        model: Model,
        digest: str,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[DeviceValue, ...]:
        """As `run`, for an ONNX file that is no graph of the bundle; `digest` is its SHA-256."""
        session = self._session(digest, partial(self._open_other, model, digest))
        return self._run(model.name, session, inputs, outputs)

    def upload(self, array: Array) -> DeviceValue:
        """Copy an array to the device once, for several calls of `run`."""
        with enough_memory(self.provider, "the inputs"):
            return upload(array, self._place)

    def end_profiling(self) -> list[Path]:
        """Complete the profiles of all sessions so far, and name their files."""
        with self._lock:
            return [Path(session.end_profiling()) for session in self._sessions.values()]

    def _run(
        self,
        name: str,
        session: Session,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[DeviceValue, ...]:
        begin = perf_counter()
        try:
            with enough_memory(self.provider, f"graph '{name}'"):
                values = run_bound(session, inputs, outputs, self._place)
                if self.provider == OPENVINO:
                    refuse_a_stale_answer(session, inputs, values[0])
        except DeviceMemoryError:
            self.close()
            raise
        self._instruments.tell(GraphRun(name, values[0].shape()[0], begin, perf_counter()))
        return tuple(map(DeviceValue, values))

    def close(self) -> None:
        """Give back all memory, as no session's arena ever shrinks; they open again when needed.

        OpenVINO's sessions would fail again, at sizes that had fitted before.
        """
        with self._lock:
            self._sessions.clear()
            self._weights.clear()

    def _graph_session(self, name: str) -> Session:
        return self._session(name, partial(self._open_graph, name))

    def _session(self, key: str, open_it: Callable[[], Session]) -> Session:
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = open_it()
            return self._sessions[key]

    def _open_other(self, model: Model, digest: str) -> Session:
        return self._open(model, digest, self._options(model.name))

    def _open_graph(self, name: str) -> Session:
        graph, model = self.bundle.graph(name), self._model(self.bundle, name)
        options = self._options(name)
        if name == _AS_STORED:
            options.add_session_config_entry("session.disable_prepacking", "1")
        if self.provider == CUDA:
            file = self.bundle.manifest.weights.file
            known = model.weights
            read = partial(known.__getitem__, file) if known else self.bundle.read_weights
            for initializer, shared in self._weights.of(graph, read, self.upload):
                options.add_initializer(initializer, shared.value)
        session = self._open(model, graph.sha256, options)
        require_agreement(session, name, self.bundle)
        return session

    def _options(self, name: str) -> Options:
        options = session_options(self._threads)
        if self._instruments.profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(self._instruments.profile / name)
        return options

    def _open(self, model: Model, digest: str, options: Options) -> Session:
        content = [self.bundle.manifest.weights.sha256, digest]
        placed = [with_engine_cache(provider, content) for provider in self._providers]
        advice = "It opened others: compute what needs this one with --provider cpu"
        return open_session(model, placed, options, advice)

    def _choose(self, providers: Sequence[Provider] | None) -> list[Chosen]:
        available = available_providers()
        if providers is not None:
            return self._that_open(choose(providers, available, self._device_id, self._threads))
        if CUDA in available:
            try:
                with quiet():
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
            preload_nvidia()
        advice = (
            "Is its driver or library installed, and are its options right? providers=None falls "
            "back to the CPU and says so"
        )
        model = self._model(self.bundle, "mask_activations")
        open_session(model, wanted, session_options(self._threads), advice)
        return wanted
