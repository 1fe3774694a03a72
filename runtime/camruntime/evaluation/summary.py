"""The result of an evaluation: means with intervals, curves, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from camruntime.bundle import Answer
from camruntime.evaluation.estimates import ByAccuracy, Curve, Estimate
from camruntime.evaluation.inspection import Coloured, Confusion, Detection, Group, Overlap
from camruntime.metrics import MetricInfo

SCHEMA_VERSION = 3


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
            difference from it, sample by sample, has an interval that reaches zero. Where places
            are known, of localisation alone: elsewhere a blot in the middle often does well.
        coloured: good parts that show colour; None without a good part.
        overlap: per-region overlap; None where no place is known.
    """

    method: str
    baseline: bool
    metrics: Mapping[str, Estimate]
    curves: Mapping[str, Curve]
    passes: float
    seconds: float
    no_better_than_centre: tuple[str, ...] = ()
    by_accuracy: Mapping[str, ByAccuracy] = field(default_factory=dict)
    coloured: Coloured | None = None
    overlap: Overlap | None = None


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
        headline: what was found, in a sentence.
        leading: the metric that leads, and those that break its ties; see `leading.py`.
        best: the method that is best in it; None without any.
        notes: what was taken for what in the data set, and what the network lacks; a line each.
        choices: why these methods and metrics were measured, where nobody chose them.
        good: label of the class of good parts; None where the bundle names none.
        good_parts: number of samples that are good.
        groups: by class, by size of the defect.
        confusion: None where no class is known.
        detections: defects told from good parts; empty where there are not both.
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
    headline: str = ""
    leading: tuple[str, ...] = ()
    best: str | None = None
    notes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    good: str | None = None
    good_parts: int = 0
    groups: tuple[Group, ...] = ()
    confusion: Confusion | None = None
    detections: tuple[Detection, ...] = ()

    @property
    def thing(self) -> str:
        """What is looked for: without a class of good parts nobody speaks of defects."""
        return "object" if self.good is None else "defect"
