"""What good parts show, measured."""

from camruntime.good_parts.calibrate import Progress, calibrate
from camruntime.good_parts.drift import Alarm, Drift, Moved
from camruntime.good_parts.folder import distinct, pictures_in
from camruntime.good_parts.plan import Plan, plan

__all__ = [
    "Alarm",
    "Drift",
    "Moved",
    "Plan",
    "Progress",
    "calibrate",
    "distinct",
    "pictures_in",
    "plan",
]
