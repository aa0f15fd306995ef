"""What forms of a study's page do: pause it, go on, end it, share it, delete it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from hpo.serve import searches
from hpo.serve.caller import Runs
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService
from hpo.serve.web import state
from hpo.serve.web.addresses import address_of, name_in
from hpo.serve.web.rendering import beside_field, page
from hpo.serve.web.study import may_change, study_page

router = APIRouter()


@router.post("/searches/{search}/pause")
def pause(search: str, caller: Runs, service: TheService) -> Response:
    """Let it wait."""
    searches.pause(service, caller, search)
    return _back(search)


@router.post("/searches/{search}/cancel")
def cancel(search: str, caller: Runs, service: TheService) -> Response:
    """End it for good."""
    searches.cancel(service, caller, search)
    return _back(search)


@router.post("/searches/{search}/resume")
def resume(
    request: Request,
    search: str,
    caller: Runs,
    service: TheService,
    trials: Annotated[str, Form()] = "",
) -> Response:
    """Go on, perhaps with more trials."""
    changes = {"trials": trials.strip()} if trials.strip() else None
    try:
        searches.resume(service, caller, search, changes)
    except Exception as error:
        problem = beside_field(error)
        return study_page(request, search, caller, service, problem, trials=trials)
    return _back(search)


@router.post("/searches/{search}/share")
def share(
    search: str, caller: Runs, service: TheService, shared: Annotated[bool, Form()]
) -> Response:
    """Let others look at it, or no longer."""
    searches.share(service, caller, search, shared=shared)
    return _back(search)


@router.get("/searches/{search}/delete", response_class=HTMLResponse)
def confirm(request: Request, search: str, caller: Runs, service: TheService) -> HTMLResponse:
    """Ask whether it is meant."""
    known = state.search_now(service, caller, name_in(service, caller, search))
    if not may_change(caller, known):
        raise ProblemError(403, f"study {known.name!r} is not yours to delete")
    shown = {"search": known, "at": address_of(known.path)}
    return page(request, "delete.html.j2", shown)


@router.post("/searches/{search}/delete")
def delete(search: str, caller: Runs, service: TheService) -> Response:
    """Delete it."""
    searches.delete(service, caller, search)
    return RedirectResponse("/", 303)


def _back(search: str) -> Response:
    return RedirectResponse(address_of(search), 303)
