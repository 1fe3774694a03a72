"""ONNX Runtime, and nothing else of the project imports it.

Sessions are opened when a graph is first run, once, and reused. Values pass from graph to graph
through IO binding, so on CUDA nothing but a call's small inputs and its logits crosses the bus; the
same path with CPU bindings runs everywhere.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Bundle
from camruntime.errors import MissingDependencyError, ProviderError, nearest
from camruntime.rescale import FloatArray

try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingDependencyError(
        "ONNX Runtime is not installed: `pip install 'camexport[gpu]'` for CUDA, "
        "or `pip install 'camexport[cpu]'`; not both, they overwrite each other"
    ) from error

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

Provider = str | tuple[str, Mapping[str, object]]
Array = NDArray[Any]


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
        providers: names, short (`cuda`, `cpu`) or in full (`CUDAExecutionProvider`), or pairs of
            name and options, in order of preference; the first must open. None takes CUDA when it
            opens, else the CPU.
        device_id: which GPU.
        threads: within one operator on the CPU; None leaves it to ONNX Runtime (one per core).

    Raises:
        ProviderError: a named provider is unknown to this ONNX Runtime or does not open.
    """

    def __init__(
        self,
        bundle: Bundle,
        providers: Sequence[Provider] | None = None,
        device_id: int = 0,
        threads: int | None = None,
    ) -> None:
        self.bundle = bundle
        self._threads = threads
        self._device_id = device_id
        self._sessions: dict[Path, ort.InferenceSession] = {}
        self._lock = threading.Lock()
        self._providers = self._choose(providers)
        self.provider = self._providers[0][0]
        self._place = ("cuda", device_id) if self.provider == CUDA else ("cpu", 0)

    def run(self, graph: str, inputs: Mapping[str, Array | DeviceValue]) -> tuple[DeviceValue, ...]:
        """Run one graph; arrays are copied to the device, values already there are used in place.

        Returns its outputs, in order, on the device.
        """
        known = self.bundle.graph(graph)
        return self.run_file(self.bundle.folder / known.file, inputs, known.outputs)

    def run_file(
        self, path: Path, inputs: Mapping[str, Array | DeviceValue], outputs: Sequence[str]
    ) -> tuple[DeviceValue, ...]:
        """As `run`, for an ONNX file that is no graph of the bundle."""
        session = self._session(path)
        binding = session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, DeviceValue):
                binding.bind_ortvalue_input(name, value.value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
        for name in outputs:
            binding.bind_output(name, *self._place)
        session.run_with_iobinding(binding)
        return tuple(DeviceValue(value) for value in binding.get_outputs())

    def upload(self, array: Array) -> DeviceValue:
        """Copy an array to the device once, for several calls of `run`."""
        contiguous = np.ascontiguousarray(array)
        return DeviceValue(ort.OrtValue.ortvalue_from_numpy(contiguous, *self._place))

    def _session(self, path: Path) -> ort.InferenceSession:
        with self._lock:
            if path not in self._sessions:
                self._sessions[path] = self._open(path, self._providers)
            return self._sessions[path]

    def _open(
        self, path: Path, providers: Sequence[tuple[str, dict[str, object]]]
    ) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        # Several sessions take turns. Without this the idle one's threads keep spinning on the
        # cores that the next one needs: chunks of masked images then take up to twice as long.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        return ort.InferenceSession(str(path), options, providers=list(providers))

    def _choose(self, providers: Sequence[Provider] | None) -> list[tuple[str, dict[str, object]]]:
        available = ort.get_available_providers()
        if providers is None:
            cuda = [self._with_options(CUDA)]
            with _quiet():
                return cuda if CUDA in available and self._opens(cuda) else [(CPU, {})]
        wanted = [self._with_options(provider) for provider in providers]
        for name, _ in wanted:
            if name not in available:
                raise ProviderError(
                    f"{name} is not part of the installed ONNX Runtime: {nearest(name, available)}"
                )
        if not wanted or not self._opens(wanted):
            raise ProviderError(
                f"{wanted[0][0] if wanted else 'no provider'} did not open; is its driver or "
                "library installed? providers=None falls back to the CPU and says so"
            )
        return wanted

    def _with_options(self, provider: Provider) -> tuple[str, dict[str, object]]:
        given, options = (provider, {}) if isinstance(provider, str) else provider
        name = {"cuda": CUDA, "cpu": CPU}.get(given.lower(), given)
        # TF32 keeps ten bits of a factor. Maps shall equal PyTorch's unless someone asks for speed.
        base = {"device_id": self._device_id, "use_tf32": 0} if name == CUDA else {}
        return name, {**base, **options}

    def _opens(self, wanted: list[tuple[str, dict[str, object]]]) -> bool:
        """Whether the first provider really runs a graph; ONNX Runtime falls back in silence."""
        if wanted[0][0] == CUDA:
            ort.preload_dlls()  # finds the libraries in NVIDIA's own Python packages
        path = self.bundle.folder / self.bundle.graph("mask_activations").file
        session = self._open(path, wanted)
        return bool(session.get_providers()[0] == wanted[0][0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Swallow what ONNX Runtime says about missing CUDA libraries: nobody asked for CUDA."""
    ort.set_default_logger_severity(4)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        ort.set_default_logger_severity(2)  # its default
