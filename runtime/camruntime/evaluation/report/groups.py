"""The report's tables by class and by size of the defect."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from camruntime.evaluation.inspection import Group
from camruntime.evaluation.report.columns import heading, spec_html
from camruntime.evaluation.report.numbers import MISSING, estimate_texts
from camruntime.evaluation.report.tables import Rows, cell, scrolling
from camruntime.evaluation.summary import Summary

TITLES = {"class": "By class", "size": "By size of the {thing}"}
SIZES = (
    "Sizes are tertiles of what is marked, as a share of the picture: a third of the samples is in "
    "each, but for equal ones."
)


def groups_section(summary: Summary) -> str:
    """A table for each metric that leads, the first one open; empty without groups."""
    if not summary.groups or not summary.leading:
        return ""
    first, *others = (_table(summary, metric) for metric in summary.leading)
    more = "".join(
        f"<details><summary>{heading(summary.metrics[metric])}</summary>{table}</details>"
        for metric, table in zip(summary.leading[1:], others, strict=True)
    )
    sized = any(group.kind == "size" for group in summary.groups)
    note = f'<p class="note">{SIZES}</p>' if sized else ""
    title = "Classes and sizes" if sized else "Classes"
    lead = f"<h3>{heading(summary.metrics[summary.leading[0]])}</h3>"
    return f'<section id="groups"><h2>{title}</h2>{lead}{first}{note}{more}</section>'


def _table(summary: Summary, metric: str) -> str:
    methods = [method.method for method in summary.methods]
    head = ["", "Samples", *map(spec_html, methods)]
    bodies = [
        (
            TITLES[kind].format(thing=summary.thing),
            _rows([one for one in summary.groups if one.kind == kind], metric, summary),
        )
        for kind in TITLES
        if any(one.kind == kind for one in summary.groups)
    ]
    return scrolling(f"By class and size: {escape(metric)}", head, bodies)


def _rows(groups: Sequence[Group], metric: str, summary: Summary) -> Rows:
    return [
        [
            escape(group.name),
            cell(f"{group.samples:,}"),
            *(_value(group, one.method, metric, summary) for one in summary.methods),
        ]
        for group in groups
    ]


def _value(group: Group, method: str, metric: str, summary: Summary) -> str:
    found = group.means.get(method, {}).get(metric)
    if found is None:
        return cell(MISSING, "missing")
    mean, interval = estimate_texts(found, summary.metrics[metric].unit)
    return cell(f'<span class="mean">{mean}</span><span class="interval">{interval}</span>')
