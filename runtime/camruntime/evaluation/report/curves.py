"""The report's charts: the curves, and what quality costs."""

from __future__ import annotations

import math
from html import escape

from camruntime.evaluation.estimates import Curve
from camruntime.evaluation.report.charts import Line, Point, Style, line_chart, scatter, styles
from camruntime.evaluation.report.columns import present
from camruntime.evaluation.summary import Summary


def curves_section(summary: Summary) -> str:
    """A chart for each curve that any method has; empty where none has."""
    looks = looks_of(summary)
    # A dict keeps the order of the first mention.
    titled: dict[str, dict[str, Curve]] = {}
    for method in summary.methods:
        for name, curve in method.curves.items():
            titled.setdefault(name, {})[method.method] = curve
            if name in method.by_accuracy:
                over = titled.setdefault(f"protocol: {name}", {})
                over[method.method] = method.by_accuracy[name].curve
    figures = "".join(_figure(title, curves, looks) for title, curves in titled.items())
    if not figures:
        return ""
    return f'<section id="curves"><h2>Curves</h2><div class="charts">{figures}</div></section>'


def cost_section(summary: Summary) -> str:
    """The first metric that can be good or bad, over forward passes; empty where there is none."""
    judged = (name for name, info in summary.metrics.items() if info.better != "neither")
    metric = next(judged, None)
    if metric is None:
        return ""
    info, looks = summary.metrics[metric], looks_of(summary)
    points = []
    for method in summary.methods:
        if estimate := present(method.metrics.get(metric)):
            mean, low, high = estimate.mean, estimate.low, estimate.high
            name = method.method
            points.append(Point(name, method.passes, mean, low, high, looks[name]))
    if not points:
        return ""
    unit = f", {info.unit}" if info.unit else ""
    chart = scatter(points, "Forward passes per explanation", f"{info.title}{unit} {info.arrow}")
    return (
        '<section id="cost"><h2>Quality and cost</h2><figure class="wide">'
        f"<figcaption>{escape(info.title)} with 95 % intervals. Methods of equal cost stand side "
        f"by side.</figcaption>{chart}</figure></section>"
    )


def looks_of(summary: Summary) -> dict[str, Style]:
    """How each method is drawn, in all charts."""
    return styles([(method.method, method.baseline) for method in summary.methods])


def _figure(name: str, curves: dict[str, Curve], looks: dict[str, Style]) -> str:
    lines = [Line(method, _points(curve), looks[method]) for method, curve in curves.items()]
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    title, first = escape(name[:1].upper() + name[1:]), next(iter(curves.values()))
    chart = line_chart(lines, first.x_name, first.y_name)
    return f"<figure><figcaption><h3>{title}</h3></figcaption>{chart}</figure>"


def _points(curve: Curve) -> tuple[tuple[float, float], ...]:
    pairs = zip(curve.x, curve.y, strict=True)
    return tuple(pair for pair in pairs if all(map(math.isfinite, pair)))
