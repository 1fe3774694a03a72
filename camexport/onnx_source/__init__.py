"""An ONNX file as a PyTorch network, so that everything else treats it as any other."""

from camexport.onnx_source._float32 import as_float32
from camexport.onnx_source.network import OnnxNetwork, read_network

__all__ = ["OnnxNetwork", "as_float32", "read_network"]
