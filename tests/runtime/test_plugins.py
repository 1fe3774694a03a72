"""Providers that are plugins: which device, which options, and why one does not open."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from camruntime.engine.backend import find_backend
from camruntime.engine.plugins import installed, plugin_device, plugin_devices
from camruntime.errors import ProviderError
from camruntime.provider_names import CPU, CUDA, OPENVINO, TENSORRT_RTX, WEBGPU
from plugin_packages import FakeDevice, install_plugin

TWO = [FakeDevice(WEBGPU), FakeDevice(WEBGPU), FakeDevice("Other")]


def _opens(*_: object) -> None: ...


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that happen to be installed are out of sight."""
    import importlib.util

    find = importlib.util.find_spec
    away = {"onnxruntime_ep_webgpu", "onnxruntime_ep_openvino", "onnxruntime_ep_nv_tensorrt_rtx"}

    def fake(name: str, package: str | None = None) -> object:
        found = find(name, package)
        hidden = name in away and found is not None and "site-packages" in str(found.origin)
        return None if hidden else found

    monkeypatch.setattr("importlib.util.find_spec", fake)


def test_a_library_is_registered_once_and_by_the_provider_s_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert installed() == []
    registered = install_plugin(monkeypatch, tmp_path, WEBGPU, TWO)
    assert installed() == [WEBGPU]
    for _ in range(2):
        assert plugin_devices(WEBGPU) == TWO[:2]
    assert registered == [(WEBGPU, "lib.so")]


def test_one_that_the_application_registered_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registered = install_plugin(monkeypatch, tmp_path, WEBGPU, TWO)
    monkeypatch.setattr("camruntime.engine.plugins.devices_of", lambda name: TWO[:1])
    assert plugin_devices(WEBGPU) == TWO[:1]
    assert registered == []


def test_the_device_is_the_first_or_the_one_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_plugin(monkeypatch, tmp_path, WEBGPU, TWO)
    for wanted in (0, 1):
        backend = find_backend(["webgpu"], wanted, None, _opens)
        assert backend.device is TWO[wanted]
        assert backend.providers == [(WEBGPU, {})]
        assert backend.place == ("webgpu", 0)
    with pytest.raises(ProviderError, match=r"^webgpu has 2 devices here.*device 2 was asked for"):
        find_backend(["webgpu"], 2, None, _opens)


def test_options_are_passed_on_as_texts_and_unknown_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_plugin(monkeypatch, tmp_path, WEBGPU, TWO)
    given: dict[str, object] = {"enableInt64": True, "preferredLayout": "NHWC", "deviceId": 0}
    assert plugin_device((WEBGPU, given), 0) == (
        TWO[0],
        {"enableInt64": "1", "preferredLayout": "NHWC", "deviceId": "0"},
    )
    with pytest.raises(ProviderError, match="option enableint64 without a word: did you mean enab"):
        plugin_device((WEBGPU, {"enableint64": 1}), 0)


def test_openvino_computes_on_the_type_of_device_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = [FakeDevice(OPENVINO, {"ov_device": name}) for name in ("GPU.0", "CPU", "GPU.1", "NPU")]
    install_plugin(monkeypatch, tmp_path, OPENVINO, there)

    def found(options: dict[str, object], number: int = 0) -> FakeDevice:
        backend = find_backend([("openvino", options)], number, None, _opens)
        ((name, given),) = backend.providers
        assert (name, [*given]) == (OPENVINO, ["load_config"])
        asked = json.loads(str(given["load_config"]))
        kinds = {"CPU", "GPU", str(options.get("device_type", "CPU")).upper()}
        assert asked == {key: {"INFERENCE_PRECISION_HINT": "f32"} for key in kinds}
        assert backend.place == ("cpu", 0)
        assert isinstance(backend.device, FakeDevice)
        return backend.device

    assert found({}) is there[1], "the CPU, as of the provider that is built in"
    assert found({"device_type": "GPU"}) is there[0]
    assert found({"device_type": "gpu"}, 1) is there[2]
    assert found({"device_type": "GPU.1"}) is there[2]
    with pytest.raises(ProviderError, match=r"no device_type NPU2 here: did you mean NPU"):
        found({"device_type": "NPU2"})
    with pytest.raises(ProviderError, match=r"option precision without a word: .*load_config"):
        found({"precision": "FP16"})


def test_behind_a_plugin_stands_the_cpu_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_plugin(monkeypatch, tmp_path, WEBGPU, TWO)
    monkeypatch.setattr("camruntime.engine.backend.available_providers", lambda: [CUDA, CPU])
    assert find_backend(["webgpu", "cpu"], 0, None, _opens).providers == [(WEBGPU, {})]
    with pytest.raises(ProviderError, match=r"only the CPU stands: leave out cuda"):
        find_backend(["webgpu", "cuda"], 0, None, _opens)
    with pytest.raises(ProviderError, match=r"webgpu is a plugin: it can only be the first"):
        find_backend(["cpu", "webgpu"], 0, None, _opens)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('libX.so.1: not there')", "libX.so.1: not there"),
        ("", "has no attribute 'get_library_path'"),
        ("def get_library_path(): raise FileNotFoundError('no lib')", "no lib"),
    ],
)
def test_a_library_that_does_not_load_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, words: str
) -> None:
    install_plugin(monkeypatch, tmp_path, TENSORRT_RTX, [], code)
    with pytest.raises(ProviderError) as caught:
        plugin_devices(TENSORRT_RTX)
    said = str(caught.value)
    assert said.startswith("the library of tensorrt-rtx (onnxruntime_ep_nv_tensorrt_rtx) does not")
    assert words in said
    assert "\n" not in said


def test_a_file_that_is_no_library_is_refused_by_onnx_runtime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lib.so").write_text("no library")
    (tmp_path / "onnxruntime_ep_nv_tensorrt_rtx.py").write_text(
        f"def get_library_path(): return {str(tmp_path / 'lib.so')!r}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime_ep_nv_tensorrt_rtx", raising=False)
    with pytest.raises(ProviderError, match=r"does not load: .*lib\.so"):
        plugin_devices(TENSORRT_RTX)


def test_no_device_is_said_with_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_plugin(monkeypatch, tmp_path, WEBGPU, [])
    with pytest.raises(ProviderError, match=r"^webgpu finds no device here: .*Vulkan driver"):
        plugin_devices(WEBGPU)


def test_a_device_of_a_provider_that_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match=r"^cpu has one device, and device 1 was asked for"):
        find_backend(["cpu"], 1, None, _opens)
    with pytest.raises(ProviderError, match=r"^cpu has one device, and device 1 was asked for"):
        find_backend(None, 1, None, _opens)


def test_a_card_that_was_asked_for_is_not_replaced_by_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a provider CUDA may fail in silence, but not where its second card was named."""
    monkeypatch.setattr("camruntime.engine.backend.available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr("camruntime.engine.backend.preload_nvidia", lambda: None)

    def fails(_: object) -> None:
        raise ProviderError("CUDAExecutionProvider did not open")

    assert find_backend(None, 0, None, fails).name == CPU
    with pytest.raises(ProviderError, match="CUDAExecutionProvider did not open"):
        find_backend(None, 1, None, fails)


@pytest.mark.parametrize(
    ("cards", "words"), [([], "There are 0 cards"), (None, "NVIDIA's driver is not installed: lib")]
)
def test_cuda_that_does_not_open_says_what_the_driver_says(
    monkeypatch: pytest.MonkeyPatch, cards: list[object] | None, words: str
) -> None:
    monkeypatch.setattr("camruntime.engine.backend.available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr("camruntime.engine.backend.preload_nvidia", lambda: None)

    def told() -> list[object]:
        if cards is None:
            raise ProviderError("NVIDIA's driver is not installed: libcuda.so.1")
        return cards

    def fails(_: object) -> None:
        raise ProviderError("CUDAExecutionProvider did not open")

    monkeypatch.setattr("camruntime.engine.backend.cards", told)
    with pytest.raises(ProviderError, match=f"^CUDAExecutionProvider did not open. {words}"):
        find_backend(["cuda"], 0, None, fails)
