"""What is written of parts, in a thread of its own: a full disk stops no verdict."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic

from camruntime import CamError
from camruntime.errors import OutputError
from camruntime.record import Record, RecordLog
from line_parts import Flag

log = logging.getLogger("line")

RETRY_S = 1.0
LEAST_S = 1.0  # at the end, however short the grace is


@dataclass(frozen=True, eq=False)
class Entry:
    """A part's record, and files that are there before it is; each is made when it is written."""

    record: Record
    files: Mapping[Path, Callable[[], bytes]] = field(default_factory=dict)


class Writer:
    """Writes entries in their order.

    What cannot be written is tried again every second. Meanwhile the line goes on: entries wait,
    and the newest is lost and counted where too many do. Where the disk is only slow, the line
    waits for it.

    Args:
        records: where lines go.
        most: how many entries wait.
        hurry: set where the line must not wait any more.

    Attributes:
        lost: parts that have no record and never will.
        failures: tries since one succeeded.
    """

    def __init__(self, records: RecordLog, most: int, hurry: Flag) -> None:
        self.lost = self.failures = 0
        self._records, self._hurry = records, hurry
        self._queue: Queue[Entry] = Queue(most)
        self._closing = Event()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Have it written."""
        while True:
            try:
                return self._queue.put(entry, timeout=0.1)
            except Full:
                if self.failures or self._hurry.is_set():
                    return self.lose(entry.record.part, "it could not be written")

    def lose(self, part: str | None, why: object) -> None:
        """Count and name a part that will have no record."""
        self.lost += 1
        log.error("part %r has no record: %s", part, why)

    def waiting(self) -> int:
        """How many entries are not on the disk yet, but for the one that is being written."""
        return self._queue.qsize()

    def close(self) -> None:
        """Write what waits, each tried once more; what a hanging disk does not take is lost."""
        self._closing.set()
        least = monotonic() + LEAST_S
        while self._thread.is_alive() and not (self._hurry.is_set() and monotonic() > least):
            self._thread.join(0.05)
        if self._thread.is_alive():
            left = self._queue.qsize() + 1
            self.lost += left
            log.error("the disk did not take them in time: %d records are lost", left)
        else:
            self._records.close()

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            try:
                entry = self._queue.get(timeout=0.1)
            except Empty:
                continue
            self._write(entry)

    def _write(self, entry: Entry) -> None:
        while True:
            try:
                for path, content in entry.files.items():
                    write_whole(path, content())
                self._records.add(entry.record)
            except Exception as error:  # whatever it is, the entries behind are written, too
                if not self.failures:
                    known = isinstance(error, CamError)
                    log.error(
                        "part %r waits for the disk: %s",
                        entry.record.part,
                        error,
                        exc_info=not known,
                    )
                self.failures += 1
                if self._closing.wait(RETRY_S):
                    return self.lose(entry.record.part, "it could not be written")
            else:
                if self.failures:
                    log.warning("writing goes on, after %d tries", self.failures)
                self.failures = 0
                return None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is complete or not there, also after a power cut.

    Raises:
        OutputError: it cannot be written; nothing of it is left.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
