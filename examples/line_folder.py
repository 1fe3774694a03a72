"""Parts from a folder that is watched."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from numpy.typing import NDArray

from camruntime import CamError
from camruntime.bundle import digest_file
from camruntime.errors import ImageError
from line_parts import Inbox, Part, tried

log = logging.getLogger("line")

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npy"})
POLL_S = 0.1
FORGET_S = 86_400.0
"""A file that was not there for so long is a new one: a share may be away for hours."""


class Stamp(NamedTuple):
    """What changes when a file is written."""

    size: int
    modified: int
    inode: int


class Seen(NamedTuple):
    """A file of the folder: as what it was first seen, and whether its part was taken."""

    stamp: Stamp
    since: float
    taken: bool


class Folder:
    """The pictures of a folder, as they appear; those in folders of it are not looked at.

    A file is taken once it has not changed for a while, or at once where `settle_s` is 0 and files
    are renamed into the folder when they are complete. Written again, it is a new part. One that
    changes while it is read is read again when it rests.

    Args:
        folder: that is watched; where it is gone, that is said, and it may come back.
        settle_s: seconds without a change.
        read: gives a file's pixels, or raises `CamError`.
        known: digest by name of files that were parts before, which are not taken again.
    """

    def __init__(
        self,
        folder: Path,
        settle_s: float,
        read: Callable[[Path], NDArray[Any]],
        known: dict[str, str],
    ) -> None:
        self._folder, self._settle_s, self._read, self._known = folder, settle_s, read, known
        self._seen: dict[str, Seen] = {}
        self._forgot = monotonic()
        self._last = dict.fromkeys(known, self._forgot)

    def run(self, inbox: Inbox) -> None:
        """Put parts in until the inbox stops."""
        gone = False
        while not inbox.stop.is_set():
            try:
                for part in self.parts():
                    inbox.put(part)
                    if inbox.stop.is_set():
                        return
                gone = False
            except OSError as error:
                if not gone:
                    log.error("cannot look into %s: %s; tried again", self._folder, error.strerror)
                gone = True
            inbox.stop.wait(POLL_S)

    def parts(self) -> Iterator[Part]:
        """Parts of files that rest and were not taken yet, the oldest first."""
        self._seen = dict(self._look())
        self._forget()
        rested = [
            (seen.stamp.modified, name)
            for name, seen in self._seen.items()
            if not seen.taken and monotonic() - seen.since >= self._settle_s
        ]
        for _, name in sorted(rested):
            part = self._part(name)
            if _stamp(self._folder / name) != self._seen[name].stamp:
                continue  # it was written meanwhile, or removed
            self._seen[name] = self._seen[name]._replace(taken=True)
            if part is None:
                log.info("%r is recorded already, and left out", name)
                continue
            self._known[name] = part.digest or ""
            yield part

    def _forget(self) -> None:
        """Names that are long gone: there will be millions."""
        now = monotonic()
        self._last |= dict.fromkeys(self._seen, now)
        if now - self._forgot > FORGET_S:
            self._forgot = now
            for name in [one for one, last in self._last.items() if now - last > FORGET_S]:
                del self._last[name]
                self._known.pop(name, None)

    def _look(self) -> Iterator[tuple[str, Seen]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or Path(name).suffix.lower() not in SUFFIXES:
                    continue
                stamp, before = _stamp(self._folder / name), self._seen.get(name)
                if stamp is not None:
                    same = before is not None and before.stamp == stamp
                    yield name, before if before and same else Seen(stamp, monotonic(), False)

    def _part(self, name: str) -> Part | None:
        """None of a file that was a part already."""
        path, came = self._folder / name, datetime.now(UTC)
        try:
            digest = digest_file(path)
        except OSError as error:
            return Part(name, ImageError(f"cannot read {name!r}: {error.strerror}"), came, path)
        if self._known.get(name) == digest:
            return None
        return Part(name, tried(lambda: self._read(path)), came, path, digest)


def _stamp(path: Path) -> Stamp | None:
    """None where it is gone, or no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino) if path.is_file() else None


def recorded(file: Path) -> dict[str, str]:
    """Digest by name of files that have a record: twenty times as fast as `read_records`.

    Raises:
        CamError: a line is no record.
    """
    known: dict[str, str] = {}
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                picture = json.loads(line)["picture"]
                if picture["path"] is not None:
                    known[Path(picture["path"]).name] = picture["file_sha256"] or ""
            except (ValueError, KeyError, TypeError) as error:
                raise CamError(f"{file}, line {number} is no record: remove it") from error
    return known
