"""What stands at the top of the report: what was found, what was taken for what, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from camruntime.evaluation.findings import findings
from camruntime.evaluation.summary import Summary


def findings_html(summary: Summary) -> str:
    """Sentences, the first of them large; empty without any."""
    first, *others = [sentence(line) for line in findings(summary)] or [""]
    if not first:
        return ""
    return f'<p class="headline">{first}</p>{_list(others)}'


def notes_html(summary: Summary) -> str:
    """What is to be known of the data set, and why these methods and metrics."""
    notes = [sentence(line) for line in summary.notes]
    data = f'<div class="notes"><h2>About the data set</h2>{_list(notes)}</div>' if notes else ""
    choices = [sentence(line) for line in [*summary.choices, *_leading(summary)]]
    why = "<summary>Why these methods and metrics</summary>"
    return data + (f"<details>{why}{_list(choices)}</details>" if choices else "")


def sentence(line: str) -> str:
    """A line as HTML; what stands between backticks is what people type."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(line))


def _leading(summary: Summary) -> list[str]:
    """By which rule a metric leads."""
    if not summary.leading:
        return []
    first, *others = (summary.metrics[metric] for metric in summary.leading)
    ties = f"; ties by {', '.join(one.title for one in others)}" if others else ""
    if first.category == "localisation":
        why = "the data set says where things are, so the first metric of localisation leads"
    else:
        why = "the data set says nowhere where things are, so the first metric leads"
    return [f"{first.title} leads, and orders the pictures{ties}: {why}."]


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>" if lines else ""
