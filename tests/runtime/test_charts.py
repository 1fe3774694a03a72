from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from camruntime.evaluation.report import charts as _charts
from camruntime.evaluation.report.axes import Frame, Scale, log_ticks, nice_ticks, tick_text
from camruntime.evaluation.report.charts import (
    Line,
    Point,
    Style,
    line_chart,
    line_path,
    scatter,
    styles,
)
from camruntime.evaluation.report.labels import CHARACTER, LINE, place_labels

PLAIN = Style("c0", "")
GREY = Style("base", "7 3")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0, 0.85, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0.03, 0.21, (0, 0.05, 0.1, 0.15, 0.2, 0.25)),
        (-12, 31, (-20, -10, 0, 10, 20, 30, 40)),
        (3, 3, (2.4, 2.6, 2.8, 3, 3.2, 3.4, 3.6)),
        (0, 2e-6, (0, 5e-7, 1e-6, 1.5e-6, 2e-6)),
    ],
)
def test_ticks_are_round_and_cover(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_ticks_of_a_logarithmic_axis() -> None:
    assert log_ticks(1, 4098) == (1, 10, 100, 1000)
    assert log_ticks(1, 60) == (1, 2, 5, 10, 20, 50)
    assert log_ticks(0.4, 10) == (0.5, 1, 2, 5, 10)


def test_tick_texts() -> None:
    assert [tick_text(x) for x in (0.0, 0.2, 1000.0, 1e7)] == ["0", "0.2", "1,000", "1e+07"]


def test_scales() -> None:
    assert Scale(0, 2, 100, 0)(0.5) == 75
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)


def test_path_goes_through_the_points() -> None:
    across, up = Scale(0, 1, 10, 110), Scale(0, 2, 220, 20)
    line = Line("a", ((0, 0), (0.25, 1), (1, 2)), PLAIN)
    assert line_path(line, across, up) == "M10.0 220.0L35.0 120.0L110.0 20.0"


def test_lines_lie_on_their_axes() -> None:
    svg = line_chart([Line("a", ((0, 0), (1, 1)), PLAIN)], "across", "up")
    assert 'd="M48.0 324.0L468.0 34.0"' in svg
    ticks = re.findall(r'class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle">([^<]+)', svg)
    assert ticks[1] == ("132.0", "0.2")
    assert svg.count(">across</text>") == svg.count(">up</text>") == 1


def test_legend_goes_from_the_highest_line_to_the_lowest() -> None:
    low, high = ((0.0, 0.1), (1.0, 0.2)), ((0.0, 0.8), (1.0, 0.9))
    middle = ((0.0, 0.0), (1.0, 1.0))
    lines = [Line("low", low, PLAIN), Line("mid", middle, GREY), Line("high", high, PLAIN)]
    svg = line_chart(lines, "x", "y")
    assert 'aria-label="y over x: high, mid, low"' in svg
    rows = {name: float(y) for y, name in re.findall(r'y="([\d.]+)">(low|mid|high)<', svg)}
    assert rows["high"] < rows["mid"] < rows["low"]
    assert svg.index("<title>mid") < svg.index("<title>high"), "baselines lie beneath"


def test_many_lines_make_a_chart_taller() -> None:
    lines = [Line(f"m{n}", ((0, 0), (1, n)), PLAIN) for n in range(40)]
    svg = line_chart(lines, "x", "y")
    height = float(re.findall(r'viewBox="0 0 \d+ (\d+)"', svg)[0])
    assert max(float(y) for y in re.findall(r'y="([\d.]+)">m\d', svg)) < height


def test_long_names_are_cut_and_told_in_full() -> None:
    name = "score-cam:increase=true:softmax=<false>"
    svg = line_chart([Line(name, ((0, 0), (1, 1)), PLAIN)], "x", "y")
    assert "<title>score-cam:increase=true:softmax=&lt;false&gt;</title>" in svg
    assert ">score-cam:increase=true:…</text>" in svg


def test_methods_never_look_alike() -> None:
    methods = [(f"m{n}", False) for n in range(15)] + [(f"b{n}", True) for n in range(3)]
    found = styles(methods)
    assert len(set(found.values())) == 18
    assert found["m0"] == Style("c0", "")
    assert found["m7"].colour == "c0"
    assert found["m7"].dash
    assert all(found[f"b{n}"].colour == "base" and found[f"b{n}"].dash for n in range(3))


def test_style_sheet_has_every_colour_for_light_and_dark() -> None:
    sheet = (Path(_charts.__file__).parent / "report.css").read_text("utf-8")
    for n in range(_charts.COLOURS):
        assert sheet.count(f"--series-{n}: ") == 2
        assert f".c{n} {{" in sheet


def test_points_lie_at_their_cost_with_their_interval() -> None:
    points = [Point("a", 1, 0.5, 0.25, 0.75, PLAIN), Point("b", 100, 1, 1, 1, PLAIN)]
    svg = scatter(points, "passes", "value")
    up = Scale(0.2, 1, 404, 34)
    assert f'<circle cx="78.0" cy="{up(0.5):.1f}"' in svg
    assert f'd="M78.0 {up(0.25):.1f}V{up(0.75):.1f}"' in svg
    assert f'<circle cx="{924 - 195}.0" cy="34.0"' in svg


def test_points_without_cost_stand_at_a_zero_of_their_own() -> None:
    svg = scatter([Point("a", 0, 1, 0, 2, GREY), Point("b", 1, 1, 0, 2, PLAIN)], "x", "y")
    assert re.findall(r'cx="([\d.]+)"', svg) == ["78.0", "228.0"]
    assert '<text class="tick" x="78.0" y="422" text-anchor="middle">0</text>' in svg
    assert "circle" in scatter([Point("a", 0, 1, 1, 1, GREY)], "x", "y")


def test_points_of_one_cost_stand_side_by_side() -> None:
    svg = scatter([Point(name, 1, 1, 0, 2, PLAIN) for name in "abc"], "x", "y")
    assert re.findall(r'cx="([\d.]+)"', svg) == ["70.0", "78.0", "86.0"]


def test_labels_cover_neither_each_other_nor_points() -> None:
    frame = Frame(0, 0, 600, 300)
    centres = [(100.0 + 8 * (n % 5), 150.0 + n) for n in range(12)]
    names = [f"method-{n}" for n in range(12)]
    boxes = [
        (x, y - LINE / 2, x + CHARACTER * len(name), y + LINE / 2)
        for (x, y), name in zip(place_labels(centres, names, frame), names, strict=True)
    ]
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for x, y in centres:
        assert not any(box[0] < x < box[2] and box[1] < y < box[3] for box in boxes)
    assert all(box[1] >= frame.top and box[3] <= frame.bottom for box in boxes)
