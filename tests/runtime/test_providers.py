"""Providers by short name: full names, defaults under the caller's options, places, advice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from camruntime.cli.common import providers_asked_for
from camruntime.engine.kinds import KINDS
from camruntime.engine.providers import Provider, choose, place
from camruntime.engine.tensorrt import turn_off_tf32, with_engine_cache
from camruntime.errors import ProviderError
from camruntime.provider_names import FULL, short_name

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT, OPENVINO = "TensorrtExecutionProvider", "OpenVINOExecutionProvider"
GPU_BUILD = (TENSORRT, CUDA, CPU)
CONTENT = ("a" * 64, "b" * 64)
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def test_cuda_keeps_float32_and_its_device() -> None:
    (chosen,) = choose(["CUDA"], GPU_BUILD, 1, None)
    assert chosen == (CUDA, {"device_id": 1, "use_tf32": 0})
    assert place(chosen) == ("cuda", 1)


def test_the_callers_options_override_defaults() -> None:
    given = {"use_tf32": "1", "device_id": "2", "prefer_nhwc": "1"}
    (chosen,) = choose([("cuda", given)], GPU_BUILD, 0, None)
    assert chosen == (CUDA, given)
    assert place(chosen) == ("cuda", 2), "tensors lie where the provider computes"


@pytest.mark.parametrize(
    ("provider", "option", "advice"),
    [
        ("cuda", "enable_cuda_graph", "say capture=True"),
        ("tensorrt", "trt_cuda_graph_enable", "leave it out"),
    ],
)
def test_cuda_graphs_would_show_an_earlier_image(provider: str, option: str, advice: str) -> None:
    for value in ("1", True, 1, "True"):
        with pytest.raises(ProviderError, match=f"^{option} repeats the first run .* {advice}"):
            choose([(provider, {option: value})], GPU_BUILD, 0, None)
    for value in ("0", False, "false"):
        (chosen, *_) = choose([(provider, {option: value})], GPU_BUILD, 0, None)
        assert chosen[1][option] == value


def test_cuda_stands_behind_tensorrt() -> None:
    names = [name for name, _ in choose(["tensorrt", "cpu"], GPU_BUILD, 0, None)]
    assert names == [TENSORRT, CUDA, CPU]
    assert [name for name, _ in choose([TENSORRT, CUDA], GPU_BUILD, 0, None)] == [TENSORRT, CUDA]
    assert [name for name, _ in choose(["tensorrt"], (TENSORRT, CPU), 0, None)] == [TENSORRT]
    first, behind = choose(["tensorrt"], GPU_BUILD, 1, None)
    assert first[1]["device_id"] == behind[1]["device_id"] == 1
    assert behind[1]["use_tf32"] == 0
    assert place(first) == ("cuda", 1)


def test_tensorrt_keeps_engines_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camruntime.engine.tensorrt._user_cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")  # so that it is as before after the test
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    (chosen, _) = choose(["tensorrt"], GPU_BUILD, 0, None)

    def folder(*content: str) -> str:
        name, options = with_engine_cache(chosen, content)
        assert name == TENSORRT
        assert options["trt_engine_cache_enable"] is True
        assert options["trt_timing_cache_path"] == options["trt_engine_cache_path"]
        made = Path(str(options["trt_engine_cache_path"]))
        assert made.is_dir()
        assert made.is_relative_to(tmp_path / "cache" / "camruntime")
        return str(made)

    first = folder("a" * 64, "b" * 64)
    assert folder("a" * 64, "b" * 64) == first, "it is the content that counts"
    others = {folder("c" * 64, "b" * 64), folder("a" * 64, "c" * 64)}
    turn_off_tf32()
    others.add(folder("a" * 64, "b" * 64))
    assert len({first, *others}) == 4, "weights, graph and precision each have engines of their own"


def test_the_users_choice_of_tf32_and_folder_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    turn_off_tf32()
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "1"
    (chosen, _) = choose([("tensorrt", {"trt_engine_cache_path": "mine"})], GPU_BUILD, 0, None)
    assert with_engine_cache(chosen, CONTENT) == chosen
    cuda = (CUDA, {"device_id": 0})
    assert with_engine_cache((CUDA, {"device_id": 0}), CONTENT) == cuda


def test_a_cache_that_cannot_be_made_says_how_to_name_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr("camruntime.engine.tensorrt._user_cache", lambda: tmp_path / "cache")
    (chosen, _) = choose(["tensorrt"], GPU_BUILD, 0, None)
    with pytest.raises(ProviderError, match="trt_engine_cache_path"):
        with_engine_cache(chosen, CONTENT)


def test_engines_go_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    from camruntime.engine.tensorrt import _user_cache

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/mine")
    assert _user_cache() == Path("/var/cache/mine")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert _user_cache() == Path.home() / ".cache"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/Users/me/AppData/Local")
    assert _user_cache() == Path("/Users/me/AppData/Local")


def _openvino(given: dict[str, object], threads: int | None = None) -> dict[str, object]:
    ((name, options),) = choose([("openvino", given)], (OPENVINO, CPU), 0, threads)
    assert name == OPENVINO
    assert place((name, options)) == ("cpu", 0)
    config: dict[str, object] = json.loads(str(options["load_config"]))
    return {**options, "load_config": config}


def test_openvino_computes_in_float32_unless_asked() -> None:
    assert _openvino({}) == {"device_type": "CPU", "load_config": {"CPU": F32, "GPU": F32}}
    threads = {**F32, "INFERENCE_NUM_THREADS": "2"}
    assert _openvino({}, 2)["load_config"] == {"CPU": threads, "GPU": F32}
    asked = {"device_type": "GPU", "load_config": '{"GPU": {"INFERENCE_PRECISION_HINT": "f16"}}'}
    half = {"INFERENCE_PRECISION_HINT": "f16"}
    assert _openvino(dict(asked)) == {
        "device_type": "GPU",
        "load_config": {"CPU": F32, "GPU": half},
    }
    streams = _openvino({"load_config": '{"CPU": {"NUM_STREAMS": "2"}, "NPU": {"A": "b"}}'})
    assert streams["load_config"] == {
        "CPU": {**F32, "NUM_STREAMS": "2"}, "GPU": F32, "NPU": {"A": "b"},
    }  # fmt: skip
    assert _openvino({"precision": "ACCURACY"})["load_config"] == {"CPU": {}, "GPU": {}}


@pytest.mark.parametrize("config", ["config.json", "[]", '{"CPU": "bf16"}', '{"CPU": 1}'])
def test_a_load_config_that_is_none_is_refused(config: str) -> None:
    with pytest.raises(ProviderError, match=r"JSON from device to properties.*got"):
        _openvino({"load_config": config})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cuda", r"CUDAExecutionProvider is not part.*camexport\[gpu\].*uninstall"),
        ("tensorrt", r"TensorrtExecutionProvider is not part.*TensorRT's libraries"),
        ("openvino", r"OpenVINOExecutionProvider is not part.*pip install onnxruntime-ep-openvino"),
        ("openvin", r"openvin is not part of the installed ONNX Runtime: did you mean openvino"),
        ("CPUExecutionProvidr", "did you mean CPUExecutionProvider"),
    ],
)
def test_a_provider_that_is_not_installed_says_how_to_get_it(name: str, advice: str) -> None:
    with pytest.raises(ProviderError, match=advice):
        choose([name], (CPU,), 0, None)


def test_every_provider_with_a_short_name_is_known_and_can_be_chosen() -> None:
    assert [*FULL.values()] == [*KINDS]
    for name, full in FULL.items():
        assert choose([name.upper()], [full], 0, None)[0][0] == full
        assert KINDS[full].short == short_name(full) == name
    assert short_name("DmlExecutionProvider") == "DmlExecutionProvider"


def test_no_provider_is_an_error() -> None:
    with pytest.raises(ProviderError, match="no provider was named"):
        choose([], (CPU,), 0, None)


def test_other_providers_are_taken_as_they_are() -> None:
    (chosen,) = choose([("DmlExecutionProvider", {"a": 1})], ("DmlExecutionProvider", CPU), 0, 2)
    assert chosen == ("DmlExecutionProvider", {"a": 1})
    assert place(chosen) == ("cpu", 0)


def test_options_of_the_command_line() -> None:
    assert providers_asked_for(None, None) is None
    assert providers_asked_for("cuda", None) == [("cuda", {})]
    config = '{"CPU": {"A": "b=c"}}'
    given = ["prefer_nhwc=1", f"load_config={config}", "empty="]
    options = {"prefer_nhwc": "1", "load_config": config, "empty": ""}
    assert providers_asked_for("openvino", given) == [("openvino", options)]


@pytest.mark.parametrize("option", ["prefer_nhwc", "=1", ""])
def test_an_option_without_key_or_value_is_refused(option: str) -> None:
    with pytest.raises(ProviderError, match=f"takes KEY=VALUE, got '{option}'"):
        providers_asked_for("cuda", [option])


def test_options_without_a_provider_are_refused() -> None:
    with pytest.raises(ProviderError, match="goes with --provider"):
        providers_asked_for(None, ["prefer_nhwc=1"])


@pytest.mark.parametrize("name", ["cudaexecutionprovider", "CudaExecutionProvider", "CUDA"])
def test_names_count_in_any_case(name: str) -> None:
    assert choose([name], GPU_BUILD, 0, None)[0][0] == CUDA


@pytest.mark.parametrize(
    ("providers", "words"),
    [
        ([("cpu", {}, 3)], "a pair of name and options, got"),
        ([("cuda", {3: "1"})], "options of CUDAExecutionProvider go by names, got {3: '1'}"),
        ([("cpu", {"use_arena": "0"})], "cpu has no options, got {'use_arena': '0'}"),
        (["cuda", CUDA], "cuda is named twice"),
        pytest.param(["cu\nda"], "cu\\nda is not part of", id="line"),
        ([("cuda", {"device_id": "first"})], "one number of a device, got first"),
        ([("tensorrt", {"device_id": 1}), ("cuda", {"device_id": 2})], "of a device, got 1, 2"),
    ],
)
def test_what_would_be_passed_over_is_refused(providers: list[Provider], words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        choose(providers, GPU_BUILD, 0, None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_is_named_once_for_all_providers() -> None:
    first, behind = choose([("tensorrt", {"device_id": 1})], GPU_BUILD, 0, None)
    assert first[1]["device_id"] == behind[1]["device_id"] == 1
    with pytest.raises(ProviderError, match="got 1, 2: say device_id"):
        choose([("cuda", {"device_id": 1})], GPU_BUILD, 2, None)


def test_openvinos_own_choice_is_refused_as_it_takes_other_precisions() -> None:
    name = f"{OPENVINO}.AUTO"
    with pytest.raises(ProviderError, match="by itself, and so not float32: say openvino"):
        choose([name], (OPENVINO, name, CPU), 0, None)


def test_load_config_goes_to_the_device_that_computes() -> None:
    half = {"INFERENCE_PRECISION_HINT": "bf16"}
    asked = _openvino({"load_config": json.dumps({"cpu": half})})
    assert asked["load_config"] == {"CPU": half, "GPU": F32}
    second = _openvino({"device_type": "GPU.1"})
    assert second["load_config"] == {"CPU": F32, "GPU": F32, "GPU.1": F32}
    with pytest.raises(ProviderError, match="from device to"):
        choose([("openvino", {"load_config": '{"CUP": {}}'})], (OPENVINO, CPU), 0, None)


def test_an_option_that_is_given_twice_is_refused() -> None:
    with pytest.raises(ProviderError, match="gives a twice"):
        providers_asked_for("cuda", ["a=1", "b=1", "a=2"])
