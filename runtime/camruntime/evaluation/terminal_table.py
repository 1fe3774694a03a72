"""A summary as a table for the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from camruntime.evaluation.report import Column as ReportColumn
from camruntime.evaluation.report import columns_of
from camruntime.evaluation.summary import MethodSummary, Summary
from camruntime.metrics import MetricInfo

_COST = 22  # characters that passes and milliseconds take
_COLUMN = 15


def summary_table(summary: Summary, width: int) -> Table:
    """A row per method: means, and what one explanation costs.

    A dagger marks values that are no better than the centre Gaussian's. Metrics that do not fit in
    `width` characters are left to the report.
    """
    names = max(len(one.method) for one in summary.methods)
    columns = columns_of(summary)
    shown = columns[: max(1, (width - names - _COST) // _COLUMN)]
    more = len(columns) - len(shown)
    caption = f"{summary.samples} samples; † no better than the centre Gaussian"
    table = Table(
        Column("method", no_wrap=True),
        *(Column(_heading(one.info), justify="right") for one in shown),
        Column("passes", justify="right"),
        Column("ms", justify="right"),
        caption=f"{caption}; {more} more metrics in the report" if more else caption,
    )
    for one in summary.methods:
        cells = [_cell(one, column) for column in shown]
        cost = (f"{one.passes:.0f}", f"{1000 * one.seconds:.0f}")
        table.add_row(escape(one.method), *cells, *cost, style="dim" if one.baseline else None)
    return table


def _heading(info: MetricInfo) -> str:
    return f"{info.title} {info.arrow}".rstrip()


def _cell(method: MethodSummary, column: ReportColumn) -> str:
    estimate = column.estimate(method)
    if estimate is None:
        return "-"
    weak = not column.by_accuracy and column.metric in method.no_better_than_centre
    return f"{estimate.mean:.1f}{'†' if weak else ''}"
