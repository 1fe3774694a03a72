"""Latency of one picture, as a line feels it: Recipro-CAM beside a plain pass and OpenVINO XAI.

    python benchmarks/latency.py [--models mobilenet_v2 resnet18] [--pictures 300] [--pause 0 50]
        [--threads 2] [--openvino-xai PYTHON] [--markdown FILE]

Every contender is a process of its own and takes turns, a picture each; before each turn there is a
pause, in which processors fall asleep and caches go cold, as between two parts. From the decoded
224 x 224 photograph on to the explanation, and to its map at the size of the network's input, as
OpenVINO XAI's is; the plain pass, head and tail, from the prepared tensor on. How to make OpenVINO
XAI's environment: `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent / "speed"))

from contenders import OPENVINO_XAI, PLAIN, Contender, Turn
from machine import machine
from rich.console import Console
from sheet import Sheet
from subject import write_subject
from worker import Setting, Worker, working

COLUMNS = ("model", "pause, ms", "what", "median, ms", "above its pass, ms", "p99 / median")
WARM = 20

OURS = Contender("camruntime", "run_camruntime.py", "", ("map", "recipro-cam"), "recipro-cam")
THEIRS = Contender(OPENVINO_XAI, "run_openvino_xai.py", "", ("from_photo",), "recipro-cam")
TURNS: dict[str, tuple[Contender, Turn]] = {
    "camruntime": (OURS, ("explained", "recipro-cam")),
    "camruntime, map at the input's size": (OURS, OURS.turn),
    "ONNX Runtime, the pass alone": (OURS, PLAIN),
    OPENVINO_XAI: (THEIRS, THEIRS.turn),
    "OpenVINO, the pass alone": (THEIRS, ("forward",)),
}
PASS = {
    "camruntime": "ONNX Runtime, the pass alone",
    "camruntime, map at the input's size": "ONNX Runtime, the pass alone",
    OPENVINO_XAI: "OpenVINO, the pass alone",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mobilenet_v2", "resnet18"])
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--pause", type=float, nargs="+", default=[0, 50], help="milliseconds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--openvino-xai", type=Path, help="the Python that has it")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    return parser.parse_args()


def measure(folder: Path, setting: Setting, pictures: int, pause: float) -> dict[str, list[float]]:
    """Milliseconds of each turn, in a new order every round."""
    known = {name: one for name, one in TURNS.items() if setting.python(one[0]) is not None}
    taken: dict[str, list[float]] = {name: [] for name in known}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contender, _ in known.values():
            if contender.script not in workers:
                one = stack.enter_context(working(contender, folder, setting))
                workers[contender.script] = one
        order = list(known)
        for round_ in range(WARM + pictures):
            random.shuffle(order)
            for name in order:
                contender, turn = known[name]
                time.sleep(pause / 1e3)
                seconds = workers[contender.script].ask(turn).seconds
                if round_ >= WARM:
                    taken[name].append(1e3 * seconds)
    return taken


def rows(model: str, pause: float, taken: dict[str, list[float]]) -> list[tuple[str, ...]]:
    """A line of the table for each."""
    median = {name: float(np.median(values)) for name, values in taken.items()}
    return [
        (
            model,
            f"{pause:g}",
            name,
            f"{median[name]:.2f}",
            f"{median[name] - median[PASS[name]]:+.2f}" if name in PASS else "-",
            f"{float(np.percentile(values, 99)) / median[name]:.2f}",
        )
        for name, values in taken.items()
    ]


def main() -> None:
    given = arguments()
    setting = Setting(given.threads, given.openvino_xai, dict(os.environ))
    console = Console(width=None if sys.stdout.isatty() else 120)
    described = machine(setting)
    console.print(described.rich())
    found: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        for model in given.models:
            folder = write_subject(model, Path(place))
            for pause in given.pause:
                new = rows(model, pause, measure(folder, setting, given.pictures, pause))
                found += new
                console.print(Sheet("Latency", COLUMNS, tuple(new)).rich())
    if given.markdown is not None:
        sheet = Sheet("Latency", COLUMNS, tuple(found))
        given.markdown.write_text(described.markdown() + "\n" + sheet.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
