"""ONNX Runtime's sessions, providers and memory, and the graphs of a bundle run on them."""

from camruntime.engine.batch_graphs import BatchGraphs
from camruntime.engine.cell_masks import cell_masks
from camruntime.engine.device_report import Device
from camruntime.engine.device_value import DeviceValue
from camruntime.engine.devices import all_devices
from camruntime.engine.engine import Engine
from camruntime.engine.instruments import Cost, GraphRun, Instruments, metered
from camruntime.engine.kinds import Kind
from camruntime.engine.memory import Progress
from camruntime.engine.models import Model, in_memory, mapped
from camruntime.engine.onnx_graphs import (
    ACTIVATIONS,
    GRADIENTS,
    IMAGES,
    Cancel,
    OnnxGraphs,
)
from camruntime.engine.providers import Provider
from camruntime.engine.session import on_cpu, runtime_version

__all__ = [
    "ACTIVATIONS",
    "GRADIENTS",
    "IMAGES",
    "BatchGraphs",
    "Cancel",
    "Cost",
    "Device",
    "DeviceValue",
    "Engine",
    "GraphRun",
    "Instruments",
    "Kind",
    "Model",
    "OnnxGraphs",
    "Progress",
    "Provider",
    "all_devices",
    "cell_masks",
    "in_memory",
    "mapped",
    "metered",
    "on_cpu",
    "runtime_version",
]
