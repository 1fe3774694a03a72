"""The end of a budget, seen before it is too late."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from camruntime.engine import Cancel


@dataclass(frozen=True)
class Deadline:
    """Set from when the next run would not be done by `at`; or when `cancel` is.

    Attributes:
        at: by `time.perf_counter`, in seconds.
        lead: seconds that the longest run takes.
        cancel: the caller's own.
    """

    at: float
    lead: float = 0.0
    cancel: Cancel | None = None

    def is_set(self) -> bool:
        """Whether nothing more is to be computed."""
        return self.is_cancelled or perf_counter() + self.lead > self.at

    @property
    def is_cancelled(self) -> bool:
        """Whether that is because the caller said so."""
        return self.cancel is not None and self.cancel.is_set()
