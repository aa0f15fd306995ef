"""All pages, and the files that they load."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from hpo.serve.problems import ProblemError
from hpo.serve.web import acting, compare, data, home, models, study, trial
from hpo.serve.web.rendering import static

router = APIRouter(include_in_schema=False)
for of in (home, data, study, acting, trial, compare, models):
    router.include_router(of.router)

FILES = {"pages.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


@router.get("/static/{name}")
def file(name: str) -> Response:
    """A style sheet, a script or an image; nobody needs a token for them."""
    if name not in FILES:
        raise ProblemError(404, f"there is no file {name[:100]!r}")
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(static(name), media_type=FILES[name], headers=headers)
