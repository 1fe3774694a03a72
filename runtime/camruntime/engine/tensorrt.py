"""TensorRT's engines, kept on the disk, and its precision."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from camruntime.engine.providers import Chosen
from camruntime.errors import ProviderError
from camruntime.provider_names import TENSORRT

_TF32 = "NVIDIA_TF32_OVERRIDE"


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


def _user_cache() -> Path:
    """Where the user's caches lie, on the systems that TensorRT runs on."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
