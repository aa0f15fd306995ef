"""Signing in with a token, and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from hpo.serve import sessions
from hpo.serve.caller import Caller, check_form
from hpo.serve.http.identify import address_of
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService
from hpo.serve.web.rendering import page

router = APIRouter(include_in_schema=False)


def own_page(place: str) -> str:
    """The place to go to after signing in: a path of this service, else the first page."""
    here = place.startswith("/") and not place.startswith(("//", "/\\"))
    return place if here and place.isprintable() and place.isascii() else "/"


def _page(request: Request, place: str, problem: str = "", status: int = 200) -> HTMLResponse:
    return page(request, "sign_in.html.j2", {"next": place, "problem": problem}, status=status)


@router.get("/sign-in")
def ask(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002 - what it is called everywhere
    """The form that asks for a token."""
    return _page(request, own_page(next))


@router.post("/sign-in")
async def sign_in(
    request: Request,
    service: TheService,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Begin a session of a token, and go on to the page that asked for it."""
    address = address_of(request)
    try:
        service.attempts.check(address)
    except ProblemError as problem:
        refused = _page(request, own_page(next), problem.detail, problem.status)
        refused.headers.update(problem.headers or {})
        return refused
    known = await run_in_threadpool(service.tokens.recognize, token.strip())
    if known is None:
        service.attempts.count(address)
        return _page(
            request, own_page(next), "This token is wrong, has expired or was revoked.", 403
        )
    secret = await run_in_threadpool(sessions.begin, service.database, known)
    request.state.caller = known.caller
    response = RedirectResponse(own_page(next), 303)
    sessions.set_cookie(request, response, secret)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, service: TheService) -> Response:
    """End the session."""
    caller: Caller | None = request.state.caller
    if caller is not None and caller.csrf is not None:
        await check_form(request, caller.csrf)
    secret = request.cookies.get(sessions.cookie_name(request))
    if secret:
        await run_in_threadpool(sessions.end, service.database, secret)
    response = RedirectResponse("/sign-in", 303)
    sessions.drop_cookie(request, response)
    return response
