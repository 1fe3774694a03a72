"""How much is too much for a good part: maps held against what good parts show."""

from camruntime.calibration.calibration import Calibration, read_calibration
from camruntime.calibration.conformal import Reference, parts_needed, top_class_reference
from camruntime.calibration.of_parts import ByIndex, OfMethod, OfTarget, Part
from camruntime.calibration.thresholds import measures_of, thresholds_as_top
from camruntime.calibration.yardstick import Evidence, Yardstick

__all__ = [
    "ByIndex",
    "Calibration",
    "Evidence",
    "OfMethod",
    "OfTarget",
    "Part",
    "Reference",
    "Yardstick",
    "measures_of",
    "parts_needed",
    "read_calibration",
    "thresholds_as_top",
    "top_class_reference",
]
