"""Lists come page by page: the query that says which, and the header Link that leads to the next (RFC 8288)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Response


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
            url = self._request.url.include_query_params(
                limit=self.limit, offset=self.offset + self.limit
            )
            response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'


ThePage = Annotated[Page, Depends()]
