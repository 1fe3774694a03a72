"""What methods take beyond the runs of the network that they ask for.

    python benchmarks/floors.py BUNDLE [METHOD ...] [--seconds 20]

One explanation of a drawn picture is watched: which of the network's graphs (head, tail, both at
once, gradient) ran, and on how many rows. The floor is these runs alone, on inputs that are there:
no mask is made, nothing is upsampled, averaged or drawn. Explanation and floor take turns, on one
thread; above the floor is the median, over the turns, of the CPU seconds of one over the other's,
less 1. Methods are all that the bundle has, with the helpers around Grad-CAM, unless named; without
those that take thousands of passes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from camruntime.bundle import cut_of, open_bundle
from camruntime.engine import DeviceValue, Engine
from camruntime.errors import CamError
from camruntime.evaluation import require_few_passes
from camruntime.explainer import Explainer
from camruntime.methods import HELPERS, METHODS

NETWORK = ("head", "tail", "head_cells", "cells", "gradient")
FEWEST = 5  # turns

Array = NDArray[np.generic]
Inputs = Mapping[str, Array | DeviceValue]


@dataclass
class Runs:
    """The network's runs of one explanation, in order.

    Attributes:
        asked: graph and rows of each.
        inputs: of a graph with so many rows, those that came first.
    """

    asked: list[tuple[str, int]] = field(default_factory=list)
    inputs: dict[tuple[str, int], Mapping[str, Array]] = field(default_factory=dict)

    def watch(self, graph: str, inputs: Inputs) -> None:
        """Keep a run, where it is the network's."""
        if cut_of(graph)[0] in NETWORK:
            arrays = {name: _on_host(value) for name, value in inputs.items()}
            key = graph, len(next(iter(arrays.values())))
            self.asked.append(key)
            self.inputs.setdefault(key, arrays)


def _on_host(value: Array | DeviceValue) -> Array:
    return value.numpy() if isinstance(value, DeviceValue) else value.copy()


def watched(engine: Engine, explain: Callable[[], object]) -> Runs:
    """What an explanation asks of the network."""
    found, run = Runs(), engine.run

    def watching(graph: str, inputs: Inputs) -> tuple[DeviceValue, ...]:
        found.watch(graph, inputs)
        return run(graph, inputs)

    engine.run = watching  # type: ignore[method-assign]
    try:
        explain()
    finally:
        del engine.run
    return found


def above(engine: Engine, explain: Callable[[], object], seconds: float) -> tuple[Runs, float]:
    """The runs of an explanation, and how much longer it takes than they do, as a share."""
    runs = watched(engine, explain)

    def floor() -> None:
        for key in runs.asked:
            engine.run(key[0], runs.inputs[key])

    ratios: list[float] = []
    begin = time.perf_counter()
    while len(ratios) < FEWEST or time.perf_counter() - begin < seconds:
        ratios.append(_cpu(explain) / _cpu(floor))
    return runs, median(ratios[1:]) - 1


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def specs(named: Sequence[str]) -> list[str]:
    """Those that are asked for, else all."""
    return list(named) or [*METHODS, *(f"{helper}/grad-cam" for helper in HELPERS)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    engine = Engine(open_bundle(options.bundle), ["cpu"], threads=1)
    explainer, spec = Explainer(engine), engine.bundle.manifest.input
    shape = (*spec.size, spec.channels)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    table = Table("method", "runs", "rows", "above the floor", title=engine.bundle.manifest.model)
    for name in specs(options.methods):
        try:
            method = explainer.method(name)
            if not options.methods:
                require_few_passes(explainer, method)
        except CamError as error:
            table.add_row(name, "", "", str(error))
            continue
        runs, share = above(engine, partial(explainer.explain, picture, method), options.seconds)
        rows = sum(rows for _, rows in runs.asked)
        table.add_row(name, str(len(runs.asked)), str(rows), f"{share:+.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
