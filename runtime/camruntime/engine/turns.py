"""Whose turn it is to compute, on what several threads must not use at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Protocol

from camruntime.engine.kinds import KINDS, Kind, kind_of
from camruntime.errors import ProviderError


class Turn(Protocol):
    """Entered to compute; again by the same thread, too."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def leave(self, things: list[object]) -> None:
        """Free what is in a list, and in no other place, when nobody computes."""
        ...


class AllAtOnce:
    """Turns of a provider that computes for all threads at once."""

    def __enter__(self) -> None:
        """Nothing is waited for."""

    def __exit__(self, *_: object) -> None:
        """Nobody waits."""

    def leave(self, things: list[object]) -> None:
        """At once."""
        things.clear()


class OneAtATime:
    """Turns that threads take one after the other.

    What is left is freed by whoever is in turn next. Waiting for the turn would be a trap: Python
    frees things wherever the last reference goes, also where a lock is held that the thread in turn
    waits for.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._left: deque[list[object]] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._free()

    def __exit__(self, *_: object) -> None:
        self._free()
        self._lock.release()

    def leave(self, things: list[object]) -> None:
        """Now, or when the thread in turn has ended it."""
        self._left.append(things)
        if self._lock.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._lock.release()

    def _free(self) -> None:
        while self._left:
            self._left.popleft().clear()


_AT_ONCE, _RECORDING = AllAtOnce(), OneAtATime()
_PROVIDERS = {name: OneAtATime() for name, kind in KINDS.items() if kind.alone}


def turn_of(provider: str, capture: bool) -> Turn:
    """What an engine computes within.

    Args:
        provider: in full. One that is not safe from several threads has one turn for all its
            sessions in this process.
        capture: whether runs are recorded, on memory that threads would overwrite for each other.
            All engines that record have one turn, as CUDA lets no other thread allocate meanwhile.
    """
    if kind_of(provider).alone:
        return _PROVIDERS[provider]
    return _RECORDING if capture else _AT_ONCE


def require_own_process(kind: Kind, opened: int) -> None:
    """Raise `ProviderError` in a fork of the process `opened`, whose threads are not there.

    WebGPU would wait for them forever, OpenVINO at the latest when it ends.
    """
    if opened != os.getpid():
        raise ProviderError(
            f"{kind.short} was opened before this process was forked, and does not work in the "
            "fork: load it there alone, or start processes by multiprocessing's 'spawn'"
        )
