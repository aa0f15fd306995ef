"""Templates -> pages: one environment, what every page shows, and the policy by which browsers read pages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from studies.database.engine import now
from studies.words import age, counted, describe, duration, number, setting, settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages have no inline script and no inline style, and ask nobody else for anything."""

OF_A_FIGURE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The style of a figure is in its SVG, which is a document of its own."""


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
        "value": lambda value: number(value, 4),
    }
    made.globals |= {"counted": counted}
    return made


def ago(time: datetime | None) -> str:
    """How long ago something was, in words; a dash where that is not known."""
    return "–" if time is None else f"{age((now() - time).total_seconds())} ago"


def page(
    request: Request,
    template: str,
    shown: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page. What it shows is escaped, wherever it comes from."""
    caller = getattr(request.state, "caller", None)
    html = (
        environment().get_template(template).render(caller=caller, path=request.url.path, **shown)
    )
    return HTMLResponse(html, status, headers={**policy(POLICY), **(headers or {})})


def figure(svg: bytes) -> Response:
    """A figure, which a page shows as an image."""
    return Response(svg, media_type="image/svg+xml", headers=policy(OF_A_FIGURE))


def policy(content: str) -> dict[str, str]:
    """The headers by which a browser reads an answer: what it may load, and that nobody else keeps it."""
    return {
        "Content-Security-Policy": content,
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


@functools.cache
def static(name: str) -> bytes:
    """A file that pages load. The style of pages begins with that of the report: they look alike."""
    own = resources.files("hpo.serve.web").joinpath("static", name).read_bytes()
    if name != "pages.css":
        return own
    shared = resources.files("studies.pages").joinpath("templates", "style.css").read_bytes()
    return shared + own
