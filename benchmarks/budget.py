"""Budgets over many parts: which method was taken, and how late the latest were.

    python benchmarks/budget.py [--bundle FOLDER] [--parts 2000] [--budgets 60 20 5]
        [--markdown FILE]

A policy of Score-CAM, its anytime version and Recipro-CAM explains one part after the other, first
on the machine as it is, then beside as many other processes as there are cores, which multiply
matrices for two seconds and rest for two: costs were measured before they came.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console

sys.path.append(str(Path(__file__).parent / "speed"))

from machine import machine
from sheet import Sheet
from worker import Setting

import camruntime
from camruntime import Explainer, Policy
from camruntime.errors import BudgetError
from camruntime.methods import spec_of
from camruntime.pictures import Picture, read_picture

INSPECTOR = Path(__file__).parents[1] / "exported_models" / "inspector"
METHODS = ["score-cam", "anytime-score-cam", "recipro-cam"]
COLUMNS = ("machine", "budget, ms", "taken", "p50, ms", "p99, ms", "longest, ms", "late", "no map")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=INSPECTOR)
    parser.add_argument("--parts", type=int, default=2000)
    parser.add_argument("--budgets", type=float, nargs="+", default=[60, 20, 5])
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    return parser.parse_args()


def busy(seconds: float) -> None:
    """Multiply matrices, then rest, for ever."""
    one = np.random.default_rng(0).random((400, 400))
    while True:
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            one @ one
        time.sleep(seconds)


@contextmanager
def loaded(processes: int) -> Iterator[None]:
    """So many other processes that come and go."""
    spawning = multiprocessing.get_context("spawn")
    those = [spawning.Process(target=busy, args=(2.0,), daemon=True) for _ in range(processes)]
    for one in those:
        one.start()
    try:
        yield
    finally:
        for one in those:
            one.terminate()
            one.join()


def row(
    explainer: Explainer, photos: list[Picture], parts: int, budget: float, name: str
) -> tuple[str, ...]:
    """One line of the table."""
    policy, taken, none = Policy(METHODS, budget_ms=budget), Counter[str](), 0
    milliseconds = []
    for part in range(parts):
        begin = time.perf_counter()
        try:
            found = explainer.explain(photos[part % len(photos)], policy)
            taken[spec_of(found.method)] += 1
        except BudgetError:
            none += 1
        milliseconds.append(1e3 * (time.perf_counter() - begin))
    values = np.array(milliseconds)
    shares = ", ".join(f"{spec} {100 * count / parts:.1f} %" for spec, count in taken.most_common())
    return (
        name,
        f"{budget:g}",
        shares,
        *(f"{value:.1f}" for value in (*np.percentile(values, (50, 99)), values.max())),
        f"{100 * float((values > budget).mean()):.2f} %",
        f"{100 * none / parts:.2f} %",
    )


def main() -> None:
    given = arguments()
    cores = len(os.sched_getaffinity(0))
    console = Console(width=None if sys.stdout.isatty() else 140)
    described = machine(Setting(cores, None, dict(os.environ)))
    console.print(described.rich())
    photos = [read_picture(path) for path in sorted((INSPECTOR / "samples").glob("*.png"))]
    explainer = camruntime.load(given.bundle, ["cpu"])
    for spec, estimate in explainer.warm_up(METHODS).items():
        console.print(f"{spec}: {estimate.milliseconds:.1f} ms, {estimate.passes} passes")
    found = [row(explainer, photos, given.parts, one, "idle") for one in given.budgets]
    with loaded(cores):
        time.sleep(2)
        found += [row(explainer, photos, given.parts, one, "loaded") for one in given.budgets]
    sheet = Sheet("Budgets", COLUMNS, tuple(found))
    console.print(sheet.rich())
    if given.markdown is not None:
        given.markdown.write_text(described.markdown() + "\n" + sheet.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
