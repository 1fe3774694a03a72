"""What is told of an engine's work to those who ask: each run, what it cost, and profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from camruntime.bundle import cut_of

_PASSES = ("head", "head_cells", "gradient")
"""Graphs of which a row is a pass. Copies of activations go through the tail alone."""


@dataclass(frozen=True)
class Cost:
    """What something took.

    Attributes:
        passes: pictures that went through the network, and gradients; copies of activations, which
            go through the tail alone, are not counted. A share of a batch may be a fraction.
        seconds: by the clock.
    """

    passes: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.passes + other.passes, self.seconds + other.seconds)

    def share(self, part: int, whole: int) -> Cost:
        """That of `part` pictures where the cost is that of `whole`."""
        return Cost(self.passes * part / whole, self.seconds * part / whole)


@dataclass(frozen=True)
class GraphRun:
    """One run of one graph, copies of small inputs to the device included.

    Attributes:
        graph: its name in the bundle; of an edge model, its file's stem.
        rows: of its first output, such as images.
        begin, end: by `time.perf_counter`, in seconds.
    """

    graph: str
    rows: int
    begin: float
    end: float


Observer = Callable[[GraphRun], None]


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """What shall be told beside the cost, which `metered` counts; nothing unless asked.

    Attributes:
        observer: called after every run, in the thread that ran it.
        profile: an existing directory for ONNX Runtime's profile of each session, as JSON that
            chrome://tracing and Perfetto show; complete after `Engine.end_profiling`.
    """

    observer: Observer | None = None
    profile: Path | None = None

    def tell(self, run: GraphRun) -> None:
        """Tell of a run that has ended."""
        if cut_of(run.graph)[0] in _PASSES:
            charge(Cost(passes=run.rows))
        if self.observer is not None:
            self.observer(run)


@dataclass
class Meter:
    """Counts what this thread does; `cost` is whole when the block has ended."""

    cost: Cost = Cost()


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count passes and seconds of the block, in this thread.

    What a block inside the block costs is counted there and not here, so that whoever shares it
    can `charge` everyone's part.
    """
    outer, meter = _meter.get(), Meter()
    token, begin = _meter.set(meter), perf_counter()
    try:
        yield meter
    finally:
        seconds = perf_counter() - begin
        _meter.reset(token)
        meter.cost += Cost(seconds=seconds)
        if outer is not None:
            outer.cost += Cost(seconds=-seconds)


def charge(cost: Cost) -> None:
    """Add to what the present block costs."""
    meter = _meter.get()
    if meter is not None:
        meter.cost += cost
