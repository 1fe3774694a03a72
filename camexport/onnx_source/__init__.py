"""An ONNX file as a PyTorch network, so that everything else treats it as any other."""

from camexport.onnx_source._float32 import as_float32
from camexport.onnx_source.network import OnnxNetwork, as_rows, read_network
from camexport.onnx_source.opening import open_file
from camexport.onnx_source.outputs import leave_one_output

__all__ = [
    "OnnxNetwork",
    "as_float32",
    "as_rows",
    "leave_one_output",
    "open_file",
    "read_network",
]
