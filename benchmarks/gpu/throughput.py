"""Maps a second of Score-CAM by the size of its chunks, and the share of the matrix rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from statistics import median
from time import perf_counter

import numpy as np
from sheet import Sheet

from camruntime.engine import Engine, GraphRun, Instruments, OnnxGraphs
from camruntime.graphs import Forward
from camruntime.methods import ScoreCAM
from gpu.case import Case, Clock
from gpu.flops import flops_of_an_image
from gpu.images import image_of
from gpu.journal import Left, Result
from gpu.networks import bundle_of
from gpu.opening import PRECISIONS, Precision, engine_of
from gpu.setting import Setting


@dataclass(frozen=True)
class Pace:
    """Score-CAM at one size of chunks.

    Attributes:
        images: that went through the network in one turn.
        whole: those of a whole map.
        seconds: of a turn, the median.
        flops: operations of one image.
    """

    network: str
    precision: Precision
    captured: bool
    chunk: int
    images: int
    whole: int
    seconds: float
    flops: int

    @property
    def maps(self) -> float:
        """A second."""
        return self.images / self.seconds / self.whole

    def share(self, rates: Mapping[str, float]) -> float | None:
        """Of the rate at which the device multiplies matrices in this precision, if it is known."""
        rate = rates.get(self.precision)
        return None if rate is None else self.flops * self.images / self.seconds / rate


def cases(setting: Setting) -> Iterator[Case]:
    """What is asked for first comes first, as time may run out."""
    for precision, captured in product(PRECISIONS, (False, True)):
        for network in setting.size.networks:
            what = f"{network}, {precision}{', captured' * captured}"
            yield Case(what, partial(_paces, setting, network, precision, captured))


def _paces(
    setting: Setting, network: str, precision: Precision, captured: bool, clock: Clock
) -> Iterator[Pace | Left]:
    rows: list[int] = []
    instruments = Instruments(observer=partial(_count, rows))
    engine = engine_of(setting, network, precision, capture=captured, instruments=instruments)
    part, channels = _part(engine, setting.size.masked)
    operations = flops_of_an_image(bundle_of(setting, network))
    for chunk in setting.size.chunks if precision == "float32" else setting.size.few:
        what = f"{network}, {precision}{', captured' * captured}, chunks of {chunk}"
        if clock.over:
            yield clock.left(what)
            continue
        if captured:
            engine.close()  # of more than four sizes it records none
        turn = partial(_turn, engine, chunk, part)
        turn()  # sessions, algorithms, memory
        rows.clear()
        turn()
        images, largest = sum(rows), max(rows)
        if largest < min(chunk, images):
            yield Left(what, f"only {largest} fit at once")
            continue
        whole = round(images * channels / part.activations.shape[1])
        seconds = median(_seconds(turn) for _ in range(setting.size.turns))
        yield Pace(network, precision, captured, chunk, images, whole, seconds, operations)


def _part(engine: Engine, masked: int | None) -> tuple[Forward, int]:
    """A pass with the first channels that are not flat, and how many of these there are."""
    forward = OnnxGraphs(engine).forward(image_of(engine.bundle))
    live = np.flatnonzero(np.ptp(forward.activations[0], axis=(1, 2)) > 0)
    return replace(forward, activations=forward.activations[:, live[:masked]]), len(live)


def _count(rows: list[int], run: GraphRun) -> None:
    if run.graph == "head":
        rows.append(run.rows)


def _turn(engine: Engine, chunk: int, part: Forward) -> None:
    ScoreCAM()(OnnxGraphs(engine, chunk), part, [0])


def _seconds(turn: Callable[[], None]) -> float:
    start = perf_counter()
    turn()
    return perf_counter() - start


def sheet(result: Result, rates: Mapping[str, float]) -> Sheet:
    """One line for each size of chunks."""
    header = (
        "network", "precision", "captured", "chunk", "images/s", "maps/s", "GFLOP/image",
        "share of the matrix rate",
    )  # fmt: skip
    rows = [
        (
            one.network,
            one.precision,
            "yes" if one.captured else "no",
            str(one.chunk),
            f"{one.images / one.seconds:.4g}",
            f"{one.maps:.3g}",
            f"{one.flops / 1e9:.3g}",
            _percent(one.share(rates)),
        )
        for one in result.of(Pace)
    ]
    return Sheet("Score-CAM", header, tuple(rows))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
