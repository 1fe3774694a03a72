"""Parts on their way to the network: what one is, and the queue that it waits in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event
from time import monotonic
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from camruntime import CamError

log = logging.getLogger("line")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Part:
    """A picture of a part.

    Attributes:
        name: what the record calls it.
        frame: uint8 or uint16, RGB `(H, W, 3)` or grey `(H, W)`; or why there is none.
        came: when, with its time zone.
        file, digest: of a file, its path, and SHA-256 where it can be read.
    """

    name: str
    frame: NDArray[Any] | CamError
    came: datetime
    file: Path | None = None
    digest: str | None = None


class Flag(Protocol):
    """Such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether it is."""


class Inbox:
    """Parts that wait: one thread puts them in, another takes them out.

    Args:
        size: how many wait at most.
        drop_oldest: what happens to one more: the oldest is dropped and counted, as a camera does
            not wait; else whoever puts waits.
        stop: once it is set, nothing is taken in any more.

    Attributes:
        delivered, dropped: so many were taken in, and so many of them dropped.
        last: when the source last had something, by `monotonic`.
    """

    def __init__(self, size: int, drop_oldest: bool, stop: Event) -> None:
        self.drop_oldest, self.stop = drop_oldest, stop
        self.delivered = self.dropped = 0
        self.last = monotonic()
        self._queue: Queue[Part] = Queue(size)

    def put(self, part: Part) -> None:
        """Take a part in."""
        while not self.stop.is_set():
            self.last = monotonic()
            try:
                self._queue.put(part, timeout=0 if self.drop_oldest else 0.1)
            except Full:
                if self.drop_oldest:
                    with suppress(Empty):  # it was taken out meanwhile, so there is room
                        self._queue.get_nowait()
                        self.dropped += 1
            else:
                self.delivered += 1
                return

    def get(self, seconds: float) -> Part | None:
        """The oldest; None where there is none for so long."""
        with suppress(Empty):
            return self._queue.get(timeout=seconds)
        return None

    def waiting(self) -> int:
        """How many there are."""
        return self._queue.qsize()


def tried(call: Callable[[], T]) -> T | CamError:
    """What a call gives, or why it does not: no part ends the line."""
    try:
        return call()
    except CamError as error:
        return error
    except Exception as error:
        log.exception("nobody foresaw this; the line goes on")
        return CamError(f"unexpected {type(error).__name__}: {error}")
