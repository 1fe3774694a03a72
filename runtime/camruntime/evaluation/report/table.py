"""The report's table: a row per method, a column per metric, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from camruntime.evaluation.estimates import Estimate
from camruntime.evaluation.report.columns import Column, columns_of, heading, reading, spec_html
from camruntime.evaluation.report.numbers import MISSING, estimate_texts, passes_text, seconds_text
from camruntime.evaluation.summary import MethodSummary, Summary

FIRST = {"higher": "descending", "lower": "ascending", "neither": "descending"}
COSTS = (
    (
        "Passes",
        "Forward passes of the network per explanation, mean; a gradient counts as one, copies of "
        "activations, which go through the tail alone, do not count.",
    ),
    ("Seconds", "Seconds per explanation, mean."),
)
WEAK = (
    "No better than the centre Gaussian: its mean difference from it, sample by sample, has a "
    "95 % interval that reaches zero."
)


def table_section(summary: Summary) -> str:
    """The table in a box that scrolls, with notes and a legend beneath."""
    columns = columns_of(summary)
    groups = [[m for m in summary.methods if m.baseline is baseline] for baseline in (False, True)]
    bodies = "".join(_body(columns, group) for group in groups if group)
    return (
        '<section id="results"><h2>Results</h2>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Results">'
        f'<table class="results">{_head(columns)}{bodies}</table></div>'
        f"{_notes(summary)}{_legend(columns)}</section>"
    )


def _head(columns: Sequence[Column]) -> str:
    metrics = "".join(map(_column_head, columns))
    costs = "".join(
        f'<th scope="col" data-first="ascending" title="{tip}">{title}</th>' for title, tip in COSTS
    )
    method = '<th scope="col" data-first="ascending">Method</th>'
    return f"<thead><tr>{method}{metrics}{costs}</tr></thead>"


def _column_head(column: Column) -> str:
    info = column.info
    tip = f"{escape(info.title)}: {reading(info)}"
    shared = column.count if column.count != column.samples else None
    count = _count(shared) if shared else ""
    first = FIRST[info.better]
    return f'<th scope="col" data-first="{first}" title="{tip}">{heading(info)}{count}</th>'


def _body(columns: Sequence[Column], methods: Sequence[MethodSummary]) -> str:
    rows = "".join(_row(columns, method) for method in methods)
    if not methods[0].baseline:
        return f"<tbody>{rows}</tbody>"
    # Its title in a body of its own: sorting leaves it where it is.
    width = len(columns) + 1 + len(COSTS)
    title = f'<tr><th colspan="{width}" scope="rowgroup"><span>Baselines</span></th></tr>'
    return f'<tbody class="group">{title}</tbody><tbody class="baselines">{rows}</tbody>'


def _row(columns: Sequence[Column], method: MethodSummary) -> str:
    costs = ((method.passes, passes_text), (method.seconds, seconds_text))
    spec = f'<th scope="row" data-value="{escape(method.method)}">{spec_html(method.method)}</th>'
    cells = "".join(_cell(column, method) for column in columns)
    ends = "".join(f'<td data-value="{cost}">{escape(text(cost))}</td>' for cost, text in costs)
    return f"<tr>{spec}{cells}{ends}</tr>"


def _cell(column: Column, method: MethodSummary) -> str:
    estimate = column.estimate(method)
    if estimate is None:
        return f'<td class="missing">{MISSING}</td>'
    best = not method.baseline and estimate.mean == column.best
    weak = not column.by_accuracy and column.metric in method.no_better_than_centre
    names = " ".join(name for name, holds in (("best", best), ("weak", weak)) if holds)
    kind = f' class="{names}"' if names else ""
    tip, count = _fewer(column, estimate)
    mean, interval = estimate_texts(estimate, column.info.unit)
    mark = f'<sup title="{WEAK}">†</sup>' if weak else ""
    return (
        f'<td data-value="{estimate.mean}"{kind}{tip}><span class="mean">{mean}{mark}</span>'
        f'<span class="interval">{interval}</span>{count}</td>'
    )


def _fewer(column: Column, estimate: Estimate) -> tuple[str, str]:
    """A tooltip and a line that tell of samples without a value; the line unless the head does."""
    if estimate.count == column.samples:
        return "", ""
    tip = f' title="{estimate.count:,} of {column.samples:,} samples have a value"'
    return tip, "" if column.count else _count(estimate.count)


def _count(count: int) -> str:
    return f'<span class="count">n&nbsp;=&nbsp;{count:,}</span>'


def _notes(summary: Summary) -> str:
    notes = ["Means over samples, with 95 % bootstrap intervals; best method of a column in bold."]
    if any(set(m.no_better_than_centre) & set(m.metrics) for m in summary.methods):
        notes.append(f"† {WEAK}")
    return "".join(f'<p class="note">{note}</p>' for note in notes)


def _legend(columns: Sequence[Column]) -> str:
    metrics = [(heading(column.info), reading(column.info)) for column in columns]
    entries = "".join(f"<dt>{title}</dt><dd>{text}</dd>" for title, text in [*metrics, *COSTS])
    return f"<details><summary>What the columns say</summary><dl>{entries}</dl></details>"
