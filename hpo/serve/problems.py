"""Errors as RFC 9457 problem documents, which carry the same one-line texts as the commands.

{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no study 'first': …"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from hpo.errors import (
    ConnectionLostError,
    DataError,
    HeldError,
    HpoError,
    NoSuchStudyError,
    NothingToAskError,
    PlanError,
    StudyExistsError,
    as_ours,
)

MEDIA_TYPE = "application/problem+json"
SIGN_IN = "/sign-in"

_STATUS: dict[type[HpoError], int] = {
    NoSuchStudyError: 404,
    StudyExistsError: 409,
    HeldError: 409,
    NothingToAskError: 409,
    ConnectionLostError: 503,
    PlanError: 422,
    DataError: 422,
    HpoError: 500,
}

_DETAILS = {  # where the framework only repeats the title
    404: "there is nothing at this address",
    405: "this address is not for this method",
}


class ProblemError(HTTPException):
    """An error that a client is told: an HTTP status, one line, and members of the document beside them.

    It is one of Starlette's, so that it comes through where FastAPI reads a body.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail, headers)
        self.status, self.members = status, members


def problem_of(error: Exception) -> ProblemError | None:
    """An error as a problem; None for one that is a fault of the service."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        detail = _DETAILS.get(error.status_code, error.detail)
        return ProblemError(error.status_code, detail, headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return ProblemError(400, "the request ended before its body did")
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        return ProblemError(422, f"{place}: {first['msg']}" if place else str(first["msg"]))
    ours = as_ours(error)
    for kind, status in _STATUS.items():
        if isinstance(ours, kind):
            return ProblemError(status, str(ours))
    return None


def answer(problem: ProblemError) -> JSONResponse:
    """The problem document."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    return JSONResponse(
        document, problem.status, headers=dict(problem.headers or {}), media_type=MEDIA_TYPE
    )


def respond(request: Request, problem: ProblemError) -> Response:
    """The answer to a request: a document for programs, a page for people, who are asked to sign in if that helps.

    `app.state.error_page(request, problem)` makes the page.
    """
    page: Callable[[Request, ProblemError], Response] | None = getattr(
        request.app.state, "error_page", None
    )
    if page is None or not for_people(request):
        return answer(problem)
    if problem.status == 401 and request.url.path != SIGN_IN:
        place = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': place})}", 303)
    return page(request, problem)


def for_people(request: Request) -> bool:
    """Whether a request comes from somebody who looks at pages."""
    path, accepted = request.url.path, request.headers.get("accept", "")
    return "text/html" in accepted and not path.startswith(("/api/", "/health/", "/metrics"))


async def answer_error(request: Request, error: Exception) -> Response:
    """The handler of every error that a client may be told."""
    problem = problem_of(error)
    if problem is None:
        raise error
    return respond(request, problem)


def install(app: FastAPI) -> None:
    """Let every error that a client may be told become a problem document."""
    import studies.errors
    import trainer.errors

    kinds = (HTTPException, RequestValidationError, HpoError)
    for kind in (*kinds, studies.errors.StoreError, trainer.errors.DataError):
        app.add_exception_handler(kind, answer_error)
