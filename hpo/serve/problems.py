"""Errors as RFC 9457 problem documents, which carry the same one-line texts as the commands.

{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no study 'first': …"}
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

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


class ProblemError(Exception):
    """An error that a client is told: an HTTP status, one line, and members of the document beside them."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.members = status, detail, headers, members


def problem_of(error: Exception) -> ProblemError | None:
    """An error as a problem; None for one that is a fault of the service."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        return ProblemError(error.status_code, str(error.detail), headers=error.headers)
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


async def answer_error(_: Request, error: Exception) -> JSONResponse:
    """The handler of every error that a client may be told."""
    problem = problem_of(error)
    if problem is None:
        raise error
    return answer(problem)


def install(app: FastAPI) -> None:
    """Let every error that a client may be told become a problem document."""
    import studies.errors
    import trainer.errors

    kinds = (HTTPException, RequestValidationError, ProblemError, HpoError)
    for kind in (*kinds, studies.errors.StoreError, trainer.errors.DataError):
        app.add_exception_handler(kind, answer_error)
