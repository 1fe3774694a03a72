"""An ONNX file as a PyTorch network, so that everything else treats it as any other."""

from camexport.onnx_source.network import OnnxNetwork, read_network

__all__ = ["OnnxNetwork", "read_network"]
