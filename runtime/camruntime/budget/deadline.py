"""The end of a budget, seen before it is too late."""

from __future__ import annotations

from time import perf_counter

from camruntime.engine import Cancel, Progress


class Deadline:
    """Set from when the chunk that is under way would not be done by `at`; or when `cancel` is.

    Args:
        at: by `time.perf_counter`, in seconds.
        chunk: seconds that the longest chunk was said to take; more where one took longer.
        cancel: the caller's own.
        progress: the caller's own.
    """

    def __init__(
        self,
        at: float,
        chunk: float = 0.0,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._at, self._chunk, self._begin = at, chunk, perf_counter()
        self._cancel, self._progress = cancel, progress

    def is_set(self) -> bool:
        """Whether nothing more is to be computed."""
        if self._cancel is not None and self._cancel.is_set():
            return True
        return max(perf_counter(), self._begin + self._chunk) > self._at

    def told(self, done: int, whole: int) -> None:
        """A `Progress`: a chunk is done."""
        now = perf_counter()
        self._chunk, self._begin = max(self._chunk, now - self._begin), now
        if self._progress is not None:
            self._progress(done, whole)
