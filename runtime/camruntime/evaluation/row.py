"""One explanation of one sample, measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camruntime.calibration import Calibration
from camruntime.datasets import GroundTruth, Sample
from camruntime.evaluation.evidence import Shown, shown
from camruntime.evaluation.levels import Levels, count_levels
from camruntime.explaining import Outcome
from camruntime.methods import spec_of
from camruntime.metrics import Case, Metric, metric_spec


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the results.

    Attributes:
        sample, category: see `Sample`.
        method: its spec.
        classes: indices of the network's classes that the sample may be; empty where none is said.
        good: whether the part is good, or has a defect; None where nobody knows.
        area: of what is marked on it, as a share of the picture; None where nothing is.
        target, predicted: indices of the class that is explained, and of the network's top class.
        right: whether the network's top class is one of the sample's, or, where classes are by
            themselves, one of the sample's is there; None where the sample has none.
        probability: the target's, on the picture itself.
        no_evidence: the map shows nothing.
        has_colour: the map shows something to an inspector: see `evidence.py`.
        score: how much the picture speaks for a defect; None where the bundle names no good class.
        relative: the map is stretched to its own maximum: there was no calibration.
        levels: the map counted, of samples that are good or say where something is.
        values: by metric's spec; None where it has no meaning, or is no finite number.
        curves: of the metrics that have one, where it is finite.
        passes, seconds: what the explanation cost, with the plain pass.
    """

    sample: str
    category: str
    classes: tuple[int, ...] = ()
    good: bool | None = None
    area: float | None = None
    method: str
    target: int
    predicted: int
    right: bool | None
    probability: float
    no_evidence: bool
    has_colour: bool = True
    score: float | None = None
    relative: bool = True
    levels: Levels | None = None
    values: dict[str, float | None]
    curves: dict[str, tuple[float, ...]]
    passes: int
    seconds: float

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart."""
        return self.sample, self.method


def measured(
    sample: Sample,
    outcome: Outcome,
    metrics: Sequence[Metric],
    calibration: Calibration | None = None,
) -> Row:
    """Everything that is kept of an explanation; its first target is the sample's class.

    Raises:
        DatasetError: what is marked on the sample cannot be read.
        CalibrationError: the calibration is not of the method or target.
    """
    prediction, explanation = outcome.prediction, outcome.explanations[0]
    height, width = prediction.photograph.picture.shape[:2]
    ground_truth = sample.locate((height, width)) if sample.locate else None
    seen = shown(outcome, calibration)
    case = Case(
        graphs=prediction.graphs,
        forward=prediction.forward,
        method=outcome.method,
        target=explanation.target.index,
        saliency=explanation.saliency,
        photo_saliency=explanation.photo_saliency,
        ground_truth=ground_truth,
    )
    results = {metric_spec(metric): case.measure(metric) for metric in metrics}
    present = {one.index for one in explanation.present}
    return Row(
        sample=sample.name,
        category=sample.category,
        classes=sample.classes,
        good=_is_good(sample, prediction.photograph.engine.bundle.manifest.good),
        area=float(ground_truth.mask.mean()) if ground_truth else None,
        method=spec_of(outcome.method),
        target=explanation.target.index,
        predicted=explanation.predicted.index,
        right=not present.isdisjoint(sample.classes) if sample.classes else None,
        probability=explanation.target.probability,
        no_evidence=explanation.no_evidence,
        has_colour=seen.has_colour,
        score=seen.score,
        relative=seen.relative,
        levels=_levels(sample, ground_truth, seen),
        values={name: _finite(found.value) for name, found in results.items()},
        curves={
            name: found.curve
            for name, found in results.items()
            if found.curve and np.isfinite(found.curve).all()
        },
        passes=round(outcome.cost.passes),
        seconds=outcome.cost.seconds,
    )


def _is_good(sample: Sample, good: int | None) -> bool | None:
    """False where its class is known, and another one than that of good parts."""
    if sample.good:
        return True
    return False if good is not None and sample.classes and good not in sample.classes else None


def _levels(sample: Sample, ground_truth: GroundTruth | None, seen: Shown) -> Levels | None:
    if ground_truth is None and not sample.good:
        return None
    mask = None if ground_truth is None else ground_truth.mask
    return count_levels(seen.map, mask, seen.limit)


def _finite(value: float | None) -> float | None:
    """None for NaN and infinity: a mean over them would say nothing of the other samples."""
    return value if value is not None and math.isfinite(value) else None


def by_method(rows: Sequence[Row]) -> Mapping[str, dict[str, Row]]:
    """For each method, its rows by sample."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.sample] = row
    return found
