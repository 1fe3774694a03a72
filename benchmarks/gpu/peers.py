"""pytorch-grad-cam and torch-cam beside camruntime: the same network, on the same device."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from contenders import METHODS, Contender
from sheet import Sheet
from worker import Setting as OfWorkers
from worker import Worker, working

from camruntime.maps import FloatArray
from gpu.case import Case, Clock, NotHere, one_line
from gpu.journal import Left, Result
from gpu.networks import bundle_of, place_of
from gpu.setting import Setting

METHOD = "score-cam"
MODULES = {"pytorch-grad-cam": "pytorch_grad_cam", "torch-cam": "torchcam"}
CPU_ONLY = "the peers compute with PyTorch, which has no WebGPU"


@dataclass(frozen=True)
class Beside:
    """A library's Score-CAM in float32.

    Attributes:
        seconds: of a map, the median of the turns.
        ratio: seconds over ours, the median of the turns.
        correlation: of its map with that of our preset of its name; None for ours.
    """

    network: str
    library: str
    seconds: float
    ratio: float
    correlation: float | None


@dataclass(frozen=True)
class Entry:
    """A contender, its process, and its first map."""

    contender: Contender
    worker: Worker
    map: FloatArray


def cases(setting: Setting) -> Iterator[Case]:
    """One for each network."""
    for network in setting.size.beside:
        yield Case(network, partial(_beside, setting, network))


def _beside(setting: Setting, network: str, clock: Clock) -> Iterator[Beside | Left]:
    _require_torch(setting.device)
    bundle_of(setting, network)
    place = place_of(setting, network)
    with ExitStack() as stack:
        entries: list[Entry] = []
        for contender in METHODS[METHOD]:
            found = _entered(contender, place, setting, stack)
            if isinstance(found, Entry):
                entries.append(found)
            else:
                yield replace(found, what=f"{network}, {found.what}")
        if not entries or entries[0].contender is not METHODS[METHOD][0]:
            return  # ours is missing, which was said
        turns = list(_turns(entries, setting.size.turns, clock))
        for at, entry in enumerate(entries):
            seconds = median(turn[at] for turn in turns)
            ratio = median(turn[at] / turn[0] for turn in turns)
            alike = _correlation(_ours(entries[0], entry, place), entry.map) if at else None
            yield Beside(network, entry.contender.library, seconds, ratio, alike)


def _entered(contender: Contender, place: Path, setting: Setting, stack: ExitStack) -> Entry | Left:
    """A contender at work, warmed up by its first map, or why there is none."""
    library = contender.library
    if library in MODULES and find_spec(MODULES[library]) is None:
        return Left(library, "it is not installed")
    worker = stack.enter_context(working(contender, place, _of_workers(setting)))
    saved = place / f"{library}.npy"
    try:
        worker.ask(contender.turn, saved)
    except RuntimeError as error:
        return Left(library, one_line(error), failed=True)
    return Entry(contender, worker, np.asarray(np.load(saved), np.float32))


def _require_torch(device: str) -> None:
    """Raise `NotHere` where PyTorch does not compute on this device."""
    if device == "webgpu":
        raise NotHere(CPU_ONLY)
    if device == "cuda" and not _torch_has_cuda():
        raise NotHere("this PyTorch has no CUDA, or sees no card")


@cache
def _torch_has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _of_workers(setting: Setting) -> OfWorkers:
    """Without TF32, which PyTorch's convolutions take unless told otherwise."""
    pinned = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = dict.fromkeys(pinned, str(setting.threads))
    exact = {"NVIDIA_TF32_OVERRIDE": "0", "TQDM_DISABLE": "1"}
    return OfWorkers(setting.threads, None, {**os.environ, **threads, **exact}, setting.device)


def _turns(entries: Sequence[Entry], count: int, clock: Clock) -> Iterator[list[float]]:
    """Seconds of a map each, one after the other; at least one turn, however late it is."""
    for turn in range(count):
        if turn == 0 or not clock.over:
            yield [one.worker.ask(one.contender.turn).seconds for one in entries]


def _ours(ours: Entry, theirs: Entry, place: Path) -> FloatArray:
    """The map of our method or preset that does the same work."""
    ours.worker.ask(("map", theirs.contender.same), place / "same.npy")
    return np.asarray(np.load(place / "same.npy"), np.float32)


def _correlation(ours: FloatArray, theirs: FloatArray) -> float:
    resized = np.asarray(cv2.resize(ours, theirs.shape[::-1]), np.float32)
    return float(np.corrcoef(resized.ravel(), theirs.ravel())[0, 1])


def sheet(result: Result) -> Sheet:
    """One line for each library."""
    header = ("network", "library", "s per map", "over ours", "r")
    rows = [
        (
            one.network,
            one.library,
            f"{one.seconds:.3g}",
            f"{one.ratio:.3g}x",
            "-" if one.correlation is None else f"{one.correlation:.5f}",
        )
        for one in result.of(Beside)
    ]
    return Sheet("Score-CAM beside its peers", header, tuple(rows))
