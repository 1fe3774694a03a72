"""Providers that are libraries of packages of their own: found, registered, and their devices.

One path for all of them. A device is always named, the first one or `device_id`: ONNX Runtime's
policies that choose one by themselves took the CPU without a word. A library that is registered
stays so until the process ends, as a session that outlives it ends the process.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from collections.abc import Mapping

import numpy as np

from camruntime._text import last_line
from camruntime.engine.kinds import KINDS, Kind, kind_of
from camruntime.engine.providers import Chosen
from camruntime.engine.session import EpDevice, devices_of, quiet, register_library
from camruntime.engine.turns import require_own_process
from camruntime.errors import ProviderError, nearest
from camruntime.provider_names import OPENVINO, WEBGPU

_lock = threading.Lock()
_registered: dict[str, int] = {}
"""By full name, in which process a library of ours was registered."""


def installed() -> list[str]:
    """Full names of the providers whose plugins are installed."""
    return [name for name, kind in KINDS.items() if has_plugin(kind)]


def has_plugin(kind: Kind) -> bool:
    """Whether a provider's plugin is installed."""
    if kind.plugin is None:
        return False
    try:
        found = importlib.util.find_spec(kind.plugin)
    except ValueError:  # a module that somebody made up
        return False
    return found is not None and found.origin is not None  # not a folder that pip left behind


def plugin_device(chosen: Chosen, device_id: int) -> tuple[EpDevice, dict[str, str]] | None:
    """Which of a plugin's devices computes, and with which options; None for built-in providers.

    Raises:
        ProviderError: the library does not load, it has no such device, or no such option.
    """
    name, options = chosen
    kind = kind_of(name)
    registered = kind.plugin is not None and devices_of(name)  # by whoever embeds the runtime
    if not registered and not has_plugin(kind):
        return None
    _refuse_unknown(kind, options)
    there = plugin_devices(name)
    if name == OPENVINO:
        there = _of_type(there, str(options["device_type"]))
        options = {key: value for key, value in options.items() if key != "device_type"}
    if device_id >= len(there):
        which = "one device" if len(there) == 1 else f"{len(there)} devices"
        raise ProviderError(
            f"{kind.short} has {which} here, counted from 0, and device {device_id} was asked for; "
            "`camruntime devices` lists them"
        )
    return there[device_id], {key: _as_text(value) for key, value in options.items()}


def plugin_devices(name: str) -> list[EpDevice]:
    """All devices of a provider whose plugin is installed, once its library is registered.

    Raises:
        ProviderError: the library does not load, or finds no device; the message says why.
    """
    kind = kind_of(name)
    with _lock:
        require_own_process(kind, _registered.get(name, os.getpid()))
        there = devices_of(name)  # whoever embeds the runtime may have registered it
        if not there and name not in _registered:
            _register(name, kind)
            _registered[name] = os.getpid()
            there = devices_of(name)
    if not there:
        raise ProviderError(f"{kind.short} finds no device here{_NO_DEVICE.get(name, '')}")
    return there


_NO_DEVICE = {
    WEBGPU: (
        ": on Linux it needs libvulkan.so.1, a GPU and its Vulkan driver (or, for a software "
        "device, the variable ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1)"
    ),
}


def _register(name: str, kind: Kind) -> None:
    try:
        with quiet():
            package = importlib.import_module(str(kind.plugin))
            register_library(name, str(package.get_library_path()))
    except (Exception, SystemExit) as error:  # ONNX Runtime's share no base below Exception
        raise ProviderError(
            f"the library of {kind.short} ({kind.plugin}) does not load: "
            f"{last_line(error)}; install it again, and what it needs"
        ) from error


def _of_type(devices: list[EpDevice], wanted: str) -> list[EpDevice]:
    """OpenVINO's of one type, such as `GPU` or `GPU.1`; its `AUTO` is a provider of its own."""
    named = [str(device.ep_metadata.get("ov_device", "")) for device in devices]
    found = [
        device
        for device, name in zip(devices, named, strict=True)
        if name == wanted.upper() or name.startswith(f"{wanted.upper()}.")
    ]
    if not found:
        raise ProviderError(f"openvino has no device_type {wanted} here: {nearest(wanted, named)}")
    return found


def _refuse_unknown(kind: Kind, given: Mapping[str, object]) -> None:
    unknown = [] if kind.options is None else sorted(set(given) - set(kind.options))
    if unknown:
        raise ProviderError(
            f"the plugin of {kind.short} would pass over the option {unknown[0]} without a word: "
            f"{nearest(unknown[0], kind.options or ())}"
        )


def _as_text(value: object) -> str:
    """As plugins read options."""
    return str(int(value)) if isinstance(value, (bool, np.bool_)) else str(value)
