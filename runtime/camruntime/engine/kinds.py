"""What is known of each execution provider: one line here is what the rest of the engine asks.

Providers come built into ONNX Runtime, or as a library of a package of their own, a plugin. Both
have ONNX Runtime's names; where a plugin is installed, it is the one that is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
TENSORRT_RTX = "NvTensorRTRTXExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
WEBGPU = "WebGpuExecutionProvider"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An execution provider.

    Attributes:
        short: what people call it.
        install: how to get it.
        plugin: the module that brings its library; None where there is none.
        memory: where its tensors lie, in the words of IO binding. `cpu` for those that take and
            give host memory, and for those whose own memory was never tried.
        own_memory: whether that is not the host's.
        capture: the option that records runs, so that they are repeated without being launched
            one by one; None where there is none, or none that was tried.
        captures: all options of that kind, which are wrong without buffers that stay.
        alone: not safe from several threads, in any of its sessions.
        options: names of the plugin's options, where it passes over others without a word; None
            where it refuses them itself.
    """

    short: str
    install: str
    plugin: str | None = None
    memory: str = "cpu"
    capture: str | None = None
    captures: tuple[str, ...] = ()
    alone: bool = False
    options: tuple[str, ...] | None = None

    @property
    def own_memory(self) -> bool:
        """Whether its tensors lie elsewhere than the host's."""
        return self.memory != "cpu"


_GPU = "`pip install 'camexport[gpu]'`"

KINDS: dict[str, Kind] = {
    CPU: Kind(short="cpu", install="every ONNX Runtime has it"),
    CUDA: Kind(
        short="cuda",
        install=f"{_GPU} brings it with onnxruntime-gpu",
        memory="cuda",
        capture="enable_cuda_graph",
        captures=("enable_cuda_graph",),
    ),
    TENSORRT: Kind(
        short="tensorrt",
        install=(
            f"onnxruntime-gpu brings it ({_GPU}), and TensorRT's libraries must be installed "
            "beside it"
        ),
        memory="cuda",
        captures=("trt_cuda_graph_enable",),
    ),
    TENSORRT_RTX: Kind(
        short="tensorrt-rtx",
        install="`pip install onnxruntime-ep-nv-tensorrt-rtx-cu13` brings it",
        plugin="onnxruntime_ep_nv_tensorrt_rtx",
        captures=("enable_cuda_graph",),
    ),
    OPENVINO: Kind(
        short="openvino",
        install=(
            "`pip install onnxruntime-ep-openvino` brings it beside onnxruntime 1.24.1 or newer, "
            "onnxruntime-openvino in its place"
        ),
        plugin="onnxruntime_ep_openvino",
        # Version 1.8.1 has others, such as precision and num_of_threads, that change nothing.
        options=("device_type", "load_config"),
    ),
    WEBGPU: Kind(
        short="webgpu",
        install="`pip install 'camexport[webgpu]'` brings it with onnxruntime-ep-webgpu",
        plugin="onnxruntime_ep_webgpu",
        memory="webgpu",
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
}
SHORT = {kind.short: name for name, kind in KINDS.items()}
"""From short names to ONNX Runtime's."""


def kind_of(name: str) -> Kind:
    """What is known of a provider by its full name; one that nobody tried takes host memory."""
    return KINDS.get(name) or Kind(short=name, install="", plugin=None)
