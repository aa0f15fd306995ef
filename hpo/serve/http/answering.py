"""The outermost middleware: each request gets an id, each answer its headers, its line in the log and its measures.

What goes wrong inside becomes a problem document. A fault of the service says no more than its id, by which the log has
the traceback.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from functools import partial

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpo.errors import HpoError, as_ours
from hpo.serve.caller import SAFE, Caller
from hpo.serve.http import audit
from hpo.serve.http.identify import address_of
from hpo.serve.http.logs import log
from hpo.serve.http.metrics import Metrics
from hpo.serve.http.routes import Route, Routes
from hpo.serve.problems import ProblemError, problem_of, respond
from hpo.serve.service import Service

PATH_LENGTH = 500  # of a path in the log

HEADERS = {
    # No script and no style inside a page, nothing from elsewhere, and no page of ours inside another.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of each answer whose route does not say otherwise."""
ON_TLS = {"Strict-Transport-Security": "max-age=31536000"}


class Answering:
    """Middleware around all others."""

    def __init__(self, app: ASGIApp, service: Service, metrics: Metrics) -> None:
        self.app, self.service, self.metrics = app, service, metrics
        self.routes = Routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = secrets.token_hex(8)
        request.state.route = self.routes.of(scope)
        request.state.caller = None
        exchange = _Exchange(request, receive, send, self.service.stopping)
        began = time.perf_counter()
        try:
            await self._answered(exchange)
        finally:
            seconds = time.perf_counter() - began
            self._log(exchange, seconds)
        await self._audit(exchange)

    async def _answered(self, exchange: _Exchange) -> None:
        request = exchange.request
        try:
            await self.app(request.scope, exchange.receive, exchange.send)
            await exchange.end()
        except Exception as error:
            problem = problem_of(error)
            if problem is None or problem.status >= 500:
                log("fault", logging.ERROR, error=error, request=request.state.request_id)
            if exchange.status:  # half of the answer is on its way, so the connection must break
                raise
            if problem is None:
                problem = fault(request)
            await respond(request, problem)(request.scope, exchange.receive, exchange.send)

    def _log(self, exchange: _Exchange, seconds: float) -> None:
        request, status = exchange.request, exchange.status
        caller: Caller | None = request.state.caller
        route: Route = request.state.route
        self.metrics.count(request.method, route.path, status, seconds)
        log(
            "request",
            request=request.state.request_id,
            method=request.method[:20],
            path=request.url.path[:PATH_LENGTH],
            status=status,
            ms=round(1000 * seconds, 1),
            owner=caller.owner if caller else None,
            address=address_of(request),
        )

    async def _audit(self, exchange: _Exchange) -> None:
        request, status = exchange.request, exchange.status
        route: Route = request.state.route
        if request.method in SAFE or ("/tasks" in route.path and status < 400):
            return
        caller: Caller | None = request.state.caller
        record = partial(
            audit.record,
            self.service.database,
            owner=caller.owner if caller else "",
            token=caller.token if caller else None,
            action=f"{request.method} {request.url.path}",
            status=status,
            address=address_of(request),
            request=request.state.request_id,
        )
        try:
            await run_in_threadpool(record)
        except Exception as error:
            if not isinstance(as_ours(error), HpoError):
                raise
            log(f"audit entry lost: {error}", logging.ERROR, request=request.state.request_id)


class _Exchange:
    """A request and how far its answer is; `status` is 0 before it begins."""

    def __init__(
        self, request: Request, receive: Receive, send: Send, stopping: asyncio.Event
    ) -> None:
        self.request, self.status = request, 0
        self._receive, self._send, self._stopping = receive, send, stopping
        self._received, self._events, self._whole = False, False, False

    async def receive(self) -> Message:
        """The next part of the request. After the last one, this waits until the client leaves.

        A client that follows events is let go when the service stops: it comes again later.
        """
        if not self._received:
            message = await self._receive()
            self._received = not message.get("more_body", False)
            return message
        leaving = asyncio.ensure_future(self._receive())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({leaving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._events and not leaving.done():
                return {"type": "http.disconnect"}
            return await leaving
        finally:
            stopping.cancel()
            leaving.cancel()

    async def send(self, message: Message) -> None:
        """Send a part of the answer, the first one with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self.request.url.scheme == "https":
                headers.update(ON_TLS)
            headers["X-Request-Id"] = self.request.state.request_id
            self._events = headers.get("content-type", "").startswith("text/event-stream")
        else:
            self._whole = not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        """End a stream of events that was cut off because the service stops."""
        if self._events and not self._whole and self._stopping.is_set():
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def fault(request: Request) -> ProblemError:
    """What a client is told of a fault of the service."""
    request_id = request.state.request_id
    return ProblemError(
        500, f"a fault of the service: its log has more under {request_id}", request=request_id
    )
