"""Where the time of an explanation goes."""

from camruntime.bench.breakdown import Timings, measure
from camruntime.bench.fresh_process import FirstMap, first_map

__all__ = [
    "FirstMap",
    "Timings",
    "first_map",
    "measure",
]
