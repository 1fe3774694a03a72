"""Parity with PyTorch: what is compared, with what, and how far apart it may be."""

from camexport.parity.check import check, measure
from camexport.parity.reference import Reference
from camexport.parity.tolerances import EDGE_MAP, FILE

__all__ = [
    "EDGE_MAP",
    "FILE",
    "Reference",
    "check",
    "measure",
]
