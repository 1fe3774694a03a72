"""One method on the whole data set, from its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from camruntime.evaluation.estimates import Curve, Estimate
from camruntime.evaluation.good_parts import coloured, overlap
from camruntime.evaluation.protocol import over_accuracy
from camruntime.evaluation.row import Row
from camruntime.evaluation.statistics import mean_over_categories, mean_over_samples
from camruntime.evaluation.summary import MethodSummary
from camruntime.methods import BASELINES
from camruntime.metrics import Metric, metric_spec


def is_baseline(method: str) -> bool:
    """Whether a method looks at no network."""
    return method.partition(":")[0] in BASELINES


def summary_of(
    name: str,
    rows: Mapping[str, Row],
    centre: Mapping[str, Row],
    metrics: Sequence[Metric],
    held: Sequence[Metric],
) -> MethodSummary:
    """Means, curves and costs.

    Args:
        name: of the method.
        rows: its own, by sample.
        centre: those of the centre Gaussian.
        metrics: that were measured.
        held: those in which it is held against the centre Gaussian.
    """
    mine = list(rows.values())
    found = {metric_spec(metric): _mean(mine, metric) for metric in metrics}
    weak = [metric_spec(one) for one in held if not _beats(one, rows, centre)]
    curves = _curves(mine, metrics)
    baseline = is_baseline(name)
    return MethodSummary(
        method=name,
        baseline=baseline,
        metrics={spec: one for spec, one in found.items() if one is not None},
        curves=curves,
        passes=float(np.mean([row.passes for row in mine])),
        seconds=float(np.mean([row.seconds for row in mine])),
        no_better_than_centre=() if baseline else tuple(weak),
        by_accuracy={spec: one for spec in curves if (one := over_accuracy(mine, spec))},
        coloured=coloured(mine),
        overlap=overlap(mine),
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
