"""The gradient graph: a tail and its reverse-mode derivative in operators that ONNX has."""

from camexport.gradient.differentiate import LAYER, differentiate, operator_and_layer

__all__ = [
    "LAYER",
    "differentiate",
    "operator_and_layer",
]
