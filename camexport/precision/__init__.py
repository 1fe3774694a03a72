"""Bundles that compute in lower precision, and how good their maps are."""

from camexport.precision.calibration import (
    Calibration,
    Images,
    calibration_files,
    read_calibration,
)
from camexport.precision.fidelity import is_faithful
from camexport.precision.reduce import (
    judge,
    reduce_in_place,
    reduce_into,
    reduce_precision,
)

__all__ = [
    "Calibration",
    "Images",
    "calibration_files",
    "is_faithful",
    "judge",
    "read_calibration",
    "reduce_in_place",
    "reduce_into",
    "reduce_precision",
]
