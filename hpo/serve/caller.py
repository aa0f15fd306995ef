"""Who sends a request, and what they may do.

A scope contains those before it: `read` looks, `run` begins and ends searches, `admin` touches those of every owner.
"""

from __future__ import annotations

import hmac
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from hpo.serve.problems import ProblemError

Scope = Literal["read", "run", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "run", "admin")

# For the OpenAPI document alone: the middleware has read the header before.
BEARER = HTTPBearer(auto_error=False, description="hpo token create NAME makes one.")
SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
FORM_FIELD = "csrf"
FORM_HEADER = "X-CSRF-Token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Caller:
    """The owner on whose behalf a request comes, its scope, and the name of the token, if it has one.

    `csrf` is what each form has to carry if the caller has signed in with a browser, whose cookie comes by itself.
    """

    owner: str
    scope: Scope
    token: str | None = None
    csrf: str | None = field(default=None, repr=False)

    def may(self, scope: Scope) -> bool:
        """Whether the scope is among the caller's."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)


@dataclass(frozen=True)
class Needs:
    """The dependency of a route on a caller with a scope. Every route has one, or is in the list of those without.

    A request that changes something and comes with a browser's cookie must carry the session's secret text as well, in
    the form's field `csrf` or in the header X-CSRF-Token.
    """

    scope: Scope

    async def __call__(
        self, request: Request, _: Annotated[object, Depends(BEARER)] = None
    ) -> Caller:
        """The caller.

        Raises:
            ProblemError: 401 without a caller, 403 with too small a scope, or without the session's secret text.
        """
        caller = self.checked(getattr(request.state, "caller", None))
        if caller.csrf is not None and request.method not in SAFE:
            await check_form(request, caller.csrf)
        return caller

    def checked(self, caller: Caller | None) -> Caller:
        """The caller, if there is one who has the scope."""
        if caller is None:
            raise ProblemError(
                401, "this needs a token: hpo token create NAME makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not caller.may(self.scope):
            raise ProblemError(
                403, f"this needs a token of scope {self.scope}, and yours has {caller.scope}"
            )
        return caller


async def check_form(request: Request, csrf: str) -> None:
    """Check that a request carries the session's secret text.

    Raises:
        ProblemError: 403, it does not.
    """
    sent: object = request.headers.get(FORM_HEADER)
    if sent is None and request.headers.get("content-type", "").partition(";")[0].lower() in FORMS:
        form = await request.form()
        sent = form.get(FORM_FIELD)
        # FastAPI closes a form that the route declares, and here does so with one that it does not.
        with_request: AsyncExitStack | None = request.scope.get("fastapi_middleware_astack")
        if with_request is not None:
            with_request.push_async_callback(form.close)
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), csrf.encode()):
        raise ProblemError(
            403, "this form is not of your session: go back, load the page again, and send it again"
        )


def csrf(request: Request) -> str:
    """The value of the hidden field `csrf` in each form of a page; empty where the caller has no session."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return (caller.csrf if caller else None) or ""


Reads = Annotated[Caller, Depends(Needs("read"))]
Runs = Annotated[Caller, Depends(Needs("run"))]
Administers = Annotated[Caller, Depends(Needs("admin"))]
