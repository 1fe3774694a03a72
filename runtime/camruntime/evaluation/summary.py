"""The result of an evaluation: means with intervals, curves, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camruntime.bundle import Answer
from camruntime.metrics import MetricInfo

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Estimate:
    """A mean over samples, and its 95 percent bootstrap interval.

    Attributes:
        mean, low, high: in the metric's unit.
        count: of the samples that have a value.
    """

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Curve:
    """A mean curve, such as probability over the share of revealed pixels."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_name: str
    y_name: str


@dataclass(frozen=True)
class ByAccuracy:
    """A metric of right predictions over the network's accuracy in their category.

    Attributes:
        area: under the curve, over the accuracies that it spans.
        curve: the metric's mean by accuracy.
    """

    area: Estimate
    curve: Curve


@dataclass(frozen=True, kw_only=True)
class MethodSummary:
    """One method on the whole data set.

    Attributes:
        method: its spec.
        baseline: whether it is a baseline that looks at no network.
        metrics: by metric's name; one without any value is absent.
        curves: of the metrics that have one, by metric's name.
        by_accuracy: of the same metrics, where classes are known: Decom-CAM's protocol.
        passes: forward passes of the network per explanation, mean; a gradient counts as one.
        seconds: per explanation, mean.
        no_better_than_centre: metrics in which it does not beat the centre Gaussian: its mean
            difference from it, sample by sample, has an interval that reaches zero.
    """

    method: str
    baseline: bool
    metrics: Mapping[str, Estimate]
    curves: Mapping[str, Curve]
    passes: float
    seconds: float
    no_better_than_centre: tuple[str, ...] = ()
    by_accuracy: Mapping[str, ByAccuracy] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that `summary.json` holds.

    Attributes:
        model, layer, weights: the network, its target layer, and `Manifest.fingerprint`.
        provider: what computed it.
        answer: what the network's logits mean.
        dataset, kind: name and layout of the data set.
        samples: number of samples that were evaluated.
        accuracy: share of them that the network classifies rightly, see `Row.right`; None where no
            class is known.
        probability: mean of the explained class's, on the pictures themselves.
        failed: those that could not be, one line each.
        metrics: how each metric is read, in the order of the table's columns.
        methods: in the order of the table's rows.
    """

    schema_version: int = SCHEMA_VERSION
    model: str
    layer: str
    weights: str
    provider: str
    answer: Answer
    dataset: str
    kind: str
    samples: int
    accuracy: float | None
    probability: float
    failed: tuple[str, ...]
    metrics: Mapping[str, MetricInfo]
    methods: tuple[MethodSummary, ...]
