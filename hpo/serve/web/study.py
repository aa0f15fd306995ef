"""The page of a study: it moves while the search runs, and ends as the report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from hpo.serve import models
from hpo.serve.caller import Caller, Reads
from hpo.serve.problems import ProblemError
from hpo.serve.progress import Search
from hpo.serve.service import Service, TheService
from hpo.serve.web import state
from hpo.serve.web.addresses import address_of, name_in
from hpo.serve.web.kept import Kept
from hpo.serve.web.rendering import environment, figure, page

router = APIRouter()

REST = 20
"""A search that runs is drawn again after so many times as long as drawing took, so that viewers slow it little."""

_figures: Kept[bytes] = Kept(100, rest=REST)
_fragments: Kept[str] = Kept(100, seconds=1.0, rest=REST)


@router.get("/searches/{search}", response_class=HTMLResponse)
def study(request: Request, search: str, caller: Reads, service: TheService) -> HTMLResponse:
    """The page of a study."""
    return study_page(request, search, caller, service)


def study_page(
    request: Request,
    search: str,
    caller: Caller,
    service: Service,
    wrong: ProblemError | None = None,
    **typed: str,
) -> HTMLResponse:
    """The page of a study; `typed` is what came back from its forms, of which the last is `wrong`."""
    name = name_in(service, caller, search)
    known = state.search_now(service, caller, name)
    shown = _shown(service, known)
    if shown["body"] is None:
        since: str = request.app.state.watches.position(name)
        shown["events"] = f"/api/v1{shown['at']}/events?since={quote(since)}"
    trained_here = known.kind == "network"
    shown |= {
        "models": models.listed(service, caller, search=name) if trained_here else None,
        "may_train": trained_here and caller.may("run") and known.best is not None,
        "may_change": may_change(caller, known),
        "actions": actions_of(caller, known),
        "typed": typed,
        "wrong": dict.fromkeys([*typed][-1:], wrong.detail) if wrong else {},
    }
    return page(request, "study.html.j2", shown, status=wrong.status if wrong else 200)


@router.get("/searches/{search}/fragment", response_class=HTMLResponse)
def fragment(search: str, caller: Reads, service: TheService) -> HTMLResponse:
    """The part of the page that moves, for the script that swaps it."""
    name = name_in(service, caller, search)
    known = state.search_now(service, caller, name)
    url = service.database.url

    def render() -> str:
        return environment().get_template("moving.html.j2").render(_shown(service, known))

    # A search that has ended, say, is shown so at once.
    key = (url, name, known.state)
    return HTMLResponse(_fragments.get(key, lambda: state.version(service, name), render))


@router.get("/searches/{search}/figures/{key}.svg")
def drawn(search: str, key: str, caller: Reads, service: TheService) -> Response:
    """A figure of the report."""
    from hpo.serve.web import drawn

    name, url = name_in(service, caller, search), service.database.url
    version = state.version(service, name)

    def draw() -> bytes:
        svg: bytes = service.pool.run(drawn.figure, url, name, key)
        return svg

    if version.complete:
        svg = service.cache.get((name, version, "page", key), draw)
    else:
        svg = _figures.get((url, name, key), lambda: version, draw)
    if not svg:
        raise ProblemError(404, f"the report of study {name!r} has no figure {key[:100]!r}")
    return figure(svg)


def may_change(caller: Caller, search: Search) -> bool:
    """Whether the caller may pause, share and delete it."""
    own = search.owner == caller.owner or caller.may("admin")
    return own and caller.may("run") and search.kind != "study"


def actions_of(caller: Caller, search: Search) -> dict[str, str]:
    """What the caller can do with a search as it is now, with the words on the buttons."""
    if not may_change(caller, search):
        return {}
    going = {"pause": "Pause", "cancel": "End it for good"}
    of_state = {
        "queued": going,
        "running": going,
        "paused": {"resume": "Go on", "cancel": "End it for good"},
        "failed": {"resume": "Try to go on"},
    }
    return of_state.get(search.state, {}) if search.kind == "network" else {}


def _shown(service: Service, search: Search) -> dict[str, Any]:
    """What the templates of a study's page show."""
    name, at = search.name, address_of(search.path)
    version = state.version(service, name)
    return {
        "name": name,
        "at": at,
        "search": search,
        "version": version,
        "now": state.moment(service, name),
        "body": _body(service, name, at, version) if version.complete else None,
        "waits": state.queue_of(service, search),
    }


def _body(service: Service, name: str, at: str, version: state.Version) -> Markup:
    """The report of a study that is complete."""
    from hpo.serve.web import drawn

    def render() -> bytes:
        html: str = service.pool.run(drawn.report_body, service.database.url, name, at)
        return html.encode()

    html = service.cache.get((name, version, "page", at), render).decode()
    return Markup(html)  # noqa: S704  # a template has escaped it
