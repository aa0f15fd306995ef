"""What middleware has to know of a route before its body is read: its path, whom it is for, and how much it takes.

All of it comes from the routes themselves: from the dependency `Needs`, and from `takes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.types import Scope

from hpo.serve.caller import Needs

BODY_LIMIT = "x-body-limit"  # in a route's part of the OpenAPI document


def takes(limit: str) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body may have more bytes than usual: as many as this field of `Limits`."""
    return {BODY_LIMIT: limit}


@dataclass(frozen=True)
class Route:
    """The template of its path, the dependency on its caller (none: it is for everybody), and its limit of bytes."""

    path: str = "(none)"
    needs: Needs | None = None
    limit: str = "request_bytes"


NO_ROUTE = Route()


class Routes:
    """The routes of an application, which are read when the first request comes."""

    def __init__(self) -> None:
        self._routes: list[tuple[Any, set[str] | None, Route]] | None = None

    def of(self, scope: Scope) -> Route:
        """The route that will answer a request. One for another method has the path alone."""
        if self._routes is None:
            self._routes = [
                (context.path_regex, context.methods, described(context))
                for context in iter_route_contexts(scope["app"].routes)
            ]
        nearly = NO_ROUTE
        for pattern, methods, route in self._routes:
            if pattern.match(scope["path"]):
                if methods is None or scope["method"] in methods:
                    return route
                nearly = Route(route.path)
        return nearly


def described(context: RouteContext) -> Route:
    """What is known of a route."""
    extra = getattr(context, "openapi_extra", None) or {}
    needs = needed(getattr(context, "dependant", None))
    return Route(context.path or "", needs, extra.get(BODY_LIMIT, "request_bytes"))


def needed(dependant: Dependant | None) -> Needs | None:
    """The dependency on a caller, which may be that of another dependency."""
    return next(_needs(dependant), None) if dependant is not None else None


def _needs(dependant: Dependant) -> Iterator[Needs]:
    if isinstance(dependant.call, Needs):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _needs(inner)


def all_of(app: FastAPI) -> Iterator[tuple[str, str, Route]]:
    """Each method and path of an application, with what is known of the route."""
    for context in iter_route_contexts(app.routes):
        route = described(context)
        for method in sorted(context.methods or {"GET"}):
            yield method, route.path, route
