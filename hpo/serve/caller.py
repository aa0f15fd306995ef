"""Who sends a request, and what they may do.

A scope contains those before it: `read` looks, `run` begins and ends searches, `admin` touches those of every owner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request

from hpo.serve.problems import ProblemError

Scope = Literal["read", "run", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "run", "admin")


@dataclass(frozen=True)
class Caller:
    """The owner on whose behalf a request comes, its scope, and the name of the token, if it has one."""

    owner: str
    scope: Scope
    token: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the scope is among the caller's."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


def caller_of(request: Request) -> Caller:
    """The caller that the middleware has identified.

    Raises:
        ProblemError: 401, there is none.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        raise ProblemError(
            401, "this needs a token: hpo token create NAME makes one",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    return caller


def needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency of a route: its caller, who must have the scope.

    Raises:
        ProblemError: 401 without a caller, 403 with too small a scope.
    """

    async def check(
        request: Request,
    ) -> Caller:  # FastAPI would begin a thread for a plain function
        caller = caller_of(request)
        if not caller.may(scope):
            raise ProblemError(
                403, f"this needs a token of scope {scope}, and yours has {caller.scope}"
            )
        return caller

    return check


Reads = Annotated[Caller, Depends(needs("read"))]
Runs = Annotated[Caller, Depends(needs("run"))]
Administers = Annotated[Caller, Depends(needs("admin"))]
