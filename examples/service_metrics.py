"""What the service counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter(
            "camservice_requests",
            "Answers, by route and HTTP status; 499 where the client left before.",
            ["route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "camservice_stage_seconds",
            "Seconds of a picture's stages: wait for a place, read, network, method, draw.",
            ["stage"],
            buckets=_SECONDS,
            registry=own,
        )
        self.uploading = Gauge("camservice_uploading", "Bodies that come in now.", registry=own)
        self.waiting = Gauge("camservice_waiting", "Pictures that wait now.", registry=own)
        self.computing = Gauge("camservice_computing", "Pictures at work now.", registry=own)
        self.parts = Counter(
            "camservice_parts", "Parts, by route and verdict.", ["route", "predicted"], registry=own
        )
        self.explanations = Counter(
            "camservice_explanations",
            "Explanations, by method and evidence: found, none, or uncalibrated.",
            ["method", "evidence"],
            registry=own,
        )
        self.copies = Counter(
            "camservice_perturbed_copies", "Perturbed copies that were computed.", registry=own
        )
        self.reloads = Counter(
            "camservice_reloads", "Reloads of the bundle, by result.", ["result"], registry=own
        )
        self.bundle = Info("camservice_bundle", "What is served.", registry=own)


class Counted:
    """ASGI middleware that counts answers by the route's template, as paths are without end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count an answer when it begins; where there is none, whoever is outside answers 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        def count(status: int) -> None:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()

        async def counting(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counting)
        except Exception:
            if not begun:
                count(500)
            raise
