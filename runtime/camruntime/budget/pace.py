"""How busy the machine is, as against when costs were measured."""

from __future__ import annotations

import threading

_UP, _DOWN = 0.5, 0.1
_LITTLE = 5.0
"""Milliseconds, of which a machine that does other things now and then makes twice as many."""


class Pace:
    """What explanations took, over what was estimated: lately, and sooner up than down.

    One that takes twice as long moves it by half of the way, so a single late one is no new pace;
    one that is on time moves it by a tenth, so that a load that comes and goes is expected again.
    Explanations of a few milliseconds say little.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1.0

    @property
    def now(self) -> float:
        """By which estimates are multiplied."""
        return self._now

    def note(self, expected: float, took: float) -> None:
        """Learn of one explanation, both in milliseconds."""
        if not expected > 0:
            return
        with self._lock:
            ratio = (took + _LITTLE) / (expected + _LITTLE)
            self._now += (_UP if ratio > self._now else _DOWN) * (ratio - self._now)
