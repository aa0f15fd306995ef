"""What a search has found: its trials, epochs, rounds and finalists as tables, one trial, the report, the figures."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hpo.serve import study_tables
from hpo.serve.access import study_name_of
from hpo.serve.api.paging import next_link
from hpo.serve.caller import Caller, Reads
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service, TheService
from hpo.serve.study_tables import FIGURES, Format, Table
from studies.analysis.one_trial import one_trial
from studies.database.records import TrialState
from studies.database.selection import Selection
from studies.database.store import Store
from studies.database.version import version
from studies.words import file_name, finite

router = APIRouter(tags=["results"])

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
HERE = 1_000  # rows of a page that this process writes; a larger one is written by the pool
SEALED = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""The headers of a page or a figure: it can run nothing, and a browser asks whether it has changed."""

Name = Annotated[str, Path(description="The search, or ~ and the number of its study.")]


class PageQuery(BaseModel):
    """Which rows of a table, and how they are written."""

    model_config = ConfigDict(extra="forbid")

    format: Format | None = Field(
        None,
        description="How the rows are written; without it, the header Accept says so, else json.",
    )
    limit: int = Field(100, ge=1, le=100_000, description="At most so many rows.")
    offset: int = Field(0, ge=0, le=2**31 - 1, description="After so many that are left out.")


class TrialsQuery(PageQuery):
    """Which trials. Of epochs, limit and offset count the trials, whose epochs then come together."""

    state: list[TrialState] = Field([], description="Of these states only.")
    round: int | None = Field(None, ge=0, le=2**31 - 1, description="Of this round only, from 0.")
    min: float | None = Field(None, allow_inf_nan=False, description="With this value or more.")
    max: float | None = Field(None, allow_inf_nan=False, description="With this value or less.")
    order: Literal["number", "best"] = Field(
        "number", description="Best: by value, those without one last."
    )


_ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of rows. The header Link leads to the next one, if there is one.",
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {"Link": {"schema": {"type": "string"}}},
    }
}


@router.get("/searches/{name}/trials", responses=_ROWS, response_class=Response)
def trials(
    caller: Reads,
    service: TheService,
    request: Request,
    name: Name,
    which: Annotated[TrialsQuery, Query()],
) -> Response:
    """The trials, a row each: number, state, value, settings, epochs, times."""
    return _table(service, caller, request, name, "trials", which)


@router.get("/searches/{name}/epochs", responses=_ROWS, response_class=Response)
def epochs(
    caller: Reads,
    service: TheService,
    request: Request,
    name: Name,
    which: Annotated[TrialsQuery, Query()],
) -> Response:
    """The curves: a row for each epoch of each trial, with every metric."""
    return _table(service, caller, request, name, "epochs", which)


@router.get("/searches/{name}/rounds", responses=_ROWS, response_class=Response)
def rounds(
    caller: Reads,
    service: TheService,
    request: Request,
    name: Name,
    which: Annotated[PageQuery, Query()],
) -> Response:
    """The rounds: a row for each parameter of each, with its range, the verdict and the reason."""
    return _table(service, caller, request, name, "rounds", which)


@router.get("/searches/{name}/finalists", responses=_ROWS, response_class=Response)
def finalists(
    caller: Reads,
    service: TheService,
    request: Request,
    name: Name,
    which: Annotated[PageQuery, Query()],
) -> Response:
    """The settings that were trained again, best first, with means, intervals and ties."""
    return _table(service, caller, request, name, "finalists", which)


@router.get("/searches/{name}/trials/{number}")
def trial(
    caller: Reads,
    service: TheService,
    name: Name,
    number: Annotated[int, Path(ge=0, le=2**31 - 1, description="Of the trial, from 0.")],
) -> dict[str, Any]:
    """All of one trial, with its curves, as `hpo show NAME TRIAL --json` prints it."""
    stored = name_of(service, caller, name)
    with service.database.store() as store, store.reading():
        if not store.trials(store.study(stored).study_id, among=[number]):
            raise ProblemError(404, f"no trial {number} in search {stored!r}")
        shown: dict[str, Any] = finite(one_trial(store, stored, number).as_mapping())
    return shown


@router.get(
    "/searches/{name}/report",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
def report(caller: Reads, service: TheService, request: Request, name: Name) -> Response:
    """The study as one HTML page."""
    stored = name_of(service, caller, name)
    place = str(request.base_url).rstrip("/")
    return _made(service, request, stored, "text/html; charset=utf-8", study_tables.report, place)


@router.get(
    "/searches/{name}/plots/{figure}.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
def figure(
    caller: Reads,
    service: TheService,
    request: Request,
    name: Name,
    figure: Annotated[str, Path(examples=["history", "ranges", "curves"])],
) -> Response:
    """A figure of the report: history, ranges, importance, curves and others."""
    stored = name_of(service, caller, name)
    if figure not in FIGURES:
        raise ProblemError(404, f"no figure {figure[:100]!r}: there are {', '.join(FIGURES)}")
    return _made(service, request, stored, "image/svg+xml", study_tables.figure, figure)


def name_of(service: Service, caller: Caller, name: str) -> str:
    """The name of a study that the caller may read, from what a path calls it."""
    with service.database.reading() as connection:
        return study_name_of(connection, caller, name)


def etag_of(store: Store, name: str) -> str:
    """The entity tag of what is made of a study: another one after each change, and when a search begins or ends."""
    record = store.study(name)
    return f'"{version(store, record.study_id)}-{record.state}"'


def unchanged(request: Request, etag: str) -> bool:
    """Whether the client has what it asks for."""
    known = request.headers.get("if-none-match", "")
    return etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]


def _made(
    service: Service, request: Request, name: str, media_type: str, make: Any, argument: str
) -> Response:
    """What a process of the pool makes of a study, unless it has been made of this state of it before."""
    with service.database.store() as store, store.reading():
        etag = etag_of(store, name)
    headers = SEALED | {"ETag": etag}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    url = service.database.url
    key = (name, etag, make.__name__, argument)
    content = service.cache.get(key, lambda: service.pool.run(make, url, name, argument))
    return Response(content, media_type=media_type, headers=headers)


def _table(
    service: Service, caller: Caller, request: Request, name: str, table: Table, which: PageQuery
) -> Response:
    stored = name_of(service, caller, name)
    written = which.format or _accepted(request)
    selection = Selection()
    if isinstance(which, TrialsQuery):
        selection = Selection(which.state, which.round, which.min, which.max, which.order)
    arguments = (stored, table, written, selection, which.limit, which.offset)
    if which.limit <= HERE:
        with service.database.store() as store:
            content, more = study_tables.page(store, *arguments)
    else:
        content, more = service.pool.run(study_tables.page_of, service.database.url, *arguments)
    file = (
        f"{file_name(stored)}-{table}.{written}".encode("ascii", "replace")
        .decode()
        .replace("?", "-")
    )
    headers = {
        "Content-Disposition": f'inline; filename="{file}"',
        "X-Content-Type-Options": "nosniff",
    }
    if more:
        headers["Link"] = next_link(request.url, which.limit, which.offset)
    return Response(content, media_type=MEDIA_TYPES[written], headers=headers)


def _accepted(request: Request) -> Format:
    accept = request.headers.get("accept", "")
    for written, media_type in MEDIA_TYPES.items():
        if media_type.partition(";")[0] in accept:
            return written
    return "json"
