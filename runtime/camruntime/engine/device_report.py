"""The devices of one provider, each tried with a small product."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from camruntime._text import last_line
from camruntime.engine.backend import Backend, built_in
from camruntime.engine.kinds import kind_of
from camruntime.engine.models import Model
from camruntime.engine.nvidia import cards
from camruntime.engine.plugins import has_plugin, plugin_devices
from camruntime.engine.providers import choose
from camruntime.engine.session import (
    EpDevice,
    open_session,
    quiet,
    run_bound,
    runtime_version,
    session_options,
)
from camruntime.errors import CamError
from camruntime.provider_names import CUDA, OPENVINO, TENSORRT

# The product of a tensor with itself, `x` float32 (4,) -> `y`, as an ONNX file.
_SQUARE = (
    b'\x08\x08\x12\x00:5\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Mul\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08'
    b"\x01\x12\x04\n\x02\x08\x04b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x04B\x04\n\x00"
    b"\x10\x11"
)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device of a provider, or a provider without one.

    Attributes:
        provider: its short name, or the full one of a provider that has no short one.
        ask: further options of the command line that choose this device.
        name: of the device; empty where there is none.
        vendor: who made it, as far as is told.
        memory: that it computes in, in bytes; None where nobody tells.
        comes: what brings the provider.
        why: empty where a small product came out right, else why it did not.
    """

    provider: str
    ask: str = ""
    name: str = ""
    vendor: str = ""
    memory: int | None = None
    comes: str = ""
    why: str = ""


def report(name: str) -> list[Device]:
    """All devices of a provider, by its full name, that is installed."""
    kind = kind_of(name)
    made = _of_plugin if has_plugin(kind) else _of_onnx_runtime
    try:
        with quiet():
            return made(name)
    except CamError as error:
        return [Device(provider=kind.short, why=str(error))]


def _of_plugin(name: str) -> list[Device]:
    there = plugin_devices(name)
    return [_plugins(name, number, device) for number, device in enumerate(there)]


def _plugins(name: str, number: int, device: EpDevice) -> Device:
    told, hardware = device.ep_metadata, device.device
    on_host = hardware.type.name == "CPU"
    model = told.get("FULL_DEVICE_NAME") or hardware.metadata.get("Description")
    options: dict[str, object] = {}
    ask = f"--device-id {number}" if number else ""
    if name == OPENVINO:
        ask = f"--provider-option device_type={told.get('ov_device')}"
    return Device(
        provider=kind_of(name).short,
        ask=ask,
        name=model or (_processor() if on_host else hardware.type.name),
        vendor=hardware.vendor,
        memory=_host_memory() if on_host else None,
        comes=f"plugin {told.get('version', '')}".strip(),
        why=_why_not(lambda: Backend([(name, options)], device)),
    )


def _of_onnx_runtime(name: str) -> list[Device]:
    kind = kind_of(name)
    base = Device(provider=kind.short, comes=f"ONNX Runtime {runtime_version()}")
    if name not in (CUDA, TENSORRT):
        why = _why_not(lambda: built_in(choose([name], [name], 0, None)))
        return [replace(base, name=_processor(), memory=_host_memory(), why=why)]
    found = [
        replace(
            base,
            ask=f"--device-id {number}" if number else "",
            name=card.name,
            vendor="NVIDIA",
            memory=card.memory,
            why=_why_not(lambda number=number: built_in(choose([name], [name], number, None))),  # type: ignore[misc]
        )
        for number, card in enumerate(cards())
    ]
    return found or [replace(base, why="NVIDIA's driver knows no card")]


def _why_not(make: Callable[[], Backend]) -> str:
    """Why a product does not come out right on a backend; empty if it does."""
    values = np.array([1, 2, -3, 0.5], np.float32)
    try:
        backend = make()
        square = Model("a small product", _SQUARE)
        session = open_session(square, backend.providers, session_options(), "", backend.device)
        (found,) = run_bound(session, {"x": values}, ["y"], backend.place)
        computed = found.numpy()
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        return last_line(error)
    right = np.array_equal(computed, values**2)
    return "" if right else f"it computes {computed.tolist()} as the squares of {values.tolist()}"


def _processor() -> str:
    """What the host's processor is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _host_memory() -> int | None:
    """The host's, in bytes; None on systems that do not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
