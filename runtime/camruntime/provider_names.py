"""Execution providers by name: ONNX Runtime's, and what people call them."""

from __future__ import annotations

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
TENSORRT_RTX = "NvTensorRTRTXExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
WEBGPU = "WebGpuExecutionProvider"

FULL = {
    "cpu": CPU,
    "cuda": CUDA,
    "tensorrt": TENSORRT,
    "tensorrt-rtx": TENSORRT_RTX,
    "openvino": OPENVINO,
    "webgpu": WEBGPU,
}
"""Of those that this project knows, by short name."""

_SHORT = {full: name for name, full in FULL.items()}


def short_name(provider: str) -> str:
    """`cpu` of `CPUExecutionProvider`; of one without a short name the full one."""
    return _SHORT.get(provider, provider)
