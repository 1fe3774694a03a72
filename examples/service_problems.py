"""Every answer that is none, in one shape: problem details of RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

LEFT = 499
"""In counters alone: whoever asked has closed the connection."""

_MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why there is no answer; `error` is for programs, `detail` for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str


class Refused(Exception):  # noqa: N818  # an answer, as a redirection is
    """An answer other than 200.

    Attributes:
        status: of HTTP.
        detail: what was expected, what came, what to do, in a line.
        error: a name for programs.
        headers: of the answer.
    """

    def __init__(self, status: int, detail: str, error: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.error = status, detail, error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These answers for FastAPI's `responses`."""
    content = {_MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {one: {"description": HTTPStatus(one).phrase, "content": content} for one in statuses}


def tell_problems(app: FastAPI) -> None:
    """All that an app refuses, and its own mistakes, become such answers."""

    @app.exception_handler(Refused)
    async def refused(_: Request, one: Refused) -> Response:
        return _told(one.status, one.detail, one.error, one.headers)

    @app.exception_handler(HTTPException)
    async def http(_: Request, one: HTTPException) -> Response:
        return _told(one.status_code, one.detail, "Http", one.headers)

    @app.exception_handler(RequestValidationError)
    async def parameter(_: Request, one: RequestValidationError) -> Response:
        wrong = one.errors()[0]
        detail = f"{wrong['loc'][1]!s:.60}: {wrong['msg']}, got {wrong['input']!r:.60}"
        return _told(422, detail, "Parameter")

    @app.exception_handler(Exception)
    async def internal(_: Request, one: Exception) -> Response:
        detail = "something is wrong here: see the service's log"
        return _told(500, detail, "Internal", {"connection": "close"})  # as the server does then


def _told(
    status: int, detail: str, error: str, headers: Mapping[str, str] | None = None
) -> Response:
    title = "Client Closed Request" if status == LEFT else HTTPStatus(status).phrase
    told = Problem(title=title, status=status, detail=detail, error=error)
    return Response(told.model_dump_json(), status, headers, _MEDIA_TYPE)
