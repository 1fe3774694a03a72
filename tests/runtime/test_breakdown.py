"""Where an explanation's time goes: against a clock and runs that are worked out by hand."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from camruntime.bench import Timings, measure
from camruntime.bench.breakdown import GRAPHS, Part, TimedExplanation
from camruntime.bundle import open_bundle
from camruntime.cli.bench import breakdown_table
from camruntime.engine import GraphRun
from conftest import INSPECTOR

# From 100 on: decode 2, head 3, numpy 1, mask 1, head 4, tail 1, numpy 2, edge model 6, numpy 1.
BY_HAND = TimedExplanation(
    100.0,
    121.0,
    (
        GraphRun("head", 1, 102.0, 105.0),
        GraphRun("mask_images", 16, 106.0, 107.0),
        GraphRun("head", 16, 107.0, 111.0),
        GraphRun("tail", 16, 111.0, 112.0),
        GraphRun("hed", 1, 114.0, 120.0),
    ),
)
PARTS = [
    Part("decode, preprocess", 2.0),
    Part("head", 7.0, (1, 16)),
    Part("mask_images", 1.0, (16,)),
    Part("tail", 1.0, (16,)),
    Part("edge model", 6.0, (1,)),
    Part("rest (numpy)", 4.0),
]


def test_parts_are_those_worked_out_by_hand() -> None:
    assert BY_HAND.parts() == PARTS
    assert sum(part.seconds for part in BY_HAND.parts()) == BY_HAND.seconds == 21.0


def test_every_graph_of_a_bundle_is_a_part_by_its_name() -> None:
    """What is none is an edge model."""
    graphs = open_bundle(INSPECTOR).manifest.graphs
    assert set(graphs) == set(GRAPHS)


def test_without_a_graph_all_is_the_rest() -> None:
    assert TimedExplanation(1.0, 4.0, ()).parts() == [
        Part("decode, preprocess", 0.0),
        Part("rest (numpy)", 3.0),
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [((), ""), ((1,), "1 x 1"), ((1, 16, 16, 16, 2), "1 x 1, 3 x 16, 1 x 2")],
)
def test_rows_in_words(rows: tuple[int, ...], words: str) -> None:
    assert Part("head", 1.0, rows).rows_in_words == words


class FakeClock:
    """Shows what time it is, and is moved on by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_measuring_takes_turns_and_forgets_the_warm_up() -> None:
    clock, runs, calls = FakeClock(), list[GraphRun](), list[str]()
    takes = iter([90.0, 3.0, 9.0, 5.0])  # the graph of each explanation, the warm-up first

    def run(graph: str, seconds: float) -> None:
        runs.append(GraphRun(graph, 1, clock.now, clock.now + seconds))
        clock.now += seconds

    def explain() -> None:
        calls.append("explain")
        clock.now += 1.0
        run("head", next(takes))
        clock.now += 0.5

    def forward() -> None:
        calls.append("forward")
        run("head", 0.25 * len(calls))  # 0.5 to warm up, then 1, 1.5, 2

    found = measure(explain, forward, runs, 3, clock)
    assert calls == ["explain", "forward"] * 4
    assert [one.seconds for one in found.explanations] == [4.5, 10.5, 6.5]
    assert found.typical.parts() == [
        Part("decode, preprocess", 1.0),
        Part("head", 5.0, (1,)),
        Part("rest (numpy)", 0.5),
    ]
    assert found.forwards == (1.0, 1.5, 2.0)
    assert found.forward == 1.5


def test_of_two_the_faster_is_typical() -> None:
    """Half-way between two explanations lies none whose parts would add up."""
    slow, fast = TimedExplanation(0.0, 4.0, ()), TimedExplanation(10.0, 13.0, ())
    assert Timings((slow, fast), (1.0, 2.0)).typical is fast


def test_the_table_shows_the_parts_their_shares_and_the_sum() -> None:
    screen = Console(file=io.StringIO(), width=100)
    screen.print(breakdown_table(Timings((BY_HAND,), (3.0,)), "feature-cam"))
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert [row for row in cells if row] == [
        ["decode, preprocess", "2.0000", "9.5%", "", ""],
        ["head", "7.0000", "33.3%", "2", "1 x 1, 1 x 16"],
        ["mask_images", "1.0000", "4.8%", "1", "1 x 16"],
        ["tail", "1.0000", "4.8%", "1", "1 x 16"],
        ["edge model", "6.0000", "28.6%", "1", "1 x 1"],
        ["rest (numpy)", "4.0000", "19.0%", "", ""],
        ["all", "21.0000", "100.0%", "", ""],
    ]
