"""Execution providers by short name, and the options that each gets.

The defaults keep results equal to float32 on the CPU, and whatever the caller gives overrides
them. Options are ONNX Runtime's own, under its own names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from camruntime._text import named, shown
from camruntime.engine.kinds import KINDS, kind_of
from camruntime.errors import ProviderError, nearest
from camruntime.provider_names import CPU, CUDA, FULL, OPENVINO, TENSORRT

Provider = str | tuple[str, Mapping[str, object]]
"""A name, short (`cuda`) or in full (`CUDAExecutionProvider`), or a pair of name and options."""
Chosen = tuple[str, dict[str, object]]
"""A full name and all its options."""


def choose(
    providers: Sequence[Provider],
    available: Sequence[str],
    device_id: int,
    threads: int | None,
) -> list[Chosen]:
    """Full names with defaults under the options that were given, in the same order.

    Behind TensorRT comes CUDA, where it is available, for the nodes that TensorRT refuses.

    Args:
        providers: what the caller named.
        available: in full, those that are built in and those whose plugins are installed.
        device_id: as of `Engine`.
        threads: as of `Engine`.

    Raises:
        ProviderError: no provider, or one that is not `available`, or an option of it that would
            make maps wrong.
    """
    if isinstance(providers, str) or not isinstance(providers, Sequence):
        raise ProviderError(f"providers is a list, such as ['cpu'], got {shown(providers)}")
    wanted = [_in_full(provider) for provider in providers]
    for provider in wanted:
        _refuse_captures(*provider)
    names = [name for name, _ in wanted]
    _require_available(names, available)
    device = _device(wanted, device_id)
    if TENSORRT in names and CUDA in available and CUDA not in names:
        wanted.insert(names.index(TENSORRT) + 1, (CUDA, {}))
    return [(name, _with_defaults(name, given, device, threads)) for name, given in wanted]


def place(chosen: Chosen) -> tuple[str, int]:
    """Where a provider keeps its tensors, in the words of ONNX Runtime's IO binding.

    OpenVINO takes and gives host memory, on Intel's GPUs too. Of WebGPU's devices one is in use.
    """
    name, options = chosen
    memory = kind_of(name).memory
    return (memory, int(str(options["device_id"]))) if memory == "cuda" else (memory, 0)


def _in_full(provider: Provider) -> tuple[str, Mapping[str, object]]:
    name, options = provider if _is_pair(provider) else (provider, {})
    if not isinstance(name, str):
        raise ProviderError(
            f"a provider is a name, or a pair of name and options, got {shown(provider)}"
        )
    name = _FULL.get(name.lower(), name)
    if not all(isinstance(key, str) for key in options):
        raise ProviderError(f"options of {named(name)} go by names, got {shown(dict(options))}")
    if name == CPU and options:
        raise ProviderError(
            f"cpu has no options, got {shown(dict(options))}: leave them out; threads (--threads) "
            "says how many compute"
        )
    return name, options


_FULL = FULL | {name.lower(): name for name in KINDS}


def _is_pair(provider: object) -> TypeGuard[tuple[str, Mapping[str, object]]]:
    return (
        isinstance(provider, (tuple, list))
        and len(provider) == 2
        and isinstance(provider[0], str)
        and isinstance(provider[1], Mapping)
    )


def _require_available(names: Sequence[str], available: Sequence[str]) -> None:
    for name in names:
        if name.startswith(f"{OPENVINO}."):
            raise ProviderError(
                f"{named(name)} chooses device and precision by itself, and so not float32: say "
                "openvino, and its device with the option device_type"
            )
        if name not in available:
            raise ProviderError(_missing(name, available))
        if names.count(name) > 1:
            raise ProviderError(f"{kind_of(name).short} is named twice: name it once")
    if not names:
        raise ProviderError(f"no provider was named; {nearest('', available)}")


def _device(wanted: Sequence[tuple[str, Mapping[str, object]]], device_id: int) -> int:
    """The card that options name, which then is that of all providers; else `device_id`."""
    given = {str(options["device_id"]) for _, options in wanted if "device_id" in options}
    asked = given | ({str(device_id)} if device_id else set())
    if len(asked) > 1 or not all(one.isdecimal() for one in given):
        raise ProviderError(
            f"expected one number of a device, got {named(', '.join(sorted(asked)))}: say "
            "device_id (--device-id) alone, without the option of that name"
        )
    return int(asked.pop()) if asked else device_id


def _refuse_captures(name: str, given: Mapping[str, object]) -> None:
    kind = kind_of(name)
    asked = [one for one in kind.captures if str(given.get(one, "0")).lower() not in _OFF]
    if not asked:
        return
    instead = "say capture=True (--capture), which keeps it" if kind.capture else "leave it out"
    raise ProviderError(
        f"{asked[0]} repeats the first run on the memory that this one had, and runs get memory of "
        f"their own: maps would be those of an earlier image; {instead}"
    )


_OFF = ("0", "false")


def _missing(name: str, available: Sequence[str]) -> str:
    kind = KINDS.get(name)
    if kind is None:
        return (
            f"{named(name)} is not part of the installed ONNX Runtime: "
            f"{nearest(name, [*FULL, *available])}"
        )
    advice = kind.install
    if kind.plugin is None:
        advice += "; uninstall the present one first, as they overwrite each other"
    return (
        f"{name} is not part of the installed ONNX Runtime, which has {', '.join(available)}: "
        f"{advice}"
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
    device = str(given.get("device_type", "")).upper()
    own = [device] if device.startswith("GPU.") else []
    config: dict[str, dict[str, object]] = {name: {} for name in ("CPU", "GPU", *own)}
    if "precision" not in given:
        config = {device: {"INFERENCE_PRECISION_HINT": "f32"} for device in config}
    if threads is not None:
        config["CPU"]["INFERENCE_NUM_THREADS"] = str(threads)
    asked = given.get("load_config", "{}")
    try:
        for name, properties in json.loads(str(asked)).items():
            if not _DEVICE.fullmatch(name.upper()):
                raise ValueError
            config[name.upper()] = {**config.get(name.upper(), {}), **properties}
    except (ValueError, AttributeError, TypeError) as error:
        raise ProviderError(
            "OpenVINO's load_config is JSON from device to properties, as a text such as "
            f"""'{{"CPU": {{"INFERENCE_PRECISION_HINT": "bf16"}}}}', got {shown(asked)}"""
        ) from error
    return {"load_config": json.dumps(config)}


_DEVICE = re.compile(r"(AUTO|BATCH|CPU|GPU|HETERO|MULTI|NPU)(\.[0-9]+)?")
"""Whose properties OpenVINO reads; those of others it passes over."""
