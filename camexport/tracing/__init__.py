"""A network traced once, and cut at a layer into head and tail."""

from camexport.tracing.adaptive_pooling import windows
from camexport.tracing.layers import candidates, default_layer
from camexport.tracing.layout import Layout, into, on_tensors
from camexport.tracing.source_lines import in_one_line, line_of
from camexport.tracing.split import INPUTS, Split, split, split_at_each
from camexport.tracing.trace import MarkedProgram, quiet_tracing, trace

__all__ = [
    "INPUTS",
    "Layout",
    "MarkedProgram",
    "Split",
    "candidates",
    "default_layer",
    "in_one_line",
    "into",
    "line_of",
    "on_tensors",
    "quiet_tracing",
    "split",
    "split_at_each",
    "trace",
    "windows",
]
