"""No more at once than the machine can bear, and nothing for those who have left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from starlette.requests import ClientDisconnect, Request

from service_metrics import Metrics
from service_problems import LEFT, Refused
from service_settings import Settings

TYPES = (
    *("image/png", "image/jpeg", "image/tiff", "image/bmp", "image/webp"),
    "application/octet-stream",
)
"""Of bodies; which kind of picture it is, its first bytes say."""

T = TypeVar("T")


class Turn(NamedTuple):
    """One picture's: `stop` is set when nobody waits for it any more; seconds waited, and left."""

    stop: threading.Event
    waited: float
    left: float


class Limits:
    """Who may send a picture, and whose is computed."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._pool = ThreadPoolExecutor(settings.computing, "explain")
        self._inside = self._uploads = 0  # changed in the event loop alone

    def close(self) -> None:
        """End the threads, when those at work are done."""
        self._pool.shutdown(cancel_futures=True)

    @asynccontextmanager
    async def picture(self, request: Request) -> AsyncIterator[Path]:
        """The body as a file, which is gone afterwards.

        What is refused is told while the rest of it may still come in, which the server drops: on
        a connection that is closed then, the client would lose the answer.

        Raises:
            Refused: it is too large, too slow, no picture by its type, or there is no place.
        """
        self._require_place()
        kind = request.headers.get("content-type", TYPES[-1]).partition(";")[0].strip().lower()
        if kind not in TYPES:
            said = f"expected a picture as the body, of type {', '.join(TYPES)}, got {kind!r:.60}"
            raise Refused(415, said, "UnsupportedType")
        with TemporaryDirectory(prefix="camservice-") as folder:
            path = Path(folder, "picture")
            await self._receive(request, path)
            yield path

    async def done(self, request: Request, seconds: float, work: Callable[[Turn], T]) -> T:
        """What `work` returns, in a thread, when it is its turn.

        Raises:
            Refused: there is no place, no turn came in time, or the client left; then nothing more
                is computed but the chunk that is under way.
        """
        self._require_place()
        stop, begin = threading.Event(), perf_counter()

        def at_last() -> T:
            waited = perf_counter() - begin
            self._metrics.waiting.dec()
            with self._metrics.computing.track_inprogress():
                if waited >= seconds:
                    raise _too_late(seconds)
                return work(Turn(stop, waited, seconds - waited))

        self._inside += 1
        self._metrics.waiting.inc()
        future = self._pool.submit(at_last)
        answer = asyncio.wrap_future(future)
        gone = asyncio.create_task(_disconnected(request))
        try:
            either: set[asyncio.Future[Any]] = {answer, gone}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            late = not (answer.done() or gone.done())
            if not answer.done() and future.cancel():
                self._metrics.waiting.dec()
                raise _too_late(seconds) if late else _left()
            if gone.done() and not answer.done():
                stop.set()
            return await answer
        finally:
            stop.set()
            gone.cancel()
            self._inside -= 1

    async def _receive(self, request: Request, path: Path) -> None:
        most = int(1e6 * self._settings.megabytes)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        if self._uploads >= self._settings.uploads:
            raise _busy(f"{self._uploads} pictures are coming in already")
        self._uploads += 1
        try:
            with self._metrics.uploading.track_inprogress(), path.open("wb") as file:
                async with asyncio.timeout(self._settings.upload_seconds):
                    async for part in request.stream():
                        if file.tell() + len(part) > most:
                            raise _too_large(most)
                        file.write(part)
        except TimeoutError:
            said = f"expected a whole picture within {self._settings.upload_seconds:g} s"
            raise Refused(408, said, "TooSlow", connection="close") from None
        except ClientDisconnect:
            raise _left() from None
        finally:
            self._uploads -= 1

    def _require_place(self) -> None:
        if self._inside >= self._settings.computing + self._settings.waiting:
            raise _busy(f"{self._inside} pictures are waiting or at work already")


async def _disconnected(request: Request) -> None:
    """Returns when the client has closed the connection; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _busy(why: str) -> Refused:
    return Refused(503, f"{why}: try again", "Busy", retry_after="1")


def _too_large(most: int) -> Refused:
    said = f"expected a picture of at most {most} bytes: make it smaller"
    return Refused(413, said, "TooLarge")


def _too_late(seconds: float) -> Refused:
    said = f"no turn came within {1e3 * seconds:g} ms: try again, or give a larger budget_ms"
    return Refused(503, said, "Busy", retry_after="1")


def _left() -> Refused:
    return Refused(LEFT, "the client left", "Left")
