"""The report's part about good parts and defects: colour, ROC, and per-region overlap."""

from __future__ import annotations

from html import escape

from camruntime.evaluation.estimates import Curve
from camruntime.evaluation.findings import NAME_GOOD, detection_line
from camruntime.evaluation.inspection import Detection
from camruntime.evaluation.report.charts import Line, Style, line_chart
from camruntime.evaluation.report.columns import spec_html
from camruntime.evaluation.report.curves import looks_of
from camruntime.evaluation.report.notes import sentence
from camruntime.evaluation.report.numbers import MISSING
from camruntime.evaluation.report.tables import cell, scrolling
from camruntime.evaluation.summary import MethodSummary, Summary

OVERLAP = (
    "Per-region overlap (PRO): the mean part of marked {thing}s that a map finds, over the share "
    "of good pixels that pass the same threshold, up to {limit:.0f} % of them; maps in 256 levels. "
    "What counts as good is all that is not marked."
)
RELATIVE = (
    "The scale is relative: every map is stretched to its own maximum, so a good part shows colour "
    "too. Calibrate with <code>camruntime calibrate</code>."
)
CALIBRATED = (
    "Colours begin at the calibration's threshold, and mean the same on every picture; baselines "
    "have none, and are relative."
)


def good_section(summary: Summary) -> str:
    """Empty where there is neither a good part nor a place."""
    if not summary.good_parts and not any(one.overlap for one in summary.methods):
        return ""
    body = "".join((_table(summary), _parts(summary), _detections(summary), _overlaps(summary)))
    return f'<section id="good"><h2>Good parts and defects</h2>{body}</section>'


def _parts(summary: Summary) -> str:
    if not summary.good_parts:
        return (
            ""
            if summary.good
            else f'<p class="note">{sentence(NAME_GOOD)}</p>' * bool(_overlaps(summary))
        )
    known = [one.coloured for one in summary.methods if one.coloured and not one.baseline]
    if any(one.relative for one in known):
        return f'<p class="note">{RELATIVE}</p>'
    return f'<p class="note">{CALIBRATED}</p>' if known else ""


def _table(summary: Summary) -> str:
    rows = [
        [spec_html(one.method), *map(cell, _coloured(one)), cell(_area(one))]
        for one in summary.methods
    ]
    head = ["Method", "Good parts with colour", "Defects with colour", "PRO \N{UPWARDS ARROW}"]
    return scrolling("Good parts and defects", head, [("", rows)])


def _coloured(method: MethodSummary) -> tuple[str, str]:
    found = method.coloured
    if found is None:
        return MISSING, MISSING
    defects = f"{found.defects:,} of {found.of_defects:,}" if found.of_defects else MISSING
    return f"{found.count:,} of {found.of:,}", defects


def _area(method: MethodSummary) -> str:
    return MISSING if method.overlap is None else f"{method.overlap.area:.3f}"


def _detections(summary: Summary) -> str:
    if not summary.detections:
        return ""
    looks = looks_of(summary)
    plain = Style("c0", "")
    lines = [
        Line(one.scored, _points(one.curve), looks.get(one.scored, plain))
        for one in summary.detections
    ]
    curve = summary.detections[0].curve
    chart = line_chart(lines, curve.x_name, curve.y_name)
    said = "".join(f"<p>{sentence(detection_line(one))}.</p>" for one in summary.detections)
    return (
        f"<h3>Are defects told from good parts (ROC)?</h3>{said}{_rates(summary)}"
        f'<div class="charts"><figure>{chart}</figure></div>'
    )


def _rates(summary: Summary) -> str:
    head = [
        "Score",
        "Area",
        *(f"{_percent(one.at_most)} false alarms" for one in summary.detections[0].found),
    ]
    rows = [
        [escape(one.scored), cell(f"{one.area:.3f}"), *_found(one)] for one in summary.detections
    ]
    return scrolling("Defects found at rates of false alarms", head, [("", rows)])


def _found(one: Detection) -> list[str]:
    return [cell(f"{at.defects:,} of {one.defects:,}") for at in one.found]


def _percent(rate: float) -> str:
    return f"at most {100 * rate:.0f} %" if rate else "no"


def _overlaps(summary: Summary) -> str:
    known = [(one.method, one.overlap) for one in summary.methods if one.overlap]
    if not known:
        return ""
    looks, (_, first) = looks_of(summary), known[0]
    lines = [Line(name, _points(found.curve), looks[name]) for name, found in known]
    chart = line_chart(lines, first.curve.x_name, first.curve.y_name)
    note = OVERLAP.format(limit=100 * first.limit, thing=summary.thing)
    return (
        f'<h3>How much of the {summary.thing}s is found (PRO)?</h3><p class="note">{note}</p>'
        f'<div class="charts"><figure>{chart}</figure></div>'
    )


def _points(curve: Curve) -> tuple[tuple[float, float], ...]:
    return tuple(zip(curve.x, curve.y, strict=True))
