"""Finds out who sends each request, before anything else looks at it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from hpo.serve.caller import Caller
from hpo.serve.service import Service
from studies.database.owner import current_user


class Identify:
    """Middleware that puts the caller of each request into its state."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and self.service.local:
            scope.setdefault("state", {})["caller"] = Caller(current_user() or "local", "admin")
        await self.app(scope, receive, send)
