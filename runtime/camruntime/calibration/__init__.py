"""How much is too much for a good part: maps held against what good parts show."""

from camruntime.calibration.calibration import (
    ByIndex,
    Calibration,
    OfMethod,
    OfTarget,
    Part,
    read_calibration,
)
from camruntime.calibration.conformal import Reference, parts_needed, top_class_reference
from camruntime.calibration.regions import Region, regions_of
from camruntime.calibration.yardstick import Evidence, Yardstick

__all__ = [
    "ByIndex",
    "Calibration",
    "Evidence",
    "OfMethod",
    "OfTarget",
    "Part",
    "Reference",
    "Region",
    "Yardstick",
    "parts_needed",
    "read_calibration",
    "regions_of",
    "top_class_reference",
]
