"""A bundle served over HTTP: verdicts, maps, regions, health, and counters for Prometheus.

    pip install 'camexport[cpu]' fastapi uvicorn prometheus-client
    python examples/service.py exported_models/inspector --port 8000
    curl --data-binary @part.png -H 'Content-Type: image/png' 'localhost:8000/explain?budget_ms=500'

Or `CAMSERVICE_BUNDLE=... uvicorn service:app --factory` in this folder; all settings are in
`service_settings.py`. Routes: `POST /predict`, `/explain` (JSON), `/explain.png`, with the
picture's bytes as the body; `GET /health/live`, `/health/ready`, `/metrics`, `/openapi.json`. What
is refused is told as RFC 9457 has it: 408 came in too slowly, 413 too large, 415 not a picture's
type, 422 a picture, class or parameter that does not do, 503 not ready, no place, or nothing that
fits the budget.

SIGHUP loads what lies at the bundle's path now; no request does. Whoever may send a picture may use
the machine: where the network is not the line's own, put a proxy before it that knows its users.
"""

import argparse
import asyncio
import math
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from camruntime import CamError, Explanation
from camruntime.pictures import encode_png
from service_answers import Explained, Prediction, explained, prediction
from service_limits import TYPES, Limits, Turn
from service_metrics import Counted, Metrics
from service_problems import Refused, documented, tell_problems
from service_settings import PREFIX, Settings, from_environment
from service_work import AUTO, Work


def _each_once(request: Request) -> None:
    """Refuses a parameter that is there twice, of which the last one would count."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise Refused(422, f"{name!r:.60}: expected once, got several times", "Parameter")


_BODY = {"required": True, "content": {kind: {"schema": {}} for kind in TYPES}}
_POST: dict[str, Any] = {
    "openapi_extra": {"requestBody": _BODY},
    "responses": documented(408, 413, 415, 422, 500, 503),
    "dependencies": [Depends(_each_once)],
}


def create_app(settings: Settings) -> FastAPI:
    """The service of one bundle; it is opened here, and warmed up when the app has started.

    Raises:
        CamError: it cannot be served with these settings.
    """
    metrics = Metrics()
    work, limits = Work(settings, metrics), Limits(settings, metrics)
    most = 1e3 * settings.seconds

    class Top(BaseModel):
        model_config = ConfigDict(extra="forbid")
        top: Annotated[int, Field(ge=1, le=1000, description="classes in `top`")] = 5

    class Asked(BaseModel):
        model_config = ConfigDict(extra="forbid")
        method: Annotated[
            Literal[(AUTO, *settings.methods)],  # type: ignore[valid-type]
            Field(description="`auto` is the first of the others that fits the budget"),
        ] = AUTO
        target: Annotated[
            Annotated[str, Field(min_length=1, max_length=200)] | SkipJsonSchema[None],
            Field(description="a label, an index, or a contrast; without, the top class"),
        ] = None
        budget_ms: Annotated[
            float,
            Field(gt=0, le=most, allow_inf_nan=False, description="from the body to the map"),
        ] = most

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(work.prepare))
        _reload_on_hangup(work)
        yield
        await warming
        limits.close()

    app = FastAPI(
        title="camruntime",
        version="1",
        docs_url=None,  # pages that load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to whichever host a client says
        lifespan=lifespan,
    )
    app.add_middleware(Counted, metrics=metrics)
    tell_problems(app)

    async def explanation(
        request: Request, asked: Asked, answer: Callable[[Explanation, Turn], Response]
    ) -> Response:
        opened = work.opened()

        def made(turn: Turn) -> Response:
            found = work.explain(opened, picture, asked.method, asked.target, turn)
            with metrics.seconds.labels("draw").time():
                return answer(found, turn)

        async with limits.picture(request) as picture:
            return await limits.done(request, asked.budget_ms / 1e3, made)

    @app.post("/predict", response_model=Prediction, **_POST)
    async def predict(request: Request, asked: Annotated[Top, Query()]) -> Response:
        """What the network says of the picture in the body."""
        opened = work.opened()

        def made(turn: Turn) -> Response:
            verdict = work.predict(opened, picture, turn)
            return _json(prediction(verdict, asked.top, turn.waited))

        async with limits.picture(request) as picture:
            return await limits.done(request, settings.seconds, made)

    @app.post("/explain", response_model=Explained, **_POST)
    async def explain(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """Why: evidence and regions."""
        return await explanation(
            request,
            asked,
            lambda found, turn: _json(explained(found, turn.waited)),
        )

    @app.post("/explain.png", **_POST | {"response_class": Png})
    async def explain_png(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """The picture with the map over it, and what its colours mean."""
        return await explanation(request, asked, lambda found, _: Png(encode_png(found.picture())))

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/health/ready", responses=documented(503))
    async def ready() -> dict[str, str]:
        """Pictures are taken."""
        return {"status": "ready", "bundle": work.opened().bundle.manifest.digest}

    @app.get("/metrics", response_class=Prometheus)
    async def counters() -> Response:
        """Counters, as Prometheus reads them."""
        return Prometheus(generate_latest(metrics.registry))

    return app


class Png(Response):
    """A picture."""

    media_type = "image/png"


class Prometheus(Response):
    """Counters as text."""

    media_type = CONTENT_TYPE_LATEST


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _reload_on_hangup(work: Work) -> None:
    """SIGHUP reloads, where there is such a signal and this is the thread that may take it."""
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, loop.run_in_executor, None, work.reload)


def app() -> FastAPI:
    """The factory for `uvicorn service:app --factory`; settings are environment variables."""
    try:
        return create_app(from_environment(os.environ))
    except CamError as error:
        raise SystemExit(f"error: {error}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """`python examples/service.py BUNDLE`; an argument goes before its variable."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("bundle", help="folder that `camexport build` wrote")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args(arguments)
    if not given.host:  # which would be all of the machine's networks
        parser.error("--host: expected a name or address, got an empty text")
    if not 0 <= given.port <= 65535:
        parser.error(f"--port: expected 0 to 65535, got {given.port}")
    try:
        settings = from_environment(os.environ | {f"{PREFIX}BUNDLE": given.bundle})
        served = create_app(settings)
    except CamError as error:
        sys.exit(f"error: {error}")
    uvicorn.run(
        served,
        host=given.host,
        port=given.port,
        server_header=False,
        ws="none",
        limit_concurrency=4 * (settings.uploads + settings.computing + settings.waiting),
        timeout_graceful_shutdown=math.ceil(settings.seconds) + 5,
    )


if __name__ == "__main__":
    main()
