"""Finds out who sends each request, and refuses what must not come in, before a body is read.

- A page elsewhere that has let its name point to this machine (DNS rebinding) is known by the header Host.
- A form or script of another site is known by Sec-Fetch-Site, or by Origin, which browsers send with all that changes
  something.
- The caller comes from a bearer token or from a browser's session. On loopback, while no token has been made, it is the
  local user, unless a proxy has forwarded the request from elsewhere.
"""

from __future__ import annotations

import ipaddress
import os
import re

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from hpo.serve import sessions
from hpo.serve.caller import SAFE, Caller
from hpo.serve.http.routes import Route
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from studies.database.owner import USER_VARIABLE, current_user

HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d+)?")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Identify:
    """Middleware that puts the caller of each request into its state, as `caller`."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        self._login = current_user() or "local"  # which takes a millisecond to look up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: it must not come in.
        """
        if scope["type"] == "http":
            request = Request(scope)
            check_host(request, self.service.hosts)
            if request.method not in SAFE:
                check_origin(request)
            caller = await self._caller(request)
            request.state.caller = caller
            route: Route = request.state.route
            if route.needs is not None:
                route.needs.checked(caller)
        await self.app(scope, receive, send)

    async def _caller(self, request: Request) -> Caller | None:
        header = request.headers.get("authorization")
        if header is not None:
            return await self._by_token(request, header)
        secret = request.cookies.get(sessions.cookie_name(request))
        if secret:
            token = await run_in_threadpool(sessions.token_of, self.service.database, secret)
            if token is not None:
                return Caller(token.owner, token.scope, token.name, sessions.csrf_of(secret))
        if not self.service.local or await run_in_threadpool(self.service.tokens.exist):
            return None
        if any(name in request.headers for name in FORWARDED):
            raise ProblemError(403, "a proxy has forwarded this: start hpo serve with --allow-host")
        return Caller(os.environ.get(USER_VARIABLE) or self._login, "admin")

    async def _by_token(self, request: Request, header: str) -> Caller:
        kind, _, text = header.partition(" ")
        text = text.strip() if kind.lower() == "bearer" else ""
        tokens, attempts, address = self.service.tokens, self.service.attempts, address_of(request)
        token = tokens.known(text)
        if token is None:
            if not tokens.seen(text):
                attempts.check(address)
            token = await run_in_threadpool(tokens.recognize, text)
            if token is None:
                attempts.count(address)
                raise ProblemError(
                    401, "this token is wrong, has expired or was revoked",
                    headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
                )  # fmt: skip
        return token.caller


def address_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else "unknown"


def check_host(request: Request, hosts: tuple[str, ...]) -> None:
    """Check that a request is meant for this service: it calls it by its address, or by one of its names.

    Raises:
        ProblemError: 421, it does not.
    """
    matched = HOST.fullmatch(request.headers.get("host", "").lower())
    name = matched[1].strip("[]").rstrip(".") if matched else ""
    if name in hosts:
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise ProblemError(
            421, f"this service is not {name[:100]!r}: hpo serve --allow-host gives it a name"
        ) from None


def check_origin(request: Request) -> None:
    """Check that no page of another site sends a request that changes something.

    Raises:
        ProblemError: 403, one does.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        same = site in ("same-origin", "none")
    else:  # an older browser, or no browser
        host = request.headers.get("host", "").lower()
        same = origin is None or origin.lower().partition("://")[2] == host
    if not same:
        raise ProblemError(403, "a page of another site may not change anything here")
