"""The page of a study: it moves while the search runs, and ends as the report."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from hpo.serve.caller import Reads
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service, TheService
from hpo.serve.web import state
from hpo.serve.web.addresses import name_in
from hpo.serve.web.kept import Kept
from hpo.serve.web.rendering import environment, figure, page

router = APIRouter()

LIVE = ("history", "ranges", "curves")
"""The figures of a search that runs, by their keys in the report."""

_figures: Kept[bytes | None] = Kept(300, seconds=4.0)
_bodies: Kept[str] = Kept(30, seconds=4.0)
_fragments: Kept[str] = Kept(100, seconds=1.0)


@router.get("/searches/{search}", response_class=HTMLResponse)
def study(request: Request, search: str, caller: Reads, service: TheService) -> HTMLResponse:
    """The page of a study."""
    name = name_in(service, caller, search)
    shown = _shown(service, name, request.url.path)
    return page(request, "study.html.j2", shown)


@router.get("/searches/{search}/fragment", response_class=HTMLResponse)
def fragment(request: Request, search: str, caller: Reads, service: TheService) -> HTMLResponse:
    """The part of the page that moves, for the script that swaps it."""
    name, at = name_in(service, caller, search), request.url.path.removesuffix("/fragment")
    url = service.database.url

    def render() -> str:
        shown = _shown(service, name, at)
        return environment().get_template("moving.html.j2").render(shown)

    html = _fragments.get((url, name, at), lambda: state.version(url, name), render)
    return HTMLResponse(html, headers={"Cache-Control": "private, no-cache"})


@router.get("/searches/{search}/figures/{key}.svg")
def drawn(search: str, key: str, caller: Reads, service: TheService) -> Response:
    """A figure of the report."""
    from hpo.serve.web import drawn

    name, url = name_in(service, caller, search), service.database.url
    svg = _figures.get(
        (url, name, key),
        lambda: state.version(url, name),
        lambda: service.pool.run(drawn.figure, url, name, key),
    )
    if svg is None:
        raise ProblemError(404, f"the report of study {name!r} has no figure {key[:100]!r}")
    return figure(svg)


def _shown(service: Service, name: str, at: str) -> dict[str, Any]:
    """What the templates of a study's page show; `at` is its address."""
    url = service.database.url
    now = state.moment(url, name)
    shown: dict[str, Any] = {"name": name, "at": at, "now": now, "figures": LIVE, "body": None}
    if now is not None and now.summary.record.state == "complete":
        shown["body"] = Markup(_body(service, name, at))  # noqa: S704  # a template has escaped it
    shown["version"] = abs(hash(state.version(url, name)))
    return shown


def _body(service: Service, name: str, at: str) -> str:
    from hpo.serve.web import drawn

    url = service.database.url
    return _bodies.get(
        (url, name, at),
        lambda: state.version(url, name),
        lambda: service.pool.run(drawn.report_body, url, name, at),
    )
