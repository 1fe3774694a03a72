"""What crosses between host and device while Score-CAM runs.

Twice: what the engine hands over and takes back, counted at its door, and the copies that ONNX
Runtime puts into graphs where a node runs elsewhere, from its own profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from sheet import Sheet

from camruntime.engine import DeviceValue, Engine, Instruments, OnnxGraphs
from camruntime.maps import FloatArray, bilinear
from gpu.case import Case, Clock
from gpu.images import image_of
from gpu.journal import Result
from gpu.opening import PRECISIONS, Precision, engine_of
from gpu.setting import Setting

Array = np.ndarray[Any, Any]
CHUNKS = 2
UPLOADED = "uploaded"
COPIES = ("MemcpyFromHost", "MemcpyToHost")


@dataclass
class Door:
    """Bytes by the name of what was sent and fetched, and pictures among what was sent."""

    pixels: tuple[int, int]
    sent: dict[str, int] = field(default_factory=dict)
    fetched: int = 0
    images: int = 0

    def send(self, name: str, array: Array) -> None:
        """Count an array that goes to the device."""
        self.sent[name] = self.sent.get(name, 0) + array.nbytes
        self.images += len(array) if array.shape[2:] == self.pixels else 0


@contextmanager
def watched_way_back(door: Door) -> Iterator[None]:
    """Count what is fetched from the device."""
    fetch = DeviceValue.numpy

    def counted(value: DeviceValue) -> FloatArray:
        found = fetch(value)
        door.fetched += found.nbytes
        return found

    with patch.object(DeviceValue, "numpy", counted):
        yield


class WatchedEngine(Engine):
    """An engine with somebody at its door."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.door = Door(self.bundle.manifest.input.size)

    def upload(self, array: Array) -> DeviceValue:
        """As the engine does, and counted."""
        self.door.send(UPLOADED, array)
        return super().upload(array)

    def run(self, graph: str, inputs: Mapping[str, Array | DeviceValue]) -> tuple[DeviceValue, ...]:
        """As the engine does, and counted."""
        for name, value in inputs.items():
            if not isinstance(value, DeviceValue):
                self.door.send(name, value)
        return super().run(graph, inputs)


@dataclass(frozen=True)
class Copies:
    """Of `masked` images, in chunks.

    Attributes:
        chunks: how many there were.
        images: pictures that were sent besides the one that is explained.
        once: bytes that were sent before: that picture, and the matrices that enlarge masks.
        with_runs: bytes that were sent chunk by chunk: the masks.
        fetched: bytes back.
        of_the_images: bytes that the masked images would be.
        nodes, moved: copies inside the graphs, and their bytes.
    """

    network: str
    precision: Precision
    masked: int
    chunks: int
    images: int
    once: int
    with_runs: int
    fetched: int
    of_the_images: int
    nodes: int
    moved: int


def cases(setting: Setting) -> Iterator[Case]:
    """One for each network and precision."""
    for network in setting.size.networks:
        for precision in PRECISIONS:
            yield Case(f"{network}, {precision}", partial(_copies, setting, network, precision))


def _copies(
    setting: Setting, network: str, precision: Precision, _clock: Clock
) -> Iterator[Copies]:
    with TemporaryDirectory() as folder:
        profiled = Instruments(profile=Path(folder))
        engine = engine_of(setting, network, precision, instruments=profiled, kind=WatchedEngine)
        assert isinstance(engine, WatchedEngine)
        with watched_way_back(engine.door):
            masked = mask_images(engine, setting.size.chunks[0])
        nodes, moved = copies_inside(engine.end_profiling())
    spec, door = engine.bundle.manifest.input, engine.door
    yield Copies(
        network=network,
        precision=precision,
        masked=masked,
        chunks=CHUNKS,
        images=door.images - 1,
        once=door.sent[UPLOADED],
        with_runs=sum(door.sent.values()) - door.sent[UPLOADED],
        fetched=door.fetched,
        of_the_images=masked * 4 * spec.channels * spec.size[0] * spec.size[1],
        nodes=nodes,
        moved=moved,
    )


def mask_images(engine: Engine, chunk: int) -> int:
    """What Score-CAM has computed, for some chunks of masks; returns how many masks there were."""
    spec, grid, count = (
        engine.bundle.manifest.input,
        engine.bundle.manifest.layer.spatial,
        CHUNKS * chunk,
    )
    masks = np.random.default_rng(0).random((count, *grid), np.float32)
    image = image_of(engine.bundle)
    OnnxGraphs(engine, chunk).logits_of_masked_images(image, masks, bilinear(grid, spec.size))
    return count


def copies_inside(profiles: list[Path]) -> tuple[int, int]:
    """Copies that ONNX Runtime put into graphs, and their bytes."""
    events = [event for file in profiles for event in json.loads(file.read_text(encoding="utf-8"))]
    asked = [event.get("args", {}) for event in events if event.get("cat") == "Node"]
    copies = [args for args in asked if args.get("op_name") in COPIES]
    return len(copies), sum(int(args.get("output_size", 0)) for args in copies)


def sheet(result: Result) -> Sheet:
    """What was sent once, by masked image, and by chunk."""
    header = (
        "network", "precision", "images sent", "sent once, kB", "sent by masked image, kB",
        "fetched by masked image, kB", "a masked image, kB", "copies in graphs by chunk",
        "their kB by chunk",
    )  # fmt: skip
    rows = [
        (
            one.network,
            one.precision,
            str(one.images),
            _kilobytes(one.once),
            _kilobytes(one.with_runs / one.masked),
            _kilobytes(one.fetched / one.masked),
            _kilobytes(one.of_the_images / one.masked),
            f"{one.nodes / one.chunks:g}",
            _kilobytes(one.moved / one.chunks),
        )
        for one in result.of(Copies)
    ]
    return Sheet("Copies between host and device", header, tuple(rows))


def _kilobytes(count: float) -> str:
    return f"{count / 1e3:.3g}"
