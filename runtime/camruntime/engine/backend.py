"""What computes: a provider that opened, its options, and its device where a plugin brings it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camruntime.engine.kinds import Kind, kind_of
from camruntime.engine.nvidia import cards
from camruntime.engine.plugins import has_plugin, installed, plugin_device
from camruntime.engine.providers import Chosen, Provider, choose, place
from camruntime.engine.session import EpDevice, available_providers, preload_nvidia, quiet
from camruntime.engine.tensorrt import turn_off_tf32
from camruntime.errors import ProviderError
from camruntime.provider_names import CPU, CUDA, TENSORRT

_log = logging.getLogger("camruntime")


@dataclass(frozen=True)
class Backend:
    """A provider to open sessions on.

    Attributes:
        providers: full names and options, in order of preference; the first has to open.
        device: of a plugin's provider, which then is the only one.
    """

    providers: Sequence[Chosen]
    device: EpDevice | None = None

    @property
    def name(self) -> str:
        """The provider, in full."""
        return self.providers[0][0]

    @property
    def kind(self) -> Kind:
        """What is known of it."""
        return kind_of(self.name)

    @property
    def place(self) -> tuple[str, int]:
        """Where its tensors lie, in the words of IO binding."""
        return place(self.providers[0])


def find_backend(
    providers: Sequence[Provider] | None,
    device_id: int,
    threads: int | None,
    open_first: Callable[[Backend], object],
) -> Backend:
    """What was asked for, as of `Engine`; without a wish CUDA where it opens, else the CPU.

    `open_first` opens a graph on it, or raises `ProviderError`.

    Raises:
        ProviderError: what was named is unknown or does not open, or there is no such device.
    """
    available = [*dict.fromkeys([*available_providers(), *installed()])]
    if providers is not None:
        backend = _backend(choose(providers, available, device_id, threads), device_id)
        try:
            open_first(backend)
        except ProviderError as error:
            raise ProviderError(f"{error}{_about_cards(backend, device_id)}") from error
        return backend
    if CUDA in available:
        try:
            with quiet():
                backend = _backend(choose(["cuda"], available, device_id, None), device_id)
                open_first(backend)
                return backend
        except ProviderError as error:  # nobody asked for it
            if device_id:
                raise
            _log.warning("CUDA does not open, computing on the CPU: %s", error)
    return _backend([(CPU, {})], device_id)


def _about_cards(backend: Backend, device_id: int) -> str:
    """What NVIDIA's driver says, where that may be why; ONNX Runtime's error does not."""
    if backend.kind.memory != "cuda":
        return ""
    try:
        count = len(cards())
    except ProviderError as why:
        return f". {why}"
    return "" if device_id < count else f". There are {count} cards, counted from 0"


def built_in(wanted: list[Chosen]) -> Backend:
    """Providers that are part of ONNX Runtime, the libraries of the first one loaded."""
    first = wanted[0][0]
    if first == TENSORRT:
        turn_off_tf32()
    if first in (CUDA, TENSORRT):
        preload_nvidia()
    return Backend(wanted)


def _backend(wanted: list[Chosen], device_id: int) -> Backend:
    first = wanted[0][0]
    plugin = plugin_device(wanted[0], device_id)
    if plugin is None:
        _require_no_plugin_behind(wanted)
        if device_id and kind_of(first).memory != "cuda":
            raise ProviderError(
                f"{kind_of(first).short} has one device, and device {device_id} was asked for: "
                "leave it out, or name a provider of it (`camruntime devices` lists them)"
            )
        return built_in(wanted)
    others = [kind_of(name).short for name, _ in wanted[1:] if name != CPU]
    if others:
        raise ProviderError(
            f"{kind_of(first).short} is a plugin, behind which only the CPU stands: leave out "
            f"{', '.join(others)}"
        )
    device, options = plugin
    return Backend([(first, dict(options))], device)


def _require_no_plugin_behind(wanted: list[Chosen]) -> None:
    for name, _ in wanted[1:]:
        if has_plugin(kind_of(name)):
            raise ProviderError(f"{kind_of(name).short} is a plugin: it can only be the first")
