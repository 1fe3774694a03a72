"""How busy the machine is, as against when costs were measured."""

from __future__ import annotations

import threading

_UP, _DOWN = 0.5, 0.1
_FADING = 0.98
_MOST = 2.0
"""Times the pace so far that one explanation counts at most: a process that was stopped for seconds
has seen no machine that is a thousand times slower."""
_LITTLE = 5.0
"""Milliseconds, of which a machine that does other things now and then makes twice as many."""


class Pace:
    """What explanations took, over what was estimated: lately, and sooner up than down.

    One that takes twice as long moves it by half of the way, so a single late one is no new pace;
    one that is on time moves it by a tenth, so that a load that comes and goes is expected again.
    One that takes longer counts as twice as long. Explanations of a few milliseconds say
    little. What is refused moves it by a tenth, too, towards what was measured: it says nothing of
    the machine, and without that a load that is over would be refused for ever.

    A busy machine also stops for a moment, when something else has its turn: `stall` is how much
    later than that pace the latest of the last ones was, a fiftieth less with each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now, self._stall = 1.0, 0.0

    @property
    def now(self) -> float:
        """By which estimates are multiplied."""
        return self._now

    @property
    def stall(self) -> float:
        """Milliseconds."""
        return self._stall

    def note(self, expected: float, took: float) -> None:
        """Learn of one explanation, both in milliseconds."""
        if not expected > 0:
            return
        with self._lock:
            self._stall = max(took - expected * self._now, _FADING * self._stall)
            ratio = min((took + _LITTLE) / (expected + _LITTLE), _MOST * self._now)
            self._now += (_UP if ratio > self._now else _DOWN) * (ratio - self._now)

    def refused(self) -> None:
        """Nothing fitted, so nothing was learnt."""
        with self._lock:
            self._stall *= _FADING
            self._now -= _DOWN * max(0.0, self._now - 1)
