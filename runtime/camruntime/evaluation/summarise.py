"""From rows to the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from camruntime.bundle import Manifest
from camruntime.datasets import Dataset
from camruntime.evaluation.confusion import confusion_of
from camruntime.evaluation.good_parts import detections
from camruntime.evaluation.groups import groups_of
from camruntime.evaluation.headline import CENTRE, best_method, headline
from camruntime.evaluation.leading import leading_metrics
from camruntime.evaluation.one_method import is_baseline, summary_of
from camruntime.evaluation.row import Row, by_method
from camruntime.evaluation.summary import MethodSummary, Summary
from camruntime.metrics import Metric, MetricInfo, metric_spec


def summarise(
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    manifest: Manifest,
    provider: str,
    dataset: Dataset,
    failed: Sequence[str],
    choices: Sequence[str] = (),
    alpha: float | None = None,
) -> Summary:
    """Means, intervals, curves, what is no better than the centre Gaussian, and what it comes to.

    Args:
        rows: of all methods and samples, at least one.
        metrics: in the order of the table.
        manifest: the bundle's.
        provider: what computed.
        dataset: what was evaluated.
        failed: samples that could not be, one line each.
        choices: why these methods and metrics, a line each.
        alpha: of the calibration, where there is one.
    """
    methods = by_method(rows)
    first = {row.sample: row for row in rows}.values()
    known = [row.right for row in first if row.right is not None]
    specs = [metric_spec(metric) for metric in metrics]
    leading = leading_metrics(metrics, rows)
    found = _methods(methods, metrics, leading)
    best = best_method(found, leading[0] if leading else None)
    good = None if manifest.good is None else manifest.labels[manifest.good]
    things = _things(dataset, good)
    return Summary(
        model=manifest.model,
        layer=manifest.layer_names,
        weights=manifest.fingerprint,
        provider=provider,
        answer=manifest.answer,
        dataset=dataset.name,
        kind=dataset.kind,
        samples=len(first),
        accuracy=float(np.mean(known)) if known else None,
        probability=float(np.mean([row.probability for row in first])),
        failed=tuple(failed),
        metrics={metric_spec(metric): _with_options(metric) for metric in metrics},
        methods=found,
        headline=headline(found, methods, leading[0] if leading else None, things),
        leading=tuple(metric_spec(one) for one in leading),
        best=None if best is None else best.method,
        alpha=alpha,
        notes=dataset.notes,
        choices=tuple(choices),
        good=good,
        good_parts=sum(bool(row.good) for row in first),
        groups=groups_of(methods, specs),
        confusion=confusion_of(first, manifest.labels, manifest.good),
        detections=detections(_but_baselines(methods), good),
    )


def _things(dataset: Dataset, good: str | None) -> tuple[str, str]:
    """What is looked for, and in what: several samples may be of one picture."""
    pictures = len({sample.image for sample in dataset.samples})
    return (
        "object" if good is None else "defect",
        "pictures" if pictures == len(dataset.samples) else "samples",
    )


def _methods(
    methods: Mapping[str, Mapping[str, Row]], metrics: Sequence[Metric], leading: Sequence[Metric]
) -> tuple[MethodSummary, ...]:
    """Held against the centre where things are, if anybody says where; else in all metrics."""
    places = [one for one in leading if one.info.category == "localisation"]
    centre = methods.get(CENTRE, {})
    held = [metric for metric in metrics if metric in places or not places]
    return tuple(summary_of(name, mine, centre, metrics, held) for name, mine in methods.items())


def _but_baselines(methods: Mapping[str, Mapping[str, Row]]) -> dict[str, Mapping[str, Row]]:
    return {name: rows for name, rows in methods.items() if not is_baseline(name)}


def _with_options(metric: Metric) -> MetricInfo:
    """Two columns of one metric are told apart by its options."""
    options = metric_spec(metric).split(":")[1:]
    title = f"{metric.info.title} ({', '.join(options)})" if options else metric.info.title
    return replace(metric.info, title=title)
