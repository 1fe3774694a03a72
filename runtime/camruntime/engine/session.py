"""The one door to ONNX Runtime; of both packages only camexport's quantiser imports it beside.

Sessions never fall back to another provider in silence. Values pass from graph to graph through IO
binding, so on CUDA nothing but a call's small inputs and its logits crosses the bus; the same path
with CPU bindings runs everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from camruntime._text import last_line
from camruntime.engine.memory import enough_memory
from camruntime.engine.models import Model
from camruntime.engine.providers import Chosen
from camruntime.engine.quiet import mute
from camruntime.errors import DeviceMemoryError, MissingDependencyError, ProviderError
from camruntime.provider_names import CPU

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
Value: TypeAlias = ort.OrtValue
EpDevice: TypeAlias = ort.OrtEpDevice
"""A device as a provider sees it."""

_UNRECORDED = -1  # the number of runs that a session shall not record


def available_providers() -> list[str]:
    """Those that are built into the installed ONNX Runtime, in full; not all need open."""
    found: list[str] = ort.get_available_providers()
    return found


def runtime_version() -> str:
    """ONNX Runtime's."""
    return str(ort.__version__)


def register_library(name: str, path: str) -> None:
    """Make a plugin's providers known, under a name of ours."""
    ort.register_execution_provider_library(name, path)


def devices_of(provider: str) -> list[EpDevice]:
    """The devices that a provider offers, of those whose libraries are registered."""
    return [device for device in ort.get_ep_devices() if device.ep_name == provider]


def preload_nvidia() -> None:
    """Load CUDA's libraries from NVIDIA's own Python packages, where they are installed."""
    ort.preload_dlls()


def upload(array: Array, place: Place) -> Value:
    """Copy an array to a device."""
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *place)


def room_for(value: Value, place: Place) -> Value:
    """Memory on a device for a tensor of the same shape and type."""
    return ort.OrtValue.ortvalue_from_shape_and_type([*value.shape()], value.element_type(), *place)


def lent(value: Value) -> Value | None:
    """A view of a device's tensor that does not own it, as sessions take weights that are shared.

    The owner has to outlive it. None where the device has no DLPack, such as WebGPU's.
    """
    try:
        view = ort.OrtValue.from_dlpack(value)
        same = view.device_name() == value.device_name() and view.data_ptr() == value.data_ptr()
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None
    return view if same else None


def session_options(threads: int | None = None) -> Options:
    """What every session has; `threads` within one operator on the CPU, None for one per core."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
        if places := _one_per_core(threads):
            options.add_session_config_entry("session.intra_op_thread_affinities", places)
    # Several sessions take turns. Without this the idle one's threads keep spinning on the
    # cores that the next one needs: chunks of masked images then take up to twice as long.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # From the second run of a shape on, the plan that it makes of the first would take one more
    # block of memory beside the first run's: 400 MB for a chunk of VGG16, and no faster.
    options.enable_mem_pattern = False
    return options


def _one_per_core(threads: int) -> str | None:
    """Where threads go that are as many as there are cores: each on its own.

    So does ONNX Runtime where nobody says how many. Left to the system, two that wake up together
    after a pause may find themselves on one core: a pass then took twice as long. The first one is
    the caller's, which goes where it likes. None for other numbers: several processes might choose
    the same few cores.
    """
    if not hasattr(os, "sched_getaffinity"):  # there is none but on Linux
        return None
    cores = sorted(os.sched_getaffinity(0))
    if threads != len(cores) or threads == 1:
        return None
    return ";".join(str(core + 1) for core in cores[1:])


def open_session(
    model: Model,
    providers: Sequence[Chosen],
    options: Options,
    advice: str,
    device: EpDevice | None = None,
    shared: Mapping[str, Value] | None = None,
) -> Session:
    """A session on the first of `providers`, never on another one in silence.

    Args:
        model: what it opens.
        providers: in order of preference; of a plugin, that one alone.
        options: of the session; those of a plugin's provider are added.
        advice: ends the message of an error.
        device: of a plugin.
        shared: weights that are on the device, by the graph's names for them; see `lent`.

    Raises:
        ProviderError: it does not open.
        DeviceMemoryError: there is not enough memory for the graph.
    """
    files, data = [*model.weights], [*model.weights.values()]
    if files:
        options.add_external_initializers_from_files_in_memory(files, data, [*map(len, data)])
    name, given = providers[0]
    refusal: Exception | None = None
    try:
        for initializer, value in (shared or {}).items():
            options.add_initializer(initializer, value)
        if device is not None:
            options.add_provider_for_devices([device], given)
        with enough_memory(name, model.name):
            # Without fallback: ONNX Runtime would print the reason and go on with the CPU.
            graph = str(model.graph) if isinstance(model.graph, Path) else model.graph
            wanted = None if device else [*providers]
            session = ort.InferenceSession(graph, options, wanted, enable_fallback=0)
        if session.get_providers()[0] == name:
            return session
    except DeviceMemoryError:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        refusal = error
    words = last_line(refusal) if refusal else "ONNX Runtime's log says why"
    raise ProviderError(f"{name} did not open {model.name}: {words}. {advice}") from refusal


def run_bound(
    session: Session,
    inputs: Mapping[str, Array | Value],
    outputs: Sequence[str],
    place: Place,
    recording: bool = False,
) -> Sequence[Value]:
    """Run by IO binding: arrays are copied to the device, values there are used in place.

    Its outputs, in order, stay at `place`. `recording`: of a session that records runs, this is one
    that it shall not.
    """
    binding = session.io_binding()
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            binding.bind_cpu_input(name, np.ascontiguousarray(value))
        else:
            binding.bind_ortvalue_input(name, value)
    for name in outputs:
        binding.bind_output(name, *place)
    session.run_with_iobinding(binding, *([_numbered(_UNRECORDED)] if recording else []))
    found: Sequence[Value] = binding.get_outputs()
    return found


def run_on_host(
    session: Session, inputs: Mapping[str, Array], outputs: Sequence[str]
) -> Sequence[Array]:
    """The same on the CPU, where arrays need no binding, a twentieth of a small pass."""
    given = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
    found: Sequence[Array] = session.run([*outputs], given)
    return found


def recorded(
    session: Session, inputs: Mapping[str, Value], outputs: Mapping[str, Value], number: int
) -> Callable[[], None]:
    """Repeats one run on the very memory that it is given: recorded by the first call.

    Args:
        session: opened with its provider's option for it.
        inputs: tensors on the device, filled in place before a call.
        outputs: tensors on the device, to be read after it.
        number: of this run among those of the session, from 0 on.
    """
    binding, numbered = session.io_binding(), _numbered(number)
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in outputs.items():
        binding.bind_ortvalue_output(name, value)

    def repeat() -> None:
        session.run_with_iobinding(binding, numbered)

    return repeat


def _numbered(run: int) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(run))
    return options


def refuse_a_stale_answer(
    session: Session, inputs: Mapping[str, Array | Value], answer: Array | Value
) -> None:
    """Raise `MemoryError` where an answer is not for as many rows as were asked for.

    OpenVINO on one thread swallows a failed allocation and answers with what it last computed. It
    fails when it has to grow, so the number of rows is another one.
    """
    rows = session.get_outputs()[0].shape[0]
    for node in session.get_inputs():
        if node.shape[0] == rows and rows_of(inputs[node.name]) != rows_of(answer):
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
    severity = ort.set_default_logger_severity
    with mute(partial(severity, 4), partial(severity, 2)):  # 2 is its default
        yield


def rows_of(value: Array | Value) -> int:
    """How many a tensor has, wherever it is."""
    return int(value.shape[0] if isinstance(value, np.ndarray) else value.shape()[0])
