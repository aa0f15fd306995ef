"""Lists come page by page: the query that says which, and the header Link that leads to the next (RFC 8288)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from starlette.datastructures import URL


class Page:
    """Which of the entries of a list a request asks for."""

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=10_000, description="At most so many entries.")] = 100,
        offset: Annotated[
            int, Query(ge=0, le=2**31 - 1, description="After so many that are left out.")
        ] = 0,
    ) -> None:
        self.limit, self.offset, self._request = limit, offset, request

    def link(self, response: Response, *, more: bool) -> None:
        """Let the answer say where the next page is, if there are `more` entries."""
        if more:
            response.headers["Link"] = next_link(self._request.url, self.limit, self.offset)


ThePage = Annotated[Page, Depends()]


def next_link(url: URL, limit: int, offset: int) -> str:
    """The value of the header Link with the address of the next page."""
    following = url.include_query_params(limit=limit, offset=offset + limit)
    return f'<{following.path}?{following.query}>; rel="next"'
