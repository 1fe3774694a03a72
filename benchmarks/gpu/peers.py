"""pytorch-grad-cam and torch-cam beside camruntime: the same network, on the same device."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from gpu.case import Case, Clock, NotHere
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


def cases(setting: Setting) -> Iterator[Case]:
    """One for each network."""
    for network in setting.size.beside:
        yield Case(network, partial(_beside, setting, network))


def _beside(setting: Setting, network: str, clock: Clock) -> Iterator[Beside | Left]:
    _require_torch(setting.device)
    bundle_of(setting, network)
    place = place_of(setting, network)
    contenders = [one for one in METHODS[METHOD] if _is_here(one)]
    for one in METHODS[METHOD]:
        if one not in contenders:
            yield Left(f"{network}, {one.library}", "it is not installed")
    with ExitStack() as stack:
        start = partial(working, folder=place, setting=_of_workers(setting))
        workers = [stack.enter_context(start(one)) for one in contenders]
        pairs = list(zip(contenders, workers, strict=True))
        maps = [_first(one, worker, place) for one, worker in pairs]
        turns = list(_turns(pairs, setting.size.turns, clock))
        for at, (one, found) in enumerate(zip(contenders, maps, strict=True)):
            alike = _correlation(_ours(workers[0], place, one), found) if at else None
            ratio = median(turn[at] / turn[0] for turn in turns)
            yield Beside(network, one.library, median(turn[at] for turn in turns), ratio, alike)


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


def _is_here(contender: Contender) -> bool:
    module = MODULES.get(contender.library)
    return module is None or find_spec(module) is not None


def _of_workers(setting: Setting) -> OfWorkers:
    """Without TF32, which PyTorch's convolutions take unless told otherwise."""
    pinned = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = dict.fromkeys(pinned, str(setting.threads))
    exact = {"NVIDIA_TF32_OVERRIDE": "0", "TQDM_DISABLE": "1"}
    return OfWorkers(setting.threads, None, {**os.environ, **threads, **exact}, setting.device)


def _first(contender: Contender, worker: Worker, place: Path) -> FloatArray:
    """Its map, which warms it up."""
    saved = place / f"{contender.library}.npy"
    worker.ask(contender.turn, saved)
    return np.asarray(np.load(saved), np.float32)


def _turns(
    workers: Sequence[tuple[Contender, Worker]], count: int, clock: Clock
) -> Iterator[list[float]]:
    """Seconds of a map each, one after the other; at least one turn, however late it is."""
    for turn in range(count):
        if turn == 0 or not clock.over:
            yield [worker.ask(one.turn).seconds for one, worker in workers]


def _ours(worker: Worker, place: Path, theirs: Contender) -> FloatArray:
    """The map of our method or preset that does the same work."""
    worker.ask(("map", theirs.same), place / "same.npy")
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
