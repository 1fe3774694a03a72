"""Where the time of one explanation goes: parts that add up to the whole."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING

from camruntime.bundle import cut_of

if TYPE_CHECKING:
    from camruntime.engine import GraphRun


PREPROCESSING = "decode, preprocess"
EDGE_MODEL = "edge model"
REST = "rest (numpy)"
GRAPHS = (
    *("head", "mask_images", "occlude_images", "mask_activations"),
    *("tail", "cells", "head_cells", "gradient"),
)


@dataclass(frozen=True)
class Part:
    """One line of a breakdown.

    Attributes:
        name: a graph's, or one of the three above.
        seconds: of all its runs together.
        rows: of each run, in order; empty where nothing is run.
    """

    name: str
    seconds: float
    rows: tuple[int, ...] = ()

    @property
    def rows_in_words(self) -> str:
        """How many runs of how many rows: `3 x 16, 1 x 2`."""
        return ", ".join(f"{runs} x {rows}" for rows, runs in Counter(self.rows).items())


@dataclass(frozen=True)
class TimedExplanation:
    """One explanation from `begin` to `end`, in seconds, and the runs of graphs in it, in order."""

    begin: float
    end: float
    runs: tuple[GraphRun, ...]

    @property
    def seconds(self) -> float:
        """From begin to end."""
        return self.end - self.begin

    def parts(self) -> list[Part]:
        """Whose seconds add up to the whole.

        What lies before the first run is decoding and preprocessing; what no graph takes after it
        is the rest: masks, weights and maps in numpy, copies from the device, Scharr's edges.
        """
        first = self.runs[0].begin - self.begin if self.runs else 0.0
        parts = [Part(PREPROCESSING, first)]
        for name in (*GRAPHS, EDGE_MODEL):
            runs = [run for run in self.runs if _line(run.graph) == name]
            if runs:
                seconds = sum(run.end - run.begin for run in runs)
                parts.append(Part(name, seconds, tuple(run.rows for run in runs)))
        known = sum(part.seconds for part in parts)
        return [*parts, Part(REST, self.seconds - known)]


@dataclass(frozen=True)
class Timings:
    """Explanations and plain forward passes (head and tail, one image), in turns.

    Attributes:
        explanations: at least one.
        forwards: seconds of each pass.
    """

    explanations: tuple[TimedExplanation, ...]
    forwards: tuple[float, ...]

    @property
    def typical(self) -> TimedExplanation:
        """The explanation whose time is the median, the lower one of two: its parts add up.

        Medians of each part would not.
        """
        by_time = sorted(self.explanations, key=lambda one: one.seconds)
        return by_time[(len(by_time) - 1) // 2]

    @property
    def forward(self) -> float:
        """The median of the forward passes, in seconds."""
        return median_low(self.forwards)


def measure(
    explain: Callable[[], object],
    forward: Callable[[], object],
    runs: list[GraphRun],
    repeat: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Time `explain` and `forward` in turns, `repeat` times each, after one of each to warm up.

    Args:
        explain: one explanation.
        forward: head and tail of one image.
        runs: what an engine's observer appends to.
        repeat: at least 1.
        clock: in seconds, the one that the runs were timed by.
    """
    explain()
    forward()
    explanations, forwards = [], []
    for _ in range(repeat):
        runs.clear()
        begin = clock()
        explain()
        explanations.append(TimedExplanation(begin, clock(), tuple(runs)))
        begin = clock()
        forward()
        forwards.append(clock() - begin)
    return Timings(tuple(explanations), tuple(forwards))


def _line(graph: str) -> str:
    plain, _ = cut_of(graph)  # the same graph of several layers is one line
    return plain if plain in GRAPHS else EDGE_MODEL
