"""One explanation of one sample, measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from camruntime.datasets import Sample
from camruntime.explaining import Outcome
from camruntime.methods import spec_of
from camruntime.metrics import Case, Metric, metric_spec


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the results.

    Attributes:
        sample, category: see `Sample`.
        method: its spec.
        target, predicted: indices of the class that is explained, and of the network's top class.
        right: whether the network's top class is one of the sample's, or, where classes are by
            themselves, one of the sample's is there; None where the sample has none.
        probability: the target's, on the picture itself.
        no_evidence: the map shows nothing.
        values: by metric's spec; None where it has no meaning, or is no finite number.
        curves: of the metrics that have one, where it is finite.
        passes, seconds: what the explanation cost, with the plain pass.
    """

    sample: str
    category: str
    method: str
    target: int
    predicted: int
    right: bool | None
    probability: float
    no_evidence: bool
    values: dict[str, float | None]
    curves: dict[str, tuple[float, ...]]
    passes: int
    seconds: float

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart."""
        return self.sample, self.method


def measured(sample: Sample, outcome: Outcome, metrics: Sequence[Metric]) -> Row:
    """Everything that is kept of an explanation; its one target is the sample's class."""
    prediction, (explanation,) = outcome.prediction, outcome.explanations
    height, width = prediction.photograph.picture.shape[:2]
    case = Case(
        graphs=prediction.graphs,
        forward=prediction.forward,
        method=outcome.method,
        target=explanation.target.index,
        saliency=explanation.saliency,
        photo_saliency=explanation.photo_saliency,
        ground_truth=sample.locate((height, width)) if sample.locate else None,
    )
    results = {metric_spec(metric): case.measure(metric) for metric in metrics}
    present = {one.index for one in explanation.present}
    return Row(
        sample=sample.name,
        category=sample.category,
        method=spec_of(outcome.method),
        target=explanation.target.index,
        predicted=explanation.predicted.index,
        right=not present.isdisjoint(sample.classes) if sample.classes else None,
        probability=explanation.target.probability,
        no_evidence=explanation.no_evidence,
        values={name: _finite(found.value) for name, found in results.items()},
        curves={
            name: found.curve
            for name, found in results.items()
            if found.curve and np.isfinite(found.curve).all()
        },
        passes=round(outcome.cost.passes),
        seconds=outcome.cost.seconds,
    )


def _finite(value: float | None) -> float | None:
    """None for NaN and infinity: a mean over them would say nothing of the other samples."""
    return value if value is not None and math.isfinite(value) else None


def by_method(rows: Sequence[Row]) -> Mapping[str, dict[str, Row]]:
    """For each method, its rows by sample."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.sample] = row
    return found
