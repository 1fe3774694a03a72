"""Parts from a camera, or a video."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import cv2
from numpy.typing import NDArray

from camruntime.errors import ImageError
from line_parts import Inbox, Part

log = logging.getLogger("line")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


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
        try:
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
            finally:
                capture.release()
        except Exception as error:  # whatever a camera's library raises
            log.warning("camera %s: %s", self._name, error)


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
