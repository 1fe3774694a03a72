"""The parts of the benchmark, in their order, with the seconds that each has on a card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gpu import copies, environment, matrix_rate, memory, networks, parity, peers, throughput
from gpu.case import Case
from gpu.setting import Setting


@dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
        seconds: after which none of its cases begins; all together less than 8 minutes.
        cases: what it measures.
    """

    seconds: float
    cases: Callable[[Setting], Iterator[Case]]


PARTS: dict[str, Part] = {
    "environment": Part(10, environment.cases),
    "networks": Part(100, networks.cases),
    "matrix_rate": Part(15, matrix_rate.cases),
    "parity": Part(60, parity.cases),
    "throughput": Part(130, throughput.cases),
    "memory": Part(50, memory.cases),
    "copies": Part(15, copies.cases),
    "peers": Part(70, peers.cases),
}
"""What others need comes first: networks, and the rate that throughput is a share of."""


def seconds_of(setting: Setting, name: str) -> float:
    """A part's; four times as many where there is no card, and no hurry."""
    return PARTS[name].seconds * (1 if setting.device == "cuda" else 4)
