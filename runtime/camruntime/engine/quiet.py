"""Silence, for one thread: about libraries that nobody asked for, ONNX Runtime says much."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_lock = threading.Lock()
_threads: Counter[int] = Counter()
"""Those that are quiet now, and how often each has asked for it."""


class _Muted:
    """Standard output without what quiet threads print: what others print is passed on."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in _threads else self.out.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.out, name)


@contextmanager
def mute(first: Callable[[], object], last: Callable[[], object]) -> Iterator[None]:
    """Swallow what this thread prints.

    Args:
        first: called when nobody else is quiet.
        last: called when nobody is any more.
    """
    me = threading.get_ident()
    with _lock:
        if not _threads:
            first()
            if sys.stdout is not None:
                sys.stdout = _Muted(sys.stdout)
        _threads[me] += 1
    try:
        yield
    finally:
        with _lock:
            _threads.subtract([me])
            if not _threads[me]:
                del _threads[me]
            if not _threads:
                last()
                if isinstance(sys.stdout, _Muted):  # else somebody put another in its place
                    sys.stdout = sys.stdout.out
