"""The chart of quality against cost, of evaluations that are written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from methods.chart import PANELS, Dot, dots, draw, front, spread


def _method(name: str, passes: int, value: float, **more: object) -> dict[str, Any]:
    metrics = {panel.metric: {"mean": value} for panel in PANELS}
    return {"method": name, "passes": passes, "baseline": False, "metrics": metrics} | more


def _evaluations(folder: Path) -> Path:
    methods = [
        _method("cheap", 0, 30),
        _method("better", 9, 40),
        _method("worse", 9, 20),
        _method("guess", 1, 90, baseline=True),
        _method("unmeasured", 1, 0, metrics={}),
    ]
    for panel in PANELS:
        (folder / panel.run).mkdir()
        (folder / panel.run / "summary.json").write_text(json.dumps({"methods": methods}))
    return folder


def test_methods_that_were_measured_and_ask_the_network(tmp_path: Path) -> None:
    found = dots(_evaluations(tmp_path) / PANELS[0].run, PANELS[0].metric)
    assert found == [Dot(1, 30, "cheap"), Dot(9, 40, "better"), Dot(9, 20, "worse")]


def test_what_leads_is_better_than_all_that_costs_as_much_or_less() -> None:
    found = [Dot(9, 3, "f"), Dot(4, 4, "e"), Dot(2, 2.001, "d"), Dot(1, 2, "c"), Dot(1, 1, "a")]
    assert [dot.name for dot in front([*found, Dot(1, 2.001, "b")])] == ["c", "b", "e"]


@pytest.mark.parametrize(
    ("values", "places"),
    [([1, 2, 8], [1, 2, 8]), ([1, 1, 1.5], [1, 2, 3]), ([9, 9.5, 10], [8, 9, 10])],
)
def test_labels_stand_apart(values: list[float], places: list[float]) -> None:
    assert spread(values, 1, 10) == places


def test_a_panel_shows_each_method(tmp_path: Path) -> None:
    draw(_evaluations(tmp_path), tmp_path / "chart.png")
    drawn = cv2.imread(str(tmp_path / "chart.png"))
    assert drawn is not None
    blue = (drawn == (180, 119, 31)).all(2)  # of matplotlib's first colour, in BGR
    count = cv2.connectedComponents(blue.astype("uint8"))[0] - 1
    assert count == 3 * len(PANELS)
