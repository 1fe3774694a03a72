"""Memory of an explanation, each time in a process of its own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

from sheet import Sheet

from gpu.case import Case, Clock, NotHere
from gpu.journal import Result
from gpu.networks import bundle_of
from gpu.setting import Setting

SECONDS = 60  # of one process


@dataclass(frozen=True)
class Memory:
    """What a process took, in bytes: on CUDA of the card's memory, elsewhere of the host's.

    Attributes:
        shared: whether weights that several graphs hold were given to their sessions once.
        opened: with the provider loaded and the smallest graph open.
        explained: the most, after Grad-CAM, Recipro-CAM and a chunk of Score-CAM.
    """

    network: str
    shared: bool
    captured: bool
    opened: int
    explained: int


def cases(setting: Setting) -> Iterator[Case]:
    """With and without shared weights, captured and not."""
    for network, captured, shared in product(setting.size.networks, (False, True), (True, False)):
        what = f"{network}, {'captured, ' * captured}weights {'' if shared else 'not '}shared"
        yield Case(what, partial(_of_a_process, setting, network, shared, captured))


def _of_a_process(
    setting: Setting, network: str, shared: bool, captured: bool, _clock: Clock
) -> Iterator[Memory]:
    bundle_of(setting, network)  # that it is there is seen here, with the reason
    switches = [name for name, on in (("shared", shared), ("captured", captured)) if on]
    command = [sys.executable, "-m", "gpu.memory_process", setting.out, network, *switches]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    if answer is None:
        raise RuntimeError(done.stderr.strip() or f"status {done.returncode}")
    if "not here" in answer:
        raise NotHere(answer["not here"])
    for line in answer["said"]:
        logging.getLogger("camruntime").info(line)  # as if it had been this process
    yield Memory(network, shared, captured, answer["opened"], answer["explained"])


def sheet(result: Result, device: str) -> Sheet:
    """In MB."""
    where = "of the card" if device == "cuda" else "of the process"
    header = ("network", "captured", "weights shared", f"opened, MB {where}", "explained, MB")
    rows = [
        (
            one.network,
            "yes" if one.captured else "no",
            "yes" if one.shared else "no",
            f"{one.opened / 1e6:.0f}",
            f"{one.explained / 1e6:.0f}",
        )
        for one in result.of(Memory)
    ]
    return Sheet("Memory", header, tuple(rows))
