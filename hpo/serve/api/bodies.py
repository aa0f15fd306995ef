"""Bodies of requests: JSON, or TOML that means the same."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from hpo.serve.problems import MEDIA_TYPE, ProblemError

TOML = "application/toml"
M = TypeVar("M", bound=BaseModel)


async def read_text(request: Request) -> str:
    """The body of a request as text.

    Raises:
        ProblemError: 400, it is no UTF-8.
    """
    body = await request.body()
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"the body is no UTF-8: {error}") from None


def parsed(text: str, request: Request, model: type[M], *, beside: Sequence[str]) -> M:
    """What a body asks for. A body in TOML is the plan; what is `beside` it comes from the query.

    Raises:
        ProblemError: 400, it is neither; 422, a field is unknown or has another type.
    """
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip() == TOML:
            query = {
                name: request.query_params[name] for name in beside if name in request.query_params
            }
            fields = {**query, "plan": tomllib.loads(text)}
        else:
            fields = json.loads(text, parse_constant=_refuse)
        json.dumps(fields, ensure_ascii=False, default=str).encode()
    except tomllib.TOMLDecodeError as error:
        raise ProblemError(400, f"the body is not TOML: {error}") from None
    except (ValueError, RecursionError) as error:  # also of text that has no place in Unicode
        raise ProblemError(400, f"the body is not JSON: {error}") from None
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise ProblemError(422, f"{place[:100]}: {first['msg']}") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"it has no {word}")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document."""
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What was wrong, in one line."},
        },
    }
    return {
        status: {"description": "A problem document", "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }
