"""A summary as a table for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from camruntime.evaluation.summary import MethodSummary, MetricInfo, Summary

_COST = 22  # characters that passes and milliseconds take
_COLUMN = 15
_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}


def summary_table(summary: Summary, width: int) -> Table:
    """A row per method: means, and what one explanation costs.

    A dagger marks values that are no better than the centre Gaussian's. Metrics that do not fit in
    `width` characters are left to the report.
    """
    names = max(len(one.method) for one in summary.methods)
    shown = list(summary.metrics)[: max(1, (width - names - _COST) // _COLUMN)]
    more = len(summary.metrics) - len(shown)
    caption = f"{summary.samples} samples; † no better than the centre Gaussian"
    table = Table(
        Column("method", no_wrap=True),
        *(Column(_heading(summary.metrics[name]), justify="right") for name in shown),
        Column("passes", justify="right"),
        Column("ms", justify="right"),
        caption=f"{caption}; {more} more metrics in the report" if more else caption,
    )
    for one in summary.methods:
        cells = [_cell(one, name) for name in shown]
        cost = (f"{one.passes:.0f}", f"{1000 * one.seconds:.0f}")
        table.add_row(escape(one.method), *cells, *cost, style="dim" if one.baseline else None)
    return table


def _heading(info: MetricInfo) -> str:
    return f"{info.title}{_ARROWS[info.better]}"


def _cell(method: MethodSummary, name: str) -> str:
    if name not in method.metrics:
        return "-"
    return f"{method.metrics[name].mean:.1f}{'†' if name in method.no_better_than_centre else ''}"
