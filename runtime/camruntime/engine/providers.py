"""Execution providers by short name, and the options that each gets.

The defaults keep results equal to float32 on the CPU, and whatever the caller gives overrides
them. Options are ONNX Runtime's own, under its own names.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from camruntime._text import shown
from camruntime.errors import ProviderError, nearest

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"

Provider = str | tuple[str, Mapping[str, object]]
"""A name, short (`cuda`) or in full (`CUDAExecutionProvider`), or a pair of name and options."""
Chosen = tuple[str, dict[str, object]]
"""A full name and all its options."""

_TF32 = "NVIDIA_TF32_OVERRIDE"
_CUDA_GRAPHS = {CUDA: "enable_cuda_graph", TENSORRT: "trt_cuda_graph_enable"}
_SHORT = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT, "openvino": OPENVINO}
_HOW_TO_GET = {
    CUDA: "`pip install 'camexport[gpu]'` brings it with onnxruntime-gpu",
    TENSORRT: (
        "onnxruntime-gpu brings it (`pip install 'camexport[gpu]'`), and TensorRT's libraries must "
        "be installed beside it"
    ),
    OPENVINO: "`pip install onnxruntime-openvino` brings it",
}


def choose(
    providers: Sequence[Provider],
    available: Sequence[str],
    device_id: int,
    threads: int | None,
) -> list[Chosen]:
    """Full names with defaults under the options that were given, in the same order.

    Behind TensorRT comes CUDA, where it is available, for the nodes that TensorRT refuses.

    Raises:
        ProviderError: no provider, or one that is not `available`, or an option of it that would
            make maps wrong.
    """
    if isinstance(providers, str) or not isinstance(providers, Sequence):
        raise ProviderError(f"providers is a list, such as ['cpu'], got {shown(providers)}")
    wanted = [_in_full(provider) for provider in providers]
    for provider in wanted:
        _refuse_cuda_graphs(*provider)
    names = [name for name, _ in wanted]
    for name in names:
        if name not in available:
            raise ProviderError(_missing(name, available))
    if not wanted:
        raise ProviderError(f"no provider was named; {nearest('', available)}")
    if TENSORRT in names and CUDA in available and CUDA not in names:
        wanted.insert(names.index(TENSORRT) + 1, (CUDA, {}))
    return [(name, _with_defaults(name, given, device_id, threads)) for name, given in wanted]


def place(chosen: Chosen) -> tuple[str, int]:
    """Where a provider keeps its tensors, in the words of ONNX Runtime's IO binding.

    OpenVINO takes and gives host memory, on Intel's GPUs too.
    """
    name, options = chosen
    return ("cuda", int(str(options["device_id"]))) if name in (CUDA, TENSORRT) else ("cpu", 0)


def with_engine_cache(chosen: Chosen, content: Sequence[str]) -> Chosen:
    """TensorRT with a folder for the engines of a graph, as they take minutes to build.

    By ONNX Runtime's documentation cached engines are to be removed when a model changes, so every
    content gets a folder of its own. Other providers stay as they are.

    Args:
        chosen: the provider.
        content: digests of the graph and of its weights.

    Raises:
        ProviderError: the folder cannot be made.
    """
    name, options = chosen
    if name != TENSORRT or "trt_engine_cache_path" in options:
        return chosen
    key = " ".join([*content, os.environ.get(_TF32, "")])
    digest = hashlib.sha256(key.encode()).hexdigest()
    folder = _user_cache() / "camruntime" / "tensorrt" / digest[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProviderError(
            f"cannot make {folder} for TensorRT's engines: {error.strerror or error}; name another "
            "with the option trt_engine_cache_path"
        ) from error
    caches = {"trt_engine_cache_path": str(folder), "trt_timing_cache_path": str(folder)}
    return name, {**caches, **options}


def turn_off_tf32() -> None:
    """For TensorRT, which has no option for it; before it is loaded, and unless the user chose."""
    os.environ.setdefault(_TF32, "0")


def _in_full(provider: Provider) -> tuple[str, Mapping[str, object]]:
    name, options = provider if _is_pair(provider) else (provider, {})
    if not isinstance(name, str):
        raise ProviderError(
            f"a provider is a name, or a pair of name and options, got {shown(provider)}"
        )
    return _SHORT.get(name.lower(), name), options


def _is_pair(provider: object) -> TypeGuard[tuple[str, Mapping[str, object]]]:
    return isinstance(provider, (tuple, list)) and [
        isinstance(part, kind) for part, kind in zip(provider, (str, Mapping), strict=False)
    ] == [True, True]


def _refuse_cuda_graphs(name: str, given: Mapping[str, object]) -> None:
    option = _CUDA_GRAPHS.get(name, "")
    if str(given.get(option, "0")).lower() in ("0", "false"):
        return
    raise ProviderError(
        f"{option} repeats the first run on the memory that this one had, and every run here gets "
        "memory of its own: maps would be those of an earlier image. Leave the option out"
    )


def _missing(name: str, available: Sequence[str]) -> str:
    known = [*_SHORT, *available]
    advice = _HOW_TO_GET.get(name)
    if advice is None:
        return f"{name} is not part of the installed ONNX Runtime: {nearest(name, known)}"
    return (
        f"{name} is not part of the installed ONNX Runtime, which has {', '.join(available)}: "
        f"{advice}; uninstall the present one first, as they overwrite each other"
    )


def _with_defaults(
    name: str, given: Mapping[str, object], device_id: int, threads: int | None
) -> dict[str, object]:
    if name == CUDA:
        # TF32 keeps ten bits of a factor. Maps shall equal PyTorch's unless someone asks for speed.
        return {"device_id": device_id, "use_tf32": 0, **given}
    if name == TENSORRT:
        caches = {"trt_engine_cache_enable": True, "trt_timing_cache_enable": True}
        return {"device_id": device_id, **caches, **given}
    if name == OPENVINO:
        return {"device_type": "CPU", **given, **_openvino_config(given, threads)}
    return dict(given)


def _openvino_config(given: Mapping[str, object], threads: int | None) -> dict[str, object]:
    """`load_config` with float32, as OpenVINO takes bfloat16 or float16 where that is faster."""
    config: dict[str, dict[str, object]] = {"CPU": {}, "GPU": {}}
    if "precision" not in given:
        config = {device: {"INFERENCE_PRECISION_HINT": "f32"} for device in config}
    if threads is not None:
        config["CPU"]["INFERENCE_NUM_THREADS"] = str(threads)
    asked = given.get("load_config", "{}")
    try:
        for device, properties in json.loads(str(asked)).items():
            config[device] = {**config.get(device, {}), **properties}
    except (ValueError, AttributeError, TypeError) as error:
        raise ProviderError(
            f"OpenVINO's load_config is JSON from device to properties, such as "
            f'{{"CPU": {{"INFERENCE_PRECISION_HINT": "bf16"}}}}, got {asked!r}'
        ) from error
    return {"load_config": json.dumps(config)}


def _user_cache() -> Path:
    """Where the user's caches lie, on the systems that TensorRT runs on."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
