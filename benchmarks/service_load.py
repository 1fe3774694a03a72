"""The service of `examples/` under load, by a client of our own on the same machine.

    python benchmarks/service_load.py [BUNDLE] [--clients 1 4 16] [--seconds 5] [--rounds 3]

The service runs in a process of its own, with its defaults but for places to wait; clients are
connections that stay open, each with one request at a time, over sockets, as a library for HTTP
would take the processor from the service. Pictures: a sample of 128 x 128 pixels, and a photograph
of 2 megapixels as JPEG. A round is each route with each number of clients for so many seconds, and
the same work in this process, alone, for as long: `predict`, or `explain` and its regions. Printed
for each: requests a second, median and 99th percentile of milliseconds, answers other than 200; and
the median of the fewest clients less that of this process, which is what HTTP costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import cv2
import numpy as np
from many_images import photograph

import camruntime

PROJECT = Path(__file__).parents[1]
INSPECTOR = PROJECT / "exported_models" / "inspector"
ROUTES = ("/predict", "/explain?method=recipro-cam")


@dataclass
class Taken:
    """Seconds of each answer, over all rounds, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    lasted: float = 0.0

    def cells(self) -> str:
        """Requests a second, p50 and p99 in ms, errors, for a table."""
        p50, p99 = np.percentile(self.seconds, (50, 99)) * 1e3
        return f"{len(self.seconds) / self.lasted:.0f} | {p50:.1f} | {p99:.1f} | {self.wrong}"

    @property
    def median_ms(self) -> float:
        """Of an answer."""
        return 1e3 * float(np.median(self.seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path, default=INSPECTOR)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print("load of the machine before:", *os.getloadavg())
    explainer = camruntime.load(given.bundle)
    explainer.warm_up()
    with TemporaryDirectory() as folder, service(given.bundle, max(given.clients)) as port:
        for picture in pictures(Path(folder)):
            measured(port, explainer, picture, given)
    print("load of the machine after:", *os.getloadavg())


def pictures(folder: Path) -> Iterator[Path]:
    """The two, as files."""
    yield next(iter(sorted((INSPECTOR / "samples").glob("*.png"))))
    large = folder / "2 MP.jpg"
    cv2.imwrite(str(large), photograph(2, 0), [cv2.IMWRITE_JPEG_QUALITY, 92])
    yield large


def measured(
    port: int, explainer: camruntime.Explainer, picture: Path, given: argparse.Namespace
) -> None:
    """All rounds of one picture, printed."""
    alone: dict[str, Callable[[], object]] = {
        ROUTES[0]: lambda: explainer.predict(picture),
        ROUTES[1]: lambda: regions(explainer, picture),
    }
    found = {(route, count): Taken() for route in ROUTES for count in (0, *given.clients)}
    for _ in range(given.rounds):
        for (route, count), taken in found.items():
            if count:
                asyncio.run(load(port, route, picture.read_bytes(), count, given.seconds, taken))
            else:
                call(alone[route], given.seconds, taken)
    for route in ROUTES:
        for count in (0, *given.clients):
            who = f"{count} clients" if count else "in this process"
            print(f"| {picture.name} | {route} | {who} | {found[route, count].cells()} |")
        fewest = min(given.clients)
        over = found[route, fewest].median_ms - found[route, 0].median_ms
        print(f"{route}: {over:.2f} ms over the call in this process, {fewest} client(s)")


def regions(explainer: camruntime.Explainer, picture: Path) -> object:
    """What the service has to know for its answer."""
    found = explainer.explain(picture, "recipro-cam", budget_ms=10_000)
    return [(one.figures(), one.polygon, one.holes) for one in found.shown_regions]


def call(work: Callable[[], object], seconds: float, taken: Taken) -> None:
    """The same call, again and again."""
    begin = time.perf_counter()
    while time.perf_counter() < begin + seconds:
        before = time.perf_counter()
        work()
        taken.seconds.append(time.perf_counter() - before)
    taken.lasted += time.perf_counter() - begin


async def load(
    port: int, route: str, body: bytes, clients: int, seconds: float, taken: Taken
) -> None:
    """So many clients at once; those that are refused ask again at once."""
    head = f"POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    begin = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < begin + seconds:
            before = time.perf_counter()
            writer.write(request)
            status = await answered(reader)
            if status == 200:
                taken.seconds.append(time.perf_counter() - before)
            else:
                taken.wrong += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    taken.lasted += time.perf_counter() - begin


async def answered(reader: asyncio.StreamReader) -> int:
    """The status of an answer, once all of it was read."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])


@contextmanager
def service(bundle: Path, waiting: int) -> Iterator[int]:
    """The port of a service that is ready, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        str(PROJECT / "examples/service.py"),
        str(bundle),
        "--port",
        f"{port}",
    ]
    settings = {"CAMSERVICE_WAITING": str(waiting)}
    process = subprocess.Popen(
        command, env=os.environ | settings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        until_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/ready"):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the service ended: start examples/service.py to see why")


if __name__ == "__main__":
    main()
