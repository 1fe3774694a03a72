"""One method of one network: all its contenders, in turn."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from contenders import METHODS, Contender, Floor, Turn
from worker import Answer, Setting, Worker, working

SECONDS = 20.0
"""Short turns are repeated for so long."""

SLOW = 10.0
"""A contender whose first map takes so many seconds is started once only."""


@dataclass(frozen=True)
class Result:
    """What was measured of one contender.

    Attributes:
        contender: who.
        seconds: of a map, the median.
        first: seconds from the start of the process to its first map, the median.
        peak: memory of the process in bytes, after the maps.
        chunk: the same of a process that only computes one chunk; None where there are none.
        correlation: of its map with ours that does the same work; None for ours.
        floor: seconds; None where it is not measured, as the next.
        above: how far the map is above the floor, as a fraction of it.
    """

    contender: Contender
    seconds: float
    first: float
    peak: int
    chunk: int | None
    correlation: float | None
    floor: float | None
    above: float | None


@dataclass(frozen=True)
class Entry:
    """A contender at work: the process that stays, its maps, and the first maps of all starts."""

    contender: Contender
    worker: Worker
    saved: Path
    maps: list[Answer]
    first: list[float]


def compare(method: str, folder: Path, setting: Setting, repeat: int) -> list[Result]:
    """Results of all contenders that can run, ours first."""
    contenders = [one for one in METHODS[method] if setting.python(one)]
    with ExitStack() as stack:
        entries = [_enter(one, folder, setting, stack) for one in contenders]
        for _ in range(repeat - 1):
            for entry in entries:
                if entry.first[0] < SLOW:
                    entry.first.append(_start_again(entry.contender, folder, setting))
        # The first maps count as a round: the slowest contenders take minutes for each.
        pace = sum(entry.maps[0].seconds for entry in entries)
        for _ in range(max(repeat - 1, int(SECONDS / pace))):
            for entry in entries:
                entry.maps.append(entry.worker.ask(entry.contender.turn))
        return [_result(entry, entries[0], folder, setting, repeat) for entry in entries]


def _enter(contender: Contender, folder: Path, setting: Setting, stack: ExitStack) -> Entry:
    worker = stack.enter_context(working(contender, folder, setting))
    saved = folder / f"{contender.library}.npy"
    answer = worker.ask(contender.turn, saved)
    return Entry(contender, worker, saved, [answer], [worker.age()])


def _start_again(contender: Contender, folder: Path, setting: Setting) -> float:
    """Seconds from the start of a fresh process to its first map."""
    with working(contender, folder, setting) as worker:
        worker.ask(contender.turn)
        return worker.age()


def _result(entry: Entry, ours: Entry, folder: Path, setting: Setting, repeat: int) -> Result:
    contender = entry.contender
    floor, above = None, None
    if contender.floor is not None:
        floor, above = _floor(entry.worker, contender.floor, folder, repeat)
    return Result(
        contender=contender,
        seconds=median(answer.seconds for answer in entry.maps),
        first=median(entry.first),
        peak=entry.maps[-1].peak,
        chunk=_chunk(contender, folder, setting),
        correlation=None if entry is ours else _correlation(entry, ours),
        floor=floor,
        above=above,
    )


def _chunk(contender: Contender, folder: Path, setting: Setting) -> int | None:
    if contender.chunk is None:
        return None
    with working(contender, folder, setting) as worker:
        return worker.ask(contender.chunk).peak


def _correlation(entry: Entry, ours: Entry) -> float:
    """Of a library's map with that of our method or preset that does the same work."""
    same = entry.saved.with_name("same.npy")
    ours.worker.ask(("map", entry.contender.same), same)
    theirs = np.load(entry.saved)
    resized = np.asarray(cv2.resize(np.load(same), theirs.shape[::-1]), np.float32)
    return float(np.corrcoef(resized.ravel(), theirs.ravel())[0, 1])


def _floor(worker: Worker, floor: Floor, folder: Path, repeat: int) -> tuple[float, float]:
    """Seconds of the floor, and how far the work is above it."""
    least = _least(worker, floor, repeat)
    if floor.parts is None:
        return floor.seconds(least), floor.above(least)
    worker.ask(floor.parts, folder / "parts.npy")
    return float(np.load(folder / "parts.npy")) * floor.seconds(least), floor.above(least)


def _least(worker: Worker, floor: Floor, repeat: int) -> dict[Turn, float]:
    """Seconds of each turn when the machine disturbed it least.

    Short turns, one of each after the other, since a shared machine can be half as slow again for
    seconds: means or medians would compare its states.
    """
    found = dict.fromkeys(sorted(floor.turns(), key=str), math.inf)
    start, rounds = time.perf_counter(), 0
    while rounds < repeat or time.perf_counter() - start < SECONDS:
        for turn in found:
            found[turn] = min(found[turn], worker.ask(turn).seconds)
        rounds += 1
    return found
