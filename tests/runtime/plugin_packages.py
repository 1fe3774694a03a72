"""Packages that look like plugins of ONNX Runtime, and devices that their libraries would find."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from camruntime.engine.kinds import KINDS


@dataclass(frozen=True)
class FakeDevice:
    """As ONNX Runtime tells of a device."""

    ep_name: str
    ep_metadata: dict[str, str] = field(default_factory=dict)
    ep_vendor: str = "Somebody"
    vendor: str = "Somebody"
    type: str = "GPU"

    @property
    def device(self) -> Any:
        """Its hardware."""
        kind = SimpleNamespace(name=self.type)
        return SimpleNamespace(vendor=self.vendor, type=kind, metadata={})


def install_plugin(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    provider: str,
    devices: Sequence[FakeDevice],
    code: str = "def get_library_path(): return 'lib.so'",
) -> list[tuple[str, str]]:
    """A package of `provider` whose library has `devices`; returns what is registered later."""
    module = str(KINDS[provider].plugin)
    (folder / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, module, None)  # so that it is as before after the test
    del sys.modules[module]
    monkeypatch.setattr("camruntime.engine.plugins._registered", {})
    registered: list[tuple[str, str]] = []

    def there(name: str) -> list[FakeDevice]:
        known = any(one == provider for one, _ in registered)
        return [device for device in devices if known and device.ep_name == name]

    def register(name: str, path: str) -> None:
        registered.append((name, path))

    monkeypatch.setattr("camruntime.engine.plugins.devices_of", there)
    monkeypatch.setattr("camruntime.engine.plugins.register_library", register)
    return registered
