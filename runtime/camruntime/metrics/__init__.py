"""Metrics of explanations, one file each. Importing a metric's module registers it."""

from camruntime.metrics._case import Case, Measured, Metric
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import METRICS, make_metric, metric_spec, register, usual_metrics
from camruntime.metrics._trapezoid import trapezoid
from camruntime.metrics.adcc import ADCC
from camruntime.metrics.arcc import ARCC
from camruntime.metrics.average_drop import AverageDrop
from camruntime.metrics.coherency import Coherency
from camruntime.metrics.complexity import Complexity
from camruntime.metrics.confidence import Confidence
from camruntime.metrics.deletion import Deletion
from camruntime.metrics.energy_pointing_game import EnergyPointingGame
from camruntime.metrics.increase_in_confidence import IncreaseInConfidence
from camruntime.metrics.insertion import Insertion
from camruntime.metrics.insertion_deletion import InsertionDeletion
from camruntime.metrics.iou import IoU
from camruntime.metrics.pointing_game import PointingGame
from camruntime.metrics.right_classification import RightClassification
from camruntime.metrics.road import Road
from camruntime.metrics.road_lerf import RoadLeRF
from camruntime.metrics.road_morf import RoadMoRF

__all__ = [
    "ADCC",
    "ARCC",
    "METRICS",
    "AverageDrop",
    "Case",
    "Coherency",
    "Complexity",
    "Confidence",
    "Deletion",
    "EnergyPointingGame",
    "IncreaseInConfidence",
    "Insertion",
    "InsertionDeletion",
    "IoU",
    "Measured",
    "Metric",
    "MetricInfo",
    "PointingGame",
    "RightClassification",
    "Road",
    "RoadLeRF",
    "RoadMoRF",
    "make_metric",
    "metric_spec",
    "register",
    "trapezoid",
    "usual_metrics",
]
