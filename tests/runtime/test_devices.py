"""What could compute on this machine: each provider tried, and why others do not open."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from camruntime.engine.device_report import Device, report
from camruntime.engine.devices import all_devices
from camruntime.engine.kinds import KINDS
from camruntime.engine.nvidia import Card, cards
from camruntime.engine.session import available_providers, upload
from camruntime.errors import ProviderError
from camruntime.provider_names import CPU, CUDA, OPENVINO, WEBGPU
from plugin_packages import FakeDevice, install_plugin


def test_the_cpu_computes() -> None:
    (found,) = report(CPU)
    assert found.provider == "cpu"
    assert found.why == ""
    assert found.name
    assert found.comes.startswith("ONNX Runtime 1.")
    assert found.memory is None or 2**28 < found.memory < 2**48


def test_every_provider_is_listed_once_or_with_each_device() -> None:
    found = all_devices()
    assert {device.provider for device in found} == {
        *(kind.short for kind in KINDS.values()),
        *(set(available_providers()) - KINDS.keys() - {"AzureExecutionProvider"}),
    }
    for device in found:
        assert device.name or device.why, "either it is there, or something says why not"


def test_what_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camruntime.engine.devices.available_providers", lambda: [CPU])
    monkeypatch.setattr("camruntime.engine.devices.has_plugin", lambda kind: False)
    found = {device.provider: device.why for device in all_devices()}
    assert found.pop("cpu") == ""
    assert found.keys() == {"cuda", "tensorrt", "tensorrt-rtx", "openvino", "webgpu"}
    for why in found.values():
        assert why.startswith("not installed: ")
        assert "pip install" in why


def _fake(folder: Path, code: str) -> dict[str, str]:
    """An environment with a package that says it is OpenVINO's plugin."""
    (folder / "onnxruntime_ep_openvino.py").write_text(code)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def test_a_library_that_ends_the_process_is_a_line_like_any_other(tmp_path: Path) -> None:
    code = "import os\ndef get_library_path(): os._exit(11)"
    shown = subprocess.run(
        [sys.executable, "-c", "from camruntime.cli import main; main()", "devices"],
        env={**_fake(tmp_path, code), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "openvino: its library ends the process that opens it (status 11)" in shown
    assert " cpu " in shown
    assert "computes" in shown


def test_devices_of_a_plugin_are_told_with_how_to_ask_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are fakes: none opens, which is said of each."""
    told = {"ov_device": "GPU.1", "version": "1.8", "FULL_DEVICE_NAME": "Arc"}
    there = [FakeDevice(OPENVINO, told, vendor="Intel"), FakeDevice(OPENVINO, {}, type="CPU")]
    install_plugin(monkeypatch, tmp_path, OPENVINO, there)
    gpu, cpu = report(OPENVINO)
    assert gpu.why
    assert replace(gpu, why="") == Device(
        provider="openvino",
        ask="--provider-option device_type=GPU.1",
        name="Arc",
        vendor="Intel",
        comes="plugin 1.8",
    )
    assert cpu.name == report(CPU)[0].name
    assert cpu.memory == report(CPU)[0].memory
    assert [one.ask for one in report(WEBGPU)] == [""] or report(WEBGPU)[0].why


def test_a_device_that_computes_something_else_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(*_: object) -> list[object]:
        return [upload(__import__("numpy").ones(4, "float32"), ("cpu", 0))]

    monkeypatch.setattr("camruntime.engine.device_report.run_bound", wrong)
    (found,) = report(CPU)
    assert found.why == ("it computes [1.0, 1.0, 1.0, 1.0] as the squares of [1.0, 2.0, -3.0, 0.5]")


class Driver:
    """NVIDIA's, with two cards."""

    def __init__(self, status: int = 0) -> None:
        self._status = status

    def cuInit(self, _: int) -> int:  # noqa: N802
        return self._status

    def cuDeviceGetCount(self, count: ctypes._CArgObject) -> int:  # noqa: N802
        count._obj.value = 0 if self._status else 2  # type: ignore[attr-defined]
        return 0

    def cuDeviceGet(self, device: ctypes._CArgObject, number: int) -> int:  # noqa: N802
        device._obj.value = number + 40  # type: ignore[attr-defined]
        return 0

    def cuDeviceGetName(self, name: ctypes.Array, size: int, device: ctypes.c_int) -> int:  # type: ignore[type-arg]  # noqa: N802
        name.value = f"H200 {device.value}".encode()[:size]
        return 0

    def cuDeviceTotalMem_v2(self, memory: ctypes._CArgObject, device: ctypes.c_int) -> int:  # noqa: N802
        memory._obj.value = device.value * 2**33  # type: ignore[attr-defined]
        return 0


def test_cards_are_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", lambda _: Driver())
    assert cards() == [Card("H200 40", 40 * 2**33), Card("H200 41", 41 * 2**33)]
    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", lambda _: Driver(100))
    assert cards() == [], "no device is no error"
    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", lambda _: Driver(999))
    with pytest.raises(ProviderError, match="does not start: cuInit answers 999"):
        cards()


def test_cuda_without_a_driver_or_a_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Driver:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", missing)
    (found,) = report(CUDA)
    assert found.why.startswith("NVIDIA's driver is not installed: libcuda.so.1")
    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", lambda _: Driver(100))
    (found,) = report(CUDA)
    assert found.why == "NVIDIA's driver knows no card"


def test_a_card_that_onnx_runtime_does_not_open_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This ONNX Runtime may have no CUDA; each card is tried, and says what fell."""
    if CUDA in available_providers():
        pytest.skip("CUDA may open here")
    monkeypatch.setattr("camruntime.engine.nvidia.ctypes.CDLL", lambda _: Driver())
    first, second = report(CUDA)
    assert (first.name, first.memory, first.ask) == ("H200 40", 40 * 2**33, "")
    assert (second.name, second.vendor, second.ask) == ("H200 41", "NVIDIA", "--device-id 1")
    assert "CUDAExecutionProvider" in first.why
