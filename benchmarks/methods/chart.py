"""Quality against cost, from the evaluations that `benchmarks/results` made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of its backend
from results.reading import summary_of
from results.reversals import ALIKE


class Panel(NamedTuple):
    """One evaluation and the metric that is drawn of it, of which more is better."""

    run: str
    title: str
    metric: str
    axis: str


class Dot(NamedTuple):
    """A method: what it costs and how good it is."""

    passes: float
    value: float
    name: str


PANELS = (
    Panel(
        "mobilenet_v2-imagenet",
        "Photographs (MobileNetV2)",
        "insertion-deletion",
        "insertion - deletion, percent",
    ),
    Panel(
        "inspector-defects",
        "Defects (inspector)",
        "energy-pointing-game:shape=mask",
        "saliency inside the defect, percent",
    ),
)
_COST = "passes and gradients (tails, as of Ablation-CAM and Recipro-CAM, are not counted)"
_APART = 1.6  # columns of labels: dots that cost more than so many times the one before
_HEIGHT = 0.027  # of a label, as a part of the axis


def draw(results: Path, place: Path) -> None:
    """Write the chart of the evaluations in `results` to `place`, a PNG."""
    figure, axes = plt.subplots(len(PANELS), 1, figsize=(11, 6.2 * len(PANELS)))
    for panel, axis in zip(PANELS, axes, strict=True):
        _draw_panel(axis, panel, dots(results / panel.run, panel.metric))
    figure.tight_layout()
    figure.savefig(place, dpi=100)
    plt.close(figure)


def dots(folder: Path, metric: str) -> list[Dot]:
    """The methods of an evaluation, without its baselines."""
    return [
        Dot(max(1, one["passes"]), one["metrics"][metric]["mean"], one["method"])
        for one in summary_of(folder)["methods"]
        if metric in one["metrics"] and not one["baseline"]
    ]


def front(found: Sequence[Dot]) -> list[Dot]:
    """Those that beat all that cost less, and that none of the same cost beats; the cheapest first.

    By more than rounding: on networks with average pooling several methods are one and the same.
    """
    return [
        dot
        for dot in sorted(found)
        if all(dot.value > one.value + ALIKE for one in found if one.passes < dot.passes)
        and all(dot.value > one.value - ALIKE for one in found if one.passes == dot.passes)
    ]


def spread(values: Sequence[float], step: float, highest: float) -> list[float]:
    """Rising places at least `step` apart, none above `highest`, near the rising values."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + step) if places else value)
    for row in reversed(range(len(places))):
        places[row] = min(places[row], highest - step * (len(places) - 1 - row))
    return places


def _draw_panel(axis: Any, panel: Panel, found: list[Dot]) -> None:
    leading = front(found)
    axis.set(xscale="log", title=panel.title, xlabel=_COST, ylabel=panel.axis)
    axis.grid(visible=True, linewidth=0.3)
    axis.step(*_places(leading), where="post", color="tab:orange", linewidth=1)
    axis.plot(*_places(found), "o", color="tab:blue", markersize=4)
    axis.set_xlim(0.12, 5 * max(dot.passes for dot in found))
    low, high = axis.get_ylim()
    for column in _columns(found):
        heights = spread([dot.value for dot in column], _HEIGHT * (high - low), high)
        left = column[0].passes <= 1
        beside = max(dot.passes for dot in column) * (0.85 if left else 1.15)
        for dot, height in zip(column, heights, strict=True):
            axis.annotate(
                dot.name,
                (dot.passes, dot.value),
                (beside, height),
                ha="right" if left else "left",
                va="center",
                fontsize=7,
                weight="bold" if dot in leading else "normal",
                arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": "grey"},
            )


def _places(found: Sequence[Dot]) -> tuple[list[float], list[float]]:
    return [dot.passes for dot in found], [dot.value for dot in found]


def _columns(found: Sequence[Dot]) -> list[list[Dot]]:
    """Dots whose labels stand below each other, from the lowest up."""
    columns: list[list[Dot]] = []
    before = 0.0
    for dot in sorted(found, key=lambda one: one.passes):
        if dot.passes > _APART * before:
            columns.append([])
        columns[-1].append(dot)
        before = dot.passes
    return [sorted(column, key=lambda one: one.value) for column in columns]
