"""Line charts and scatter plots as SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from camruntime.evaluation.report.axes import Frame, Scale, log_ticks, nice_ticks, x_axis, y_axis
from camruntime.evaluation.report.labels import place_labels

COLOURS = 7  # --series-0 ... in report.css, safe for colour-blind readers
DASHES = ("", "7 3", "2 3", "9 3 2 3")
ROW = 17  # height of a legend's line in pixels
LONGEST = 25  # characters of a name in a legend


@dataclass(frozen=True)
class Style:
    """How a method is drawn in every chart.

    Attributes:
        colour: class of the style sheet, `c0` ... or `base`.
        dash: SVG's stroke-dasharray; empty for a solid line.
    """

    colour: str
    dash: str


@dataclass(frozen=True)
class Line:
    """A named curve through `points`, pairs of finite x and y."""

    name: str
    points: tuple[tuple[float, float], ...]
    style: Style


@dataclass(frozen=True)
class Point:
    """A named value `y` in its interval, at cost `x` (0 or more)."""

    name: str
    x: float
    y: float
    low: float
    high: float
    style: Style


def styles(methods: Sequence[tuple[str, bool]]) -> dict[str, Style]:
    """A style for each pair of a method's name and whether it is a baseline.

    Colours first, then the same colours with dashes; baselines are grey and dashed.
    """
    found = {}
    counts = {False: 0, True: 0}
    for name, baseline in methods:
        index = counts[baseline]
        counts[baseline] += 1
        dashes = DASHES[1:] if baseline else DASHES
        turn = index if baseline else index // COLOURS
        colour = "base" if baseline else f"c{index % COLOURS}"
        found[name] = Style(colour, dashes[turn % len(dashes)])
    return found


def line_chart(lines: Sequence[Line], x_name: str, y_name: str) -> str:
    """An SVG of `lines`, their names to the right from the highest line to the lowest."""
    frame = Frame(48, 34, 468, 34 + max(290, ROW * len(lines)))
    points = [point for line in lines for point in line.points]
    x_ticks = nice_ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = nice_ticks(min(0.0, *(y for _, y in points)), max(y for _, y in points))
    across = Scale(x_ticks[0], x_ticks[-1], frame.left, frame.right)
    up = Scale(y_ticks[0], y_ticks[-1], frame.bottom, frame.top)
    ranked = sorted(lines, key=_height, reverse=True)
    # Grey baselines are drawn first, beneath the methods.
    order = sorted(range(len(ranked)), key=lambda rank: ranked[rank].style.colour != "base")
    drawn = (_series(ranked[rank], rank, frame, across, up) for rank in order)
    axes = y_axis(frame, y_ticks, up, y_name) + x_axis(frame, x_ticks, across, x_name)
    label = f"{y_name} over {x_name}: {', '.join(line.name for line in ranked)}"
    return _svg(704, frame.bottom + 46, axes + "".join(drawn), label)


def scatter(points: Sequence[Point], x_name: str, y_name: str) -> str:
    """An SVG of `points` over a logarithmic cost; those of cost 0 stand left of it, at a 0."""
    frame = Frame(48, 34, 924, 404)
    y_ticks = nice_ticks(min(p.low for p in points), max(p.high for p in points))
    up = Scale(y_ticks[0], y_ticks[-1], frame.bottom, frame.top)
    free = [p for p in points if p.x <= 0]
    costs = [p.x for p in points if p.x > 0] or [1.0]
    low, high = min(1.0, *costs), max(10.0, *costs)
    zero = frame.left + 30
    across = Scale(low, high, zero + 150 if free else zero, frame.right - 195, log=True)

    def place(x: float) -> float:
        return across(x) if x > 0 else zero

    x_ticks = (*((0.0,) if free else ()), *log_ticks(low, high))
    centres = _side_by_side([(place(p.x), up(p.y)) for p in points])
    labels = place_labels(centres, [p.name for p in points], frame)
    drawn = (
        _mark(point, centre, label, up)
        for point, centre, label in zip(points, centres, labels, strict=True)
    )
    axes = y_axis(frame, y_ticks, up, y_name) + x_axis(frame, x_ticks, place, x_name)
    return _svg(940, frame.bottom + 46, axes + "".join(drawn), f"{y_name} over {x_name}")


def line_path(line: Line, across: Scale, up: Scale) -> str:
    """The `d` attribute of a path through the line's points."""
    return "M" + "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in line.points)


def _series(line: Line, rank: int, frame: Frame, across: Scale, up: Scale) -> str:
    path, name, y = line_path(line, across, up), escape(line.name), frame.top + 6 + ROW * rank
    dash = f' stroke-dasharray="{line.style.dash}"' if line.style.dash else ""
    left = frame.right + 16
    # The wide, invisible paths are what a pointer meets.
    return (
        f'<g class="series {line.style.colour}"><title>{name}</title>'
        f'<path class="hit" d="{path}"/><path class="line" d="{path}"{dash}/>'
        f'<path class="hit wide" d="M{left:g} {y:g}h205"/>'
        f'<path class="line" d="M{left:g} {y:g}h24"{dash}/>'
        f'<text x="{left + 31:g}" y="{y + 4:g}">{escape(_short(line.name))}</text></g>'
    )


def _mark(point: Point, centre: tuple[float, float], label: tuple[float, float], up: Scale) -> str:
    (x, y), (text_x, text_y) = centre, label
    return (
        f'<g class="series {point.style.colour}"><title>{escape(point.name)}</title>'
        f'<path class="leader" d="M{x:.1f} {y:.1f}L{text_x - 3:.1f} {text_y:.1f}"/>'
        f'<path class="whisker" d="M{x:.1f} {up(point.low):.1f}V{up(point.high):.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
        f'<text x="{text_x:.1f}" y="{text_y + 4:.1f}">{escape(_short(point.name))}</text></g>'
    )


def _side_by_side(centres: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points of one cost moved apart by 8 pixels, lest their intervals cover each other."""
    columns: dict[float, list[int]] = {}
    for index in sorted(range(len(centres)), key=lambda index: centres[index]):
        columns.setdefault(round(centres[index][0], 1), []).append(index)
    shifts = {
        index: 8 * (place - (len(column) - 1) / 2)
        for column in columns.values()
        for place, index in enumerate(column)
    }
    return [(x + shifts[index], y) for index, (x, y) in enumerate(centres)]


def _height(line: Line) -> float:
    """Mean of y over x, by trapezoids."""
    pairs = zip(line.points, line.points[1:], strict=False)
    area = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairs)
    return area / ((line.points[-1][0] - line.points[0][0]) or 1.0)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _svg(width: float, height: float, content: str, label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(label)}">{content}</svg>'
    )
