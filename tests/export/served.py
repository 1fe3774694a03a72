"""The service of `examples/`, served for tests by a real server in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from service import create_app
from service_settings import Settings

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
SAMPLES = sorted((INSPECTOR / "samples").glob("*.png"))
PNG = {"Content-Type": "image/png"}
WAIT = 20.0  # seconds, of a machine that others use


@dataclass(frozen=True)
class Served:
    """A service, and a client of it."""

    port: int
    client: httpx.Client

    def post(self, route: str, picture: bytes | Path = SAMPLES[0], **query: str) -> httpx.Response:
        """The answer for a picture."""
        body = picture.read_bytes() if isinstance(picture, Path) else picture
        return self.client.post(route, content=body, headers=PNG, params=query)

    def counters(self) -> dict[tuple[str, ...], float]:
        """Values by name and labels, without the time at which they began."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return {
            (
                one.name,
                *(f"{name}={value}" for name, value in sorted(one.labels.items())),
            ): one.value
            for family in families
            for one in family.samples
            if not one.name.endswith("_created")
        }

    def count(self, name: str, *labels: str) -> float:
        """One of them; 0 where it was never counted."""
        return self.counters().get((f"camservice_{name}", *labels), 0)

    def raw(self, head: str, body: bytes = b"") -> socket.socket:
        """A connection on which a request was begun."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return connection


@contextmanager
def served(settings: Settings, ready: bool = True) -> Iterator[Served]:
    """Serve until the block ends; the socket is open before, so that no port is guessed."""
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_config=None, lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT) as client:
                one = Served(port, client)
                until(lambda: server.started)
                if ready:
                    until(lambda: client.get("/health/ready").status_code == 200)
                yield one
        finally:
            server.should_exit = True
            thread.join()


def until(true: Callable[[], bool]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
