"""Measure speed, memory and start-up beside pytorch-grad-cam, torch-cam and OpenVINO XAI.

    python benchmarks/speed [--models resnet18 mobilenet_v2 vgg16] [--methods score-cam grad-cam]
        [--threads 2] [--repeat 3] [--openvino-xai PYTHON] [--markdown FILE]

What each column means, and how to make the environment of OpenVINO XAI: `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from comparing import Result, compare
from contenders import METHODS, USUAL
from imports import import_times
from machine import machine
from rich.console import Console
from sheet import Sheet
from subject import write_subject
from worker import Setting

WHO = ("model", "method", "library")
SPEED = (*WHO, "seconds", "ratio", "r", "floor, s", "above floor")
START = (*WHO, "peak, MB", "of one chunk", "import, s", "first map, s")
Compared = tuple[str, str, list[Result]]
"""A model, a method, and all contenders, ours first."""

console = Console(width=None if sys.stdout.isatty() else 120)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["resnet18", "mobilenet_v2", "vgg16"])
    parser.add_argument("--methods", nargs="+", default=USUAL, choices=METHODS, metavar="METHOD")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=3, help="rounds, at least")
    parser.add_argument("--openvino-xai", type=Path, help="the Python that has it")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    return parser.parse_args()


def setting(threads: int, openvino_xai: Path | None) -> Setting:
    """Every library gets as many threads, those that read the environment too."""
    pinned = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    quiet = {"TQDM_DISABLE": "1"}  # pytorch-grad-cam draws a bar
    environment = {**os.environ, **quiet, **dict.fromkeys(pinned, str(threads))}
    return Setting(threads, openvino_xai, environment)


def speed(one: Result, ours: Result) -> tuple[str, ...]:
    """A contender's cells; a dash where there is nothing to say."""
    return (
        f"{one.seconds:.3g}",
        f"{one.seconds / ours.seconds:.2f}",
        "-" if one.correlation is None else f"{one.correlation:.5f}",
        "-" if one.floor is None else f"{one.floor:.3g}",
        "-" if one.above is None else f"{100 * one.above:+.0f} %",
    )


def start(one: Result, imports: dict[str, float]) -> tuple[str, ...]:
    """A contender's cells; a dash where there is nothing to say."""
    return (
        f"{one.peak / 1e6:.0f}",
        "-" if one.chunk is None else f"{one.peak / one.chunk:.2f}",
        f"{imports[one.contender.imports]:.2f}",
        f"{one.first:.2f}",
    )


def sheets(found: list[Compared], imports: dict[str, float]) -> tuple[Sheet, ...]:
    """What was measured so far."""
    rows = [
        ((model, method, one.contender.library), one, results[0])
        for model, method, results in found
        for one in results
    ]
    return (
        Sheet("Speed", SPEED, tuple((*who, *speed(one, ours)) for who, one, ours in rows)),
        Sheet("Start", START, tuple((*who, *start(one, imports)) for who, one, _ in rows)),
        Sheet(
            "Imports",
            ("statement", "seconds"),
            tuple((f"`{name}`", f"{took:.2f}") for name, took in imports.items()),
        ),
    )


def measure(given: argparse.Namespace, same: Setting) -> Iterator[Compared]:
    """Network by network, method by method."""
    with tempfile.TemporaryDirectory() as place:
        for model in given.models:
            with console.status(f"{model}: building"):
                folder = write_subject(model, Path(place))
            for method in given.methods:
                with console.status(f"{model}: {method}"):
                    yield model, method, compare(method, folder, same, given.repeat)


def main() -> None:
    given = arguments()
    same = setting(given.threads, given.openvino_xai)
    torch.set_num_threads(given.threads)
    described = machine(same)
    console.print(described.rich())
    chosen = [one for name in given.methods for one in METHODS[name] if same.python(one)]
    with console.status("imports"):
        imports = import_times(chosen, same, given.repeat)
    found: list[Compared] = []
    for compared in measure(given, same):
        for row in sheets([compared], imports)[0].rows:
            console.print(*row, sep=" | ", highlight=False)
        found.append(compared)
        if given.markdown is not None:  # each time, so that an interrupted run leaves something
            text = "\n".join(sheet.markdown() for sheet in (described, *sheets(found, imports)))
            given.markdown.write_text(text, encoding="utf-8")
    console.print(*(sheet.rich() for sheet in sheets(found, imports)))


if __name__ == "__main__":
    main()
