"""Bodies of requests: no more bytes than the route takes, and none that trickle in for ever.

A client may be silent for `SILENCE_SECONDS` in all, and as much longer as its bytes take at `BYTES_PER_SECOND`. Only
the time for which the service waits is counted.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpo.serve.http.routes import Route
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service

SILENCE_SECONDS = 20.0
BYTES_PER_SECOND = 4_000


class Bodies:
    """Middleware that limits the bytes of each body, and the time that it takes."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            ProblemError: 413, its body is said to be too large.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route: Route = scope["state"]["route"]
        limit: int = getattr(self.service.settings.limits, route.limit)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            raise _too_large(limit)
        await self.app(scope, _Body(receive, limit).receive, send)


class _Body:
    """The body of a request as it comes in."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._bytes, self._waited, self._whole = 0, 0.0, False

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            ProblemError: 413, there are too many bytes; 408, they come too slowly.
        """
        if self._whole:
            return await self._receive()
        patience = SILENCE_SECONDS + self._bytes / BYTES_PER_SECOND - self._waited
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, patience)):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, f"the body did not come: {self._bytes} bytes in {self._waited + patience:.0f} s",
                headers={"Connection": "close"},
            ) from None  # fmt: skip
        self._waited += time.monotonic() - began
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self._limit:
            raise _too_large(self._limit)
        return message


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"more than {limit:,} bytes, which is the limit here", limit=limit)
