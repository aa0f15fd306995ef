"""Templates -> pages: one environment, and what every page shows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from hpo.serve.caller import Caller, csrf
from hpo.serve.problems import ProblemError, problem_of
from studies.database.engine import now
from studies.words import age, counted, describe, duration, number, setting, settings

OF_A_FIGURE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "private, max-age=60",
}
"""The style of a figure is in its SVG, which is a document of its own. Pages have neither inline style nor script."""


@functools.cache
def environment() -> jinja2.Environment:
    """The environment of the templates; the report's are there, too, so that a page can show its body."""
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("hpo.serve.web"), jinja2.PackageLoader("studies.pages")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": ago,
        "describe": describe,
        "duration": duration,
        "number": number,
        "setting": setting,
        "settings": settings,
        "size": size,
        "value": lambda value: number(value, 4),
    }
    made.globals |= {"counted": counted}
    return made


def ago(time: datetime | None) -> str:
    """How long ago something was, in words; a dash where that is not known."""
    return "–" if time is None else f"{age((now() - time).total_seconds())} ago"


def size(count: int) -> str:
    """A number of bytes in the unit that fits."""
    for unit, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= of:
            return f"{count / of:.3g} {unit}"
    return f"{count} bytes"


def page(
    request: Request,
    template: str,
    shown: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page. What it shows is escaped, wherever it comes from."""
    caller: Caller | None = getattr(request.state, "caller", None)
    known = {"caller": caller, "csrf": csrf(request), "path": request.url.path}
    html = environment().get_template(template).render({**known, **shown})
    return HTMLResponse(html, status, headers=headers)


def figure(svg: bytes) -> Response:
    """A figure, which a page shows as an image."""
    return Response(svg, media_type="image/svg+xml", headers=OF_A_FIGURE)


def beside_field(error: Exception) -> ProblemError:
    """What is wrong with what was sent, to be shown in its form; faults of the service are raised again."""
    problem = problem_of(error)
    if problem is None or problem.status not in (409, 413, 422, 429):
        raise error
    return problem


def error_page(request: Request, problem: ProblemError) -> HTMLResponse:
    """What went wrong, as a page."""
    title = HTTPStatus(problem.status).phrase
    shown = {"title": title, "detail": problem.detail, "status": problem.status}
    return page(request, "error.html.j2", shown, status=problem.status, headers=problem.headers)


@functools.cache
def static(name: str) -> bytes:
    """A file that pages load. The style of pages begins with that of the report: they look alike."""
    own = resources.files("hpo.serve.web").joinpath("static", name).read_bytes()
    if name != "pages.css":
        return own
    shared = resources.files("studies.pages").joinpath("templates", "style.css").read_bytes()
    return shared + own
