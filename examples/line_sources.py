"""Where parts come from: a folder that is watched, or a camera."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

import cv2
from numpy.typing import NDArray

from camruntime import CamError
from camruntime.bundle import digest_file
from camruntime.errors import ImageError
from line_parts import Inbox, Part

log = logging.getLogger("line")

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npy"})
POLL_S = 0.1
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


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
        known: names and digests of files that were parts before, which are not taken again.
    """

    def __init__(
        self,
        folder: Path,
        settle_s: float,
        read: Callable[[Path], NDArray[Any]],
        known: set[tuple[str, str]],
    ) -> None:
        self._folder, self._settle_s, self._read, self._known = folder, settle_s, read, known
        self._seen: dict[str, Seen] = {}

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
            key = (name, part.digest or "")
            if key in self._known:
                log.info("%r is recorded already, and left out", name)
                continue
            self._known.add(key)
            yield part

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

    def _part(self, name: str) -> Part:
        path, came = self._folder / name, datetime.now(UTC)
        try:
            digest = digest_file(path)
        except OSError as error:
            return Part(name, ImageError(f"cannot read {name!r}: {error.strerror}"), came, path)
        if (name, digest) in self._known:
            return Part(name, ImageError("not read"), came, path, digest)
        try:
            return Part(name, self._read(path), came, path, digest)
        except CamError as error:
            return Part(name, error, came, path, digest)


def _stamp(path: Path) -> Stamp | None:
    """None where it is gone, or no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino) if path.is_file() else None


class Capture(Protocol):
    """What `cv2.VideoCapture` does, and the library of your camera may do."""

    def read(self) -> tuple[bool, Any]:
        """Whether there is a frame, and the frame, in BGR order or grey."""

    def release(self) -> None:
        """Let go of the camera."""


class Camera:
    """A camera's frames as they come; where none comes, it is opened again, ever later.

    Args:
        name: for people.
        opened: opens it.
        ends: it is a video, which is over where it ends.
    """

    def __init__(self, name: str, opened: Callable[[], Capture], ends: bool) -> None:
        self._name, self._opened, self._ends = name, opened, ends
        self._number = 0

    def run(self, inbox: Inbox) -> None:
        """Put frames in until the inbox stops, or the video is over.

        Raises:
            ImageError: a video has no frame.
        """
        wait = FIRST_WAIT_S
        while not inbox.stop.is_set():
            before = self._number
            self._frames(inbox)
            if self._ends and not self._number:
                raise ImageError(f"no frame in {self._name}: expected a video that OpenCV decodes")
            if self._ends or inbox.stop.is_set():
                return
            wait = FIRST_WAIT_S if self._number > before else wait
            log.warning("no frame from camera %s: opened again in %.1f s", self._name, wait)
            inbox.stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _frames(self, inbox: Inbox) -> None:
        """Those until one is missing."""
        capture = self._opened()
        try:
            while not inbox.stop.is_set():
                there, frame = capture.read()
                if not there:
                    return
                came = datetime.now(UTC)
                self._number += 1
                name = f"{came:%Y%m%dT%H%M%S.%fZ}-{self._number}"
                inbox.put(Part(name, _rgb(frame), came))
        except cv2.error as error:
            log.warning("camera %s: %s", self._name, error)
        finally:
            capture.release()


def _rgb(frame: NDArray[Any]) -> NDArray[Any]:
    """Colours as the network expects them; grey frames as they are. A copy is left to whoever drew.

    `cv2.VideoCapture` gives each frame memory of its own; a library that fills one buffer again
    and again takes a `.copy()` here.
    """
    if frame.ndim == 3 and frame.shape[2] == 3:
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    return frame


def opened_camera(source: str, raw: bool) -> Callable[[], Capture]:
    """Opens a camera by index or URL, or a video; `raw` leaves 16-bit frames as they are."""

    def opened() -> Capture:
        capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
        if raw:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return capture

    return opened


def without_password(source: str) -> str:
    """A URL as a log may show it."""
    return re.sub(r"//[^/@]*@", "//***@", source)
