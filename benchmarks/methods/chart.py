"""Quality against cost, from the evaluations that `benchmarks/results` made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of its backend


@dataclass(frozen=True)
class Panel:
    """One evaluation and the metric that is drawn of it."""

    run: str
    title: str
    metric: str
    axis: str


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


def draw(results: Path, place: Path) -> None:
    """Write the chart of the evaluations in `results` to `place`, a PNG."""
    figure, axes = plt.subplots(1, len(PANELS), figsize=(6.5 * len(PANELS), 5.5))
    for panel, axis in zip(PANELS, axes, strict=True):
        summary = json.loads((results / panel.run / "summary.json").read_text(encoding="utf-8"))
        _draw_panel(axis, panel, [one for one in summary["methods"] if not one["baseline"]])
    figure.tight_layout()
    figure.savefig(place, dpi=110)
    plt.close(figure)


def _draw_panel(axis: Any, panel: Panel, methods: list[dict[str, Any]]) -> None:
    for one in methods:
        if panel.metric in one["metrics"]:
            value, passes = one["metrics"][panel.metric]["mean"], max(1, one["passes"])
            axis.plot(passes, value, "o", color="tab:blue", markersize=4)
            axis.annotate(
                one["method"], (passes, value), (4, 2), textcoords="offset points", fontsize=6
            )
    axis.set(xscale="log", title=panel.title, xlabel="passes and gradients", ylabel=panel.axis)
    axis.grid(visible=True, linewidth=0.3)
