"""What float16 and 8-bit integers gain, and what they cost of the maps.

    python benchmarks/precisions.py PHOTOGRAPHS MODEL... [--threads 2] [--turns 5] [--pictures 100]

A MODEL is the folder of a bundle in float32, or a name, built with the publisher's weights unless
`--weights random`. It is lowered to fp16 and to int8, whether or not the maps survive that. int8 is
calibrated on every second photograph; all maps are compared on `--pictures` of the others, on none
with 0.

Time: the three precisions take short turns, each the plain forward pass at batch 1 and 16 and
Score-CAM over some channels. Seconds are medians over the turns; a ratio is the median of
float32's time over this one's in the same turn, so that a machine that slows down for a while slows
both.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from named_bundle import named_bundle
from rich.console import Console
from rich.table import Table

from camexport.precision import Images, is_faithful, judge, read_calibration, reduce_precision
from camruntime.bundle import Bundle, Fidelity, Precision
from camruntime.engine import Engine, OnnxGraphs
from camruntime.maps import FloatArray
from camruntime.methods import ScoreCAM

PRECISIONS: tuple[Precision, ...] = ("float32", "fp16", "int8")
BATCHES = (1, 16)
IMAGES = 16  # of one turn of forward passes
CHANNELS = 64  # of one turn of Score-CAM
console = Console(width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True)
class Times:
    """Seconds of one turn: of a forward pass by batch size, and of Score-CAM for each channel."""

    forward: Mapping[int, float]
    channel: float

    def each(self) -> list[float]:
        """All of them, in the order of the table."""
        return [*self.forward.values(), self.channel]


def bundles(
    model: str, weights: str, pictures: Path, folder: Path
) -> tuple[dict[Precision, Bundle], Images]:
    """The model in all precisions, and the pictures that none of them was calibrated on."""
    exact = named_bundle(model, weights, folder / "float32")
    fitted = read_calibration("int8", pictures, exact.manifest.input)
    assert fitted is not None  # as it is for float32
    made: dict[Precision, Bundle] = {"float32": exact}
    for precision in PRECISIONS[1:]:
        place = folder / precision
        place.mkdir()
        made[precision] = reduce_precision(exact, place, precision, fitted.fitted)
    return made, fitted.judges


def turn(engine: Engine, image: FloatArray) -> Times:
    """One turn of one precision."""
    forward = {batch: forward_pass(engine, image, batch) for batch in BATCHES}
    graphs = OnnxGraphs(engine)
    whole = graphs.forward(image)
    live = np.flatnonzero(np.ptp(whole.activations[0], axis=(1, 2)) > 0)[:CHANNELS]
    part = dataclasses.replace(whole, activations=whole.activations[:, live])
    start = time.perf_counter()
    ScoreCAM()(graphs, part, [int(whole.logits.argmax())])
    return Times(forward, (time.perf_counter() - start) / len(live))


def forward_pass(engine: Engine, image: FloatArray, batch: int) -> float:
    """Seconds of head and tail at this batch size."""
    images = engine.upload(np.repeat(image, batch, axis=0))
    names = engine.bundle.graph("head").outputs
    start = time.perf_counter()
    for _ in range(IMAGES // batch):
        outputs = engine.run("head", {"image": images})
        engine.run("tail", dict(zip(names, outputs, strict=True)))
    return (time.perf_counter() - start) / (IMAGES // batch)


def measure_times(
    engines: Mapping[Precision, Engine], image: FloatArray, turns: int
) -> dict[Precision, list[Times]]:
    for engine in engines.values():
        turn(engine, image)  # opens its sessions
    taken: dict[Precision, list[Times]] = {precision: [] for precision in engines}
    for _ in range(turns):
        for precision, engine in engines.items():
            taken[precision].append(turn(engine, image))
    return taken


def cells(taken: Sequence[Times], of_float32: Sequence[Times]) -> list[str]:
    """Milliseconds, with the ratio to float32."""
    columns = zip(*(one.each() for one in taken), strict=True)
    reference = zip(*(one.each() for one in of_float32), strict=True)
    return [
        f"{1e3 * median(own):.2f} ({median(map(lambda a, b: a / b, theirs, own)):.2f}x)"
        for own, theirs in zip(columns, reference, strict=True)
    ]


def likeness(measured: Sequence[Fidelity]) -> str:
    return "; ".join(
        f"{one.method} {one.mean:.5f}, {one.worst:.5f}, {one.same_top:.0%} of {one.images}"
        for one in measured
    )


def megabytes(bundle: Bundle) -> float:
    return sum(file.stat().st_size for file in bundle.folder.iterdir() if file.is_file()) / 1e6


def rows(model: str, arguments: argparse.Namespace, folder: Path) -> list[list[str]]:
    made, judges = bundles(model, arguments.weights, arguments.photographs, folder)
    engines = {
        precision: Engine(bundle, ["cpu"], threads=arguments.threads)
        for precision, bundle in made.items()
    }
    taken = measure_times(engines, judges[0], arguments.turns)
    found = []
    for precision in PRECISIONS:
        alike, passes = "", ""
        if precision != "float32" and arguments.pictures:
            compared = judges[: arguments.pictures]
            measured = judge(made["float32"], made[precision], compared, "pictures")
            alike = likeness(measured)
            passes = "yes" if all(map(is_faithful, measured)) else "no"
        times = cells(taken[precision], taken["float32"])
        name = made[precision].manifest.model
        found.append([name, precision, f"{megabytes(made[precision]):.1f}", *times, alike, passes])
    return found


def options(description: str | None, pictures: int) -> argparse.ArgumentParser:
    """What scripts take that compare precisions, on so many pictures by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--weights", choices=["default", "random"], default="default")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--pictures", type=int, default=pictures, help="that maps are compared on")
    return parser


def main() -> None:
    parser = options(__doc__, pictures=100)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    table = Table(
        "model",
        "precision",
        "MB",
        *(f"forward, batch {batch}, ms" for batch in BATCHES),
        "Score-CAM, ms per channel",
        "correlation with float32's maps: mean, worst, same top cell",
        "kept",
        title=f"{arguments.threads} threads, {arguments.turns} turns",
    )
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(model, arguments, Path(folder)):
                console.print(*row, sep=" | ", highlight=False, soft_wrap=True)
                table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
