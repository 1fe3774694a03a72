"""What an engine tells about its own work to those who ask: the time of each run, and profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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
    """What shall be told; nothing unless asked.

    Attributes:
        observer: called after every run, in the thread that ran it.
        profile: an existing directory for ONNX Runtime's profile of each session, as JSON that
            chrome://tracing and Perfetto show; complete after `Engine.end_profiling`.
    """

    observer: Observer | None = None
    profile: Path | None = None
