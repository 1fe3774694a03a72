"""What a column of the report's table holds besides its values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from camruntime.evaluation.estimates import Estimate
from camruntime.evaluation.summary import MethodSummary, Summary
from camruntime.metrics import MetricInfo

READING = {"higher": "Higher is better.", "lower": "Lower is better.", "neither": ""}


@dataclass(frozen=True)
class Column:
    """A metric in the table.

    Attributes:
        metric: its name in the summary.
        info: how it is read.
        best: the best mean among methods that are no baselines; None where nothing is better.
        count: of samples that have a value, where it is the same in the whole column, else None.
        samples: of the data set.
        by_accuracy: it holds areas over the network's accuracy, not means over samples.
    """

    metric: str
    info: MetricInfo
    best: float | None
    count: int | None
    samples: int
    by_accuracy: bool = False

    def estimate(self, method: MethodSummary) -> Estimate | None:
        """The method's value in this column; None where there is none to print."""
        return _estimate(method, self.metric, self.by_accuracy)


def columns_of(summary: Summary) -> tuple[Column, ...]:
    """The table's columns in their order: the metrics, then what some are by accuracy."""
    plain = [_column(summary, metric, info) for metric, info in summary.metrics.items()]
    by_accuracy = [
        _column(summary, metric, _of_right_predictions(info), by_accuracy=True)
        for metric, info in summary.metrics.items()
        if any(metric in method.by_accuracy for method in summary.methods)
    ]
    return (*plain, *by_accuracy)


def present(estimate: Estimate | None) -> Estimate | None:
    """`estimate`, or None where it has no value to print."""
    return estimate if estimate is not None and math.isfinite(estimate.mean) else None


def heading(info: MetricInfo) -> str:
    """A metric's title as HTML, with its unit and the arrow of what is better."""
    marks = "&nbsp;".join(filter(None, (escape(info.unit), info.arrow)))
    return escape(info.title) + (f' <span class="unit">{marks}</span>' if marks else "")


def reading(info: MetricInfo) -> str:
    """What a metric says and which end of it is good, as HTML."""
    return escape(f"{info.description.rstrip('.')}. {READING[info.better]}".strip())


def spec_html(spec: str) -> str:
    """A method's spec that may wrap between its options, and nowhere else."""
    parts = re.findall(r":?[^:]+|:", spec)
    return "<wbr>".join(f'<span class="part">{escape(part)}</span>' for part in parts)


def _column(summary: Summary, metric: str, info: MetricInfo, by_accuracy: bool = False) -> Column:
    rows = [(one.baseline, _estimate(one, metric, by_accuracy)) for one in summary.methods]
    means = [estimate.mean for baseline, estimate in rows if estimate and not baseline]
    counts = {estimate.count for _, estimate in rows if estimate}
    count = counts.pop() if len(counts) == 1 else None
    return Column(metric, info, _best(means, info), count, summary.samples, by_accuracy)


def _estimate(method: MethodSummary, metric: str, by_accuracy: bool) -> Estimate | None:
    if not by_accuracy:
        return present(method.metrics.get(metric))
    found = method.by_accuracy.get(metric)
    return present(found.area) if found else None


def _of_right_predictions(info: MetricInfo) -> MetricInfo:
    return replace(
        info,
        title=f"{info.title} by accuracy",
        description=f"{info.title} of right predictions, area over the accuracy in their category",
    )


def _best(means: Sequence[float], info: MetricInfo) -> float | None:
    if not means or info.better == "neither":
        return None
    return max(means) if info.better == "higher" else min(means)
