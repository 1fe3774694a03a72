"""What is known of each execution provider: one line here is what the rest of the engine asks.

Providers come built into ONNX Runtime, or as a library of a package of their own, a plugin. Both
have ONNX Runtime's names; where a plugin is installed, it is the one that is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from camruntime.provider_names import (
    CPU,
    CUDA,
    OPENVINO,
    TENSORRT,
    TENSORRT_RTX,
    WEBGPU,
    short_name,
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An execution provider.

    Attributes:
        name: ONNX Runtime's.
        install: how to get it.
        plugin: the module that brings its library; None where there is none.
        memory: where its tensors lie, in the words of IO binding. `cpu` for those that take and
            give host memory, and for those whose own memory was never tried.
        capture: the option that records runs, so that they are repeated without being launched
            one by one; None where there is none, or none that was tried.
        captures: all options of that kind, which are wrong without buffers that stay.
        shares: its sessions may take weights that are on the device already.
        alone: not safe from several threads, in any of its sessions.
        options: names of the plugin's options, where it passes over others without a word; None
            where it refuses them itself.
    """

    name: str
    install: str = ""
    plugin: str | None = None
    memory: str = "cpu"
    capture: str | None = None
    captures: tuple[str, ...] = ()
    shares: bool = False
    alone: bool = False
    options: tuple[str, ...] | None = None

    @property
    def short(self) -> str:
        """What people call it."""
        return short_name(self.name)

    @property
    def own_memory(self) -> bool:
        """Whether its tensors lie elsewhere than the host's."""
        return self.memory != "cpu"


_GPU = "`pip install 'camexport[gpu]'`"

_KNOWN = (
    Kind(name=CPU, install="every ONNX Runtime has it"),
    Kind(
        name=CUDA,
        install=f"{_GPU} brings it with onnxruntime-gpu",
        memory="cuda",
        shares=True,
        capture="enable_cuda_graph",
        captures=("enable_cuda_graph",),
    ),
    Kind(
        name=TENSORRT,
        install=(
            f"onnxruntime-gpu brings it ({_GPU}), and TensorRT's libraries must be installed "
            "beside it"
        ),
        memory="cuda",
        captures=("trt_cuda_graph_enable",),
    ),
    Kind(
        name=TENSORRT_RTX,
        install="`pip install onnxruntime-ep-nv-tensorrt-rtx-cu13` brings it",
        plugin="onnxruntime_ep_nv_tensorrt_rtx",
        captures=("enable_cuda_graph",),
    ),
    Kind(
        name=OPENVINO,
        install=(
            "`pip install onnxruntime-ep-openvino` brings it beside onnxruntime 1.24.1 or newer, "
            "onnxruntime-openvino in its place"
        ),
        plugin="onnxruntime_ep_openvino",
        # Version 1.8.1 has others, such as precision and num_of_threads, that change nothing.
        options=("device_type", "load_config"),
    ),
    Kind(
        name=WEBGPU,
        install="`pip install 'camexport[webgpu]'` brings it with onnxruntime-ep-webgpu",
        plugin="onnxruntime_ep_webgpu",
        memory="webgpu",
        shares=True,  # as soon as it lends tensors
        capture="enableGraphCapture",
        captures=("enableGraphCapture",),
        alone=True,  # github.com/microsoft/onnxruntime: issues 27592 and 31627, pull request 29851
        options=(
            "dawnBackendType",
            "defaultBufferCacheMode",
            "deviceId",
            "enableGraphCapture",
            "enableInt64",
            "enablePIXCapture",
            "enableRobustness",
            "forceCpuNodeNames",
            "maxNumPendingDispatches",
            "maxStorageBufferBindingSize",
            "powerPreference",
            "preferredLayout",
            "preserveDevice",
            "queryResolveBufferCacheMode",
            "sessionBufferPoolGenerations",
            "storageBufferCacheMode",
            "uniformBufferCacheMode",
            "validationMode",
        ),
    ),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KNOWN}
"""By full name."""


def kind_of(name: str) -> Kind:
    """What is known of a provider by its full name; one that nobody tried takes host memory."""
    return KINDS.get(name) or Kind(name=name)
