"""From rows to the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from camruntime.bundle import Manifest
from camruntime.datasets import Dataset
from camruntime.evaluation.protocol import over_accuracy
from camruntime.evaluation.row import Row, by_method
from camruntime.evaluation.statistics import (
    mean_over_categories,
    mean_over_samples,
)
from camruntime.evaluation.summary import Curve, Estimate, MethodSummary, Summary
from camruntime.methods import BASELINES
from camruntime.metrics import Metric, MetricInfo, metric_spec

CENTRE = "centre-gaussian"


def summarise(
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    manifest: Manifest,
    provider: str,
    dataset: Dataset,
    failed: Sequence[str],
) -> Summary:
    """Means, intervals, curves, and what is no better than the centre Gaussian.

    Args:
        rows: of all methods and samples, at least one.
        metrics: in the order of the table.
        manifest: the bundle's.
        provider: what computed.
        dataset: what was evaluated.
        failed: samples that could not be, one line each.
    """
    methods = by_method(rows)
    first = {row.sample: row for row in rows}.values()
    known = [row.right for row in first if row.right is not None]
    centre = methods.get(CENTRE, {})
    found = tuple(_method(name, mine, centre, metrics) for name, mine in methods.items())
    return Summary(
        model=manifest.model,
        layer=manifest.layer.name,
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
    )


def _with_options(metric: Metric) -> MetricInfo:
    """Two columns of one metric are told apart by its options."""
    options = metric_spec(metric).split(":")[1:]
    title = f"{metric.info.title} ({', '.join(options)})" if options else metric.info.title
    return replace(metric.info, title=title)


def _method(
    name: str, rows: Mapping[str, Row], centre: Mapping[str, Row], metrics: Sequence[Metric]
) -> MethodSummary:
    mine = list(rows.values())
    found = {metric_spec(metric): _mean(mine, metric) for metric in metrics}
    weak = [metric_spec(one) for one in metrics if not _beats(one, rows, centre)]
    curves = _curves(mine, metrics)
    baseline = name.partition(":")[0] in BASELINES
    return MethodSummary(
        method=name,
        baseline=baseline,
        metrics={spec: one for spec, one in found.items() if one is not None},
        curves=curves,
        passes=float(np.mean([row.passes for row in mine])),
        seconds=float(np.mean([row.seconds for row in mine])),
        no_better_than_centre=() if baseline else tuple(weak),
        by_accuracy={spec: one for spec in curves if (one := over_accuracy(mine, spec))},
    )


def _mean(rows: Sequence[Row], metric: Metric) -> Estimate | None:
    pairs = [(row.values[metric_spec(metric)], row.category) for row in rows]
    known = [(value, category) for value, category in pairs if value is not None]
    if not known:
        return None
    values = np.array([value for value, _ in known], np.float64)
    if metric.info.by_category:
        return mean_over_categories(values, [category for _, category in known])
    return mean_over_samples(values)


def _beats(metric: Metric, rows: Mapping[str, Row], centre: Mapping[str, Row]) -> bool:
    """Whether the difference from the centre Gaussian, sample by sample, is clearly a good one."""
    spec, sign = metric_spec(metric), metric.info.sign
    differences = []
    for sample in rows.keys() & centre.keys():
        one, other = rows[sample].values[spec], centre[sample].values[spec]
        if one is not None and other is not None:
            differences.append(sign * (one - other))
    if sign == 0 or not differences:
        return True
    return mean_over_samples(np.sort(np.array(differences, np.float64))).low > 0


def _curves(rows: Sequence[Row], metrics: Sequence[Metric]) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for metric in metrics:
        spec = metric_spec(metric)
        ys = [row.curves[spec] for row in rows if spec in row.curves]
        if not ys:
            continue
        mean = np.mean(ys, axis=0)
        x = np.linspace(0, 1, len(mean))
        axis = metric.info.curve_axis or "share"
        curves[spec] = Curve(tuple(x.tolist()), tuple(mean.tolist()), axis, "probability")
    return curves
