"""What a column of the report's table holds besides its values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from camruntime.evaluation.summary import Estimate, MetricInfo, Summary

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
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
    """

    metric: str
    info: MetricInfo
    best: float | None
    count: int | None
    samples: int


def columns_of(summary: Summary) -> tuple[Column, ...]:
    """The table's columns in their order."""
    found = []
    for metric, info in summary.metrics.items():
        rows = [(m.baseline, present(m.metrics.get(metric))) for m in summary.methods]
        means = [estimate.mean for baseline, estimate in rows if estimate and not baseline]
        counts = {estimate.count for _, estimate in rows if estimate}
        count = counts.pop() if len(counts) == 1 else None
        found.append(Column(metric, info, _best(means, info), count, summary.samples))
    return tuple(found)


def present(estimate: Estimate | None) -> Estimate | None:
    """`estimate`, or None where it has no value to print."""
    return estimate if estimate is not None and math.isfinite(estimate.mean) else None


def heading(info: MetricInfo) -> str:
    """A metric's title as HTML, with its unit and the arrow of what is better."""
    marks = "&nbsp;".join(filter(None, (escape(info.unit), ARROWS[info.better])))
    return escape(info.title) + (f' <span class="unit">{marks}</span>' if marks else "")


def reading(info: MetricInfo) -> str:
    """What a metric says and which end of it is good, as HTML."""
    return escape(f"{info.description} {READING[info.better]}".strip())


def spec_html(spec: str) -> str:
    """A method's spec that may wrap between its options, and nowhere else."""
    parts = re.findall(r":?[^:]+|:", spec)
    return "<wbr>".join(f'<span class="part">{escape(part)}</span>' for part in parts)


def _best(means: Sequence[float], info: MetricInfo) -> float | None:
    if not means or info.better == "neither":
        return None
    return max(means) if info.better == "higher" else min(means)
