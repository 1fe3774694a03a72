"""What a budget had room for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PassedOver:
    """A method that was preferred and not taken, and why."""

    method: str
    why: str


@dataclass(frozen=True)
class Choice:
    """Which method was taken within a budget: that of the explanation that holds this.

    Attributes:
        budget_ms, memory_mb: as they were asked for.
        estimate_ms: what was expected from the call on, on a machine as busy as it was.
        took_ms: what it took, reading the picture included.
        chunk: how many perturbed copies were computed at once; None is what is usual.
        passed_over: methods that were preferred, and why they were not taken.
    """

    budget_ms: float | None
    memory_mb: float | None
    estimate_ms: float
    took_ms: float
    chunk: int | None
    passed_over: tuple[PassedOver, ...] = ()
