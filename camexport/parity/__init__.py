"""Parity with PyTorch: what is compared, with what, and how far apart it may be."""

from camexport.parity._noise import noise
from camexport.parity.check import check, measure
from camexport.parity.every_layer import compare
from camexport.parity.onnx_file import compare_with_file, scores_of_file
from camexport.parity.reasons import reason_of
from camexport.parity.reference import Reference
from camexport.parity.tolerances import EDGE_MAP

__all__ = [
    "EDGE_MAP",
    "Reference",
    "check",
    "compare",
    "compare_with_file",
    "measure",
    "noise",
    "reason_of",
    "scores_of_file",
]
