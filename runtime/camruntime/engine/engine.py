"""The graphs of a bundle, run on one execution provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from camruntime._checks import whole
from camruntime._text import shown
from camruntime.bundle import Bundle
from camruntime.engine.backend import Backend, find_backend
from camruntime.engine.capture import Recorder, tensors
from camruntime.engine.device_value import DeviceValue
from camruntime.engine.instruments import GraphRun, Instruments
from camruntime.engine.kinds import KINDS
from camruntime.engine.memory import ChunkSizes, enough_memory
from camruntime.engine.models import Model, in_memory
from camruntime.engine.providers import Provider
from camruntime.engine.session import (
    Array,
    Session,
    Value,
    open_session,
    refuse_a_stale_answer,
    rows_of,
    run_bound,
    run_on_host,
    session_options,
    upload,
)
from camruntime.engine.sessions import Sessions
from camruntime.engine.turns import Turn, require_own_process, turn_of
from camruntime.errors import DeviceMemoryError, ProviderError
from camruntime.provider_names import CPU, OPENVINO

__all__ = ["Array", "DeviceValue", "Engine"]

_UNWATCHED = Instruments()
_NEVER_FREED: list[object] = []
"""What a fork has of its parent's engines on devices."""


class Engine:
    """The graphs of one bundle on one execution provider.

    Args:
        bundle: an opened bundle.
        providers: names, short (`cuda`, `tensorrt`, `tensorrt-rtx`, `openvino`, `webgpu`, `cpu`) or
            in full (`CUDAExecutionProvider`), or pairs of name and options, in order of preference;
            the first must open. None takes CUDA when it opens, else the CPU.
        device_id: which of the provider's devices, as `camruntime devices` counts them.
        threads: within one operator on the CPU; None leaves it to ONNX Runtime (one per core).
        instruments: what the engine tells about its work.
        model: what a session of a graph opens; `mapped` for files that nobody else may touch.
        capture: record runs and repeat them, see `camruntime.engine.capture`; on CUDA and WebGPU.

    Attributes:
        backend: what computes.
        provider: the first provider, in full.
        chunks: how much of which work fits into its memory.

    Raises:
        CamError: `threads` is no number of threads.
        ProviderError: a named provider is unknown to this ONNX Runtime or does not open, there is
            no such `device_id`, or `capture` is nothing that it can do.
    """

    def __init__(
        self,
        bundle: Bundle,
        providers: Sequence[Provider] | None = None,
        device_id: int = 0,
        threads: int | None = None,
        instruments: Instruments = _UNWATCHED,
        model: Callable[[Bundle, str], Model] = in_memory,
        capture: bool = False,
    ) -> None:
        self.bundle = bundle
        self._asked = providers
        self._model = model
        self.chunks = ChunkSizes()
        self._threads = None if threads is None else whole("threads", threads, 1, 1024)
        self._device_id = whole("device_id", device_id, 0, 255, ProviderError)
        self._instruments = instruments
        if not isinstance(capture, (bool, np.bool_)):
            raise ProviderError(f"capture is True or False, got {shown(capture)}")
        self._capture = capture
        self.backend = find_backend(providers, self._device_id, self._threads, self._open_smallest)
        self.provider = self.backend.name
        if capture:
            _require_capture(self.backend)
        self._turn, self._process = turn_of(self.provider, capture), os.getpid()
        self._recorder = Recorder(self.backend.place)
        self._sessions = Sessions(
            bundle, self.backend, self._threads, model, instruments.profile, capture
        )

    def renewed(self, bundle: Bundle) -> Engine:
        """One like this for another bundle, whose sessions of the same graphs are open.

        Raises:
            ProviderError, BundleError, DeviceMemoryError: one of them does not open.
        """
        other = Engine(
            bundle,
            [self.provider] if self._asked is None else self._asked,
            self._device_id,
            self._threads,
            self._instruments,
            self._model,
            self._capture,
        )
        with other.turn:
            for name in self._sessions.open():
                if name in bundle.manifest.graphs:
                    other._sessions.of_graph(name)
        return other

    @property
    def turn(self) -> Turn:
        """Entered for everything that uses its memory together.

        By one thread after the other, where several at once would mix up their values.

        Raises:
            ProviderError: this process is a fork of the one in which a device was opened.
        """
        if self.provider != CPU:
            require_own_process(self.backend.kind, self._process)
        return self._turn

    @property
    def threads(self) -> int:
        """As given, else how many cores there are."""
        return self._threads or os.cpu_count() or 1

    def run(self, graph: str, inputs: Mapping[str, Array | DeviceValue]) -> tuple[DeviceValue, ...]:
        """Run one graph; arrays are copied to the device, values already there are used in place.

        Returns its outputs, in order, on the device. Where runs are recorded, they are there until
        the graph runs again with as many rows.

        Raises:
            DeviceMemoryError: there is not enough memory for it.
            ProviderError: the provider does not open it.
        """
        known = self.bundle.graph(graph)
        with self.turn:
            session = self._sessions.of_graph(graph)
            return self._run(graph, graph, session, inputs, known.outputs)

    def run_other(
        self,
        model: Model,
        digest: str,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[DeviceValue, ...]:
        """As `run`, for an ONNX file that is no graph of the bundle; `digest` is its SHA-256."""
        with self.turn:
            session = self._sessions.of_other(model, digest)
            return self._run(model.name, digest, session, inputs, outputs)

    def upload(self, array: Array) -> DeviceValue:
        """Copy an array to the device once, for several calls of `run`."""
        with self.turn, enough_memory(self.provider, "the inputs"):
            there = array if self._on_host else upload(array, self.backend.place)
            return DeviceValue(there, self._turn, array)

    def end_profiling(self) -> list[Path]:
        """Complete the profiles of all sessions so far, and name their files."""
        with self.turn:
            return self._sessions.end_profiling()

    def close(self) -> None:
        """Give back all memory, as no session's arena ever shrinks; they open again when needed.

        OpenVINO's sessions would fail again, at sizes that had fitted before.
        """
        with self.turn:
            self._recorder.clear()
            self._sessions.close()

    def __del__(self) -> None:
        """Sessions are freed in turn, too; there are none where this could not be made."""
        if not hasattr(self, "_sessions"):
            return
        things = [self.__dict__.pop("_recorder"), self.__dict__.pop("_sessions")]
        if self.provider != CPU and os.getpid() != self._process:
            _NEVER_FREED.append(things)  # it would wait for threads that the fork has not
        else:
            self._turn.leave(things)

    def _run(
        self,
        name: str,
        key: str,
        session: Session,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[DeviceValue, ...]:
        begin = perf_counter()
        try:
            with enough_memory(self.provider, f"graph '{name}'"):
                values, kept = self._values(key, session, inputs, outputs)
        except DeviceMemoryError:
            self.close()
            raise
        self._instruments.tell(GraphRun(name, rows_of(values[0]), begin, perf_counter()))
        return tuple(DeviceValue(value, self._turn, kept=kept) for value in values)

    def _values(
        self,
        key: str,
        session: Session,
        inputs: Mapping[str, Array | DeviceValue],
        outputs: Sequence[str],
    ) -> tuple[Sequence[Array | Value], bool]:
        """The outputs, and whether they are memory of a recorded run."""
        if key in self._sessions.recording:
            return self._recorder.run(key, session, inputs, outputs)
        plain = tensors(inputs)
        if self._on_host:
            return run_on_host(session, plain, outputs), False
        values = run_bound(session, plain, outputs, self.backend.place)
        if self.provider == OPENVINO:
            refuse_a_stale_answer(session, plain, values[0])
        return values, False

    @property
    def _on_host(self) -> bool:
        """Whether values are plain arrays: on the CPU, where no runs are recorded."""
        return self.provider == CPU and not self._sessions.recording

    def _open_smallest(self, backend: Backend) -> None:
        """The smallest graph, to see that a backend opens at all."""
        advice = (
            "Is its driver or library installed, and are its options right? providers=None falls "
            "back to the CPU and says so"
        )
        with turn_of(backend.name, capture=False):
            model = self._model(self.bundle, "mask_activations")
            options = session_options(self._threads)
            open_session(model, backend.providers, options, advice, backend.device)


def _require_capture(backend: Backend) -> None:
    if backend.kind.capture is None:
        able = [kind.short for kind in KINDS.values() if kind.capture]
        raise ProviderError(
            f"capture=True (--capture) needs a provider that records runs, one of "
            f"{', '.join(able)}; {backend.kind.short} computes: leave it out"
        )
