"""The one door to ONNX Runtime; of both packages only camexport's quantiser imports it beside.

Sessions never fall back to another provider in silence. Values pass from graph to graph through IO
binding, so on CUDA nothing but a call's small inputs and its logits crosses the bus; the same path
with CPU bindings runs everywhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from camruntime.engine.memory import enough_memory
from camruntime.engine.models import Model
from camruntime.engine.providers import CPU, Chosen
from camruntime.errors import DeviceMemoryError, MissingDependencyError, ProviderError
from camruntime.maps import FloatArray

try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingDependencyError(
        "ONNX Runtime is not installed: `pip install 'camexport[gpu]'` for CUDA, "
        "or `pip install 'camexport[cpu]'`; not both, they overwrite each other"
    ) from error

Array = NDArray[Any]
Place = tuple[str, int]
"""Where tensors lie, in the words of IO binding: `("cuda", 0)`."""

Session: TypeAlias = ort.InferenceSession
Options: TypeAlias = ort.SessionOptions


class DeviceValue:
    """A tensor where the engine computes: host memory for CPU, device memory for CUDA."""

    def __init__(self, value: ort.OrtValue) -> None:
        self.value = value

    def numpy(self) -> FloatArray:
        """A copy in host memory."""
        return np.asarray(self.value.numpy(), np.float32)


def available_providers() -> list[str]:
    """Those of the installed ONNX Runtime, in full; not all need open."""
    found: list[str] = ort.get_available_providers()
    return found


def preload_nvidia() -> None:
    """Load CUDA's libraries from NVIDIA's own Python packages, where they are installed."""
    ort.preload_dlls()


def upload(array: Array, place: Place) -> DeviceValue:
    """Copy an array to a device."""
    return DeviceValue(ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *place))


def session_options(threads: int | None = None) -> Options:
    """What every session has; `threads` within one operator on the CPU, None for one per core."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    # Several sessions take turns. Without this the idle one's threads keep spinning on the
    # cores that the next one needs: chunks of masked images then take up to twice as long.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # From the second run of a shape on, the plan that it makes of the first would take one more
    # block of memory beside the first run's: 400 MB for a chunk of VGG16, and no faster.
    options.enable_mem_pattern = False
    return options


def open_session(
    model: Model, providers: Sequence[Chosen], options: Options, advice: str
) -> Session:
    """A session on the first of `providers`, never on another one in silence.

    Raises:
        ProviderError: it does not open; ends with `advice`.
        DeviceMemoryError: there is not enough memory for the graph.
    """
    files, data = [*model.weights], [*model.weights.values()]
    if files:
        options.add_external_initializers_from_files_in_memory(files, data, [*map(len, data)])
    name = providers[0][0]
    refusal: Exception | None = None
    try:
        with enough_memory(name, model.name):
            # Without fallback: ONNX Runtime would print the reason and go on with the CPU.
            graph = str(model.graph) if isinstance(model.graph, Path) else model.graph
            session = ort.InferenceSession(graph, options, [*providers], enable_fallback=0)
        if session.get_providers()[0] == name:
            return session
    except DeviceMemoryError:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        refusal = error
    words = str(refusal or "ONNX Runtime's log says why").strip()
    raise ProviderError(
        f"{name} did not open {model.name}: {words.splitlines()[-1][-200:]}. {advice}"
    ) from refusal


def run_bound(
    session: Session,
    inputs: Mapping[str, Array | DeviceValue],
    outputs: Sequence[str],
    place: Place,
) -> Sequence[ort.OrtValue]:
    """Run by IO binding: arrays are copied to the device, values there are used in place.

    Its outputs, in order, stay at `place`.
    """
    binding = session.io_binding()
    for name, value in inputs.items():
        if isinstance(value, DeviceValue):
            binding.bind_ortvalue_input(name, value.value)
        else:
            binding.bind_cpu_input(name, np.ascontiguousarray(value))
    for name in outputs:
        binding.bind_output(name, *place)
    session.run_with_iobinding(binding)
    found: Sequence[ort.OrtValue] = binding.get_outputs()
    return found


def refuse_a_stale_answer(
    session: Session, inputs: Mapping[str, Array | DeviceValue], answer: ort.OrtValue
) -> None:
    """Raise `MemoryError` where an answer is not for as many rows as were asked for.

    OpenVINO on one thread swallows a failed allocation and answers with what it last computed. It
    fails when it has to grow, so the number of rows is another one.
    """
    rows = session.get_outputs()[0].shape[0]
    for node in session.get_inputs():
        if node.shape[0] == rows and _rows(inputs[node.name]) != answer.shape()[0]:
            raise MemoryError


def on_cpu(
    graph: Path | bytes, outputs: Sequence[str]
) -> Callable[[Mapping[str, Array]], list[Array]]:
    """A graph that is no bundle's, opened on the CPU: from inputs by name to `outputs`, in order.

    Args:
        graph: an ONNX file, or what one holds.
        outputs: those that are wanted.
    """
    model = graph if isinstance(graph, bytes) else str(graph)
    options = session_options()
    options.log_severity_level = 4  # what goes wrong is raised: no need to print it, too
    session = ort.InferenceSession(model, options, providers=[CPU])

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        found: list[Array] = session.run([*outputs], dict(inputs))
        return found

    return run


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow what ONNX Runtime says about missing CUDA libraries: nobody asked for CUDA."""
    ort.set_default_logger_severity(4)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        ort.set_default_logger_severity(2)  # its default


def _rows(value: Array | DeviceValue) -> int:
    return int(value.value.shape()[0] if isinstance(value, DeviceValue) else value.shape[0])
