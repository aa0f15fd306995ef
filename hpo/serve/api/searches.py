"""Searches: created from a plan, listed, watched, paused, gone on with, ended, shared and deleted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hpo.serve import searches
from hpo.serve.api.bodies import parsed, problems, read_text
from hpo.serve.api.paging import ThePage
from hpo.serve.caller import Reads, Runs
from hpo.serve.progress import Search, SearchState
from hpo.serve.service import TheService

router = APIRouter(prefix="/searches", tags=["searches"])

PLAN: dict[str, Any] = {
    "target": "species",
    "trials": 60,
    "seed": 1,
    "space": {"learning_rate": "1e-4:1:log"},
}
TOML = 'source = "digits"\ntrials = 60\n[space]\nlearning_rate = "1e-4:1:log"\n'


class NewSearch(BaseModel):
    """What a search is created from."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"data": "digits", "plan": {"trials": 60}},
                {"name": "penguins", "data": "penguins.csv", "plan": PLAN},
            ]
        },
    )

    name: str | None = Field(None, description="By default the data's, numbered where it is taken.")
    data: str | None = Field(
        None,
        description="The id of a data set, its file's name, or a built-in name; or the plan's source.",
    )
    plan: dict[str, Any] = Field(
        default_factory=dict,
        description="The fields of a plan, as in a TOML file of hpo search --config.",
    )
    kind: Literal["network", "remote"] = Field(
        "network",
        description="network: trained here; remote: by clients, who ask for its tasks.",
    )


class Changes(BaseModel):
    """What of a plan can change when its search goes on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"trials": 120}]})

    trials: int | None = Field(None, description="Trainings in all, those done included.")
    timeout: float | str | None = Field(None, description="Seconds from now on, or 30m, 1h30m.")
    patience: int | None = None
    extend: bool | None = None
    max_failures: int | None = None
    space: dict[str, Any] | None = Field(None, description="Wider ranges, or more choices.")


class Sharing(BaseModel):
    """Whether others may look at a search."""

    model_config = ConfigDict(extra="forbid")

    shared: bool = True


class SearchPage(BaseModel):
    """Some of the searches, newest first, and how many there are in all."""

    searches: list[Search]
    total: int


async def asked_for(request: Request) -> NewSearch:
    """What a request to create a search asks for, as JSON or as TOML."""
    return parsed(await read_text(request), request, NewSearch, beside=("name", "data", "kind"))


CREATES: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "Beside a TOML body, which is the plan itself.",
            "schema": {"type": "string"},
        }
        for name in ("name", "data", "kind")
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": NewSearch.model_json_schema()},
            "application/toml": {"schema": {"type": "string"}, "example": TOML},
        },
    },
}


@router.post("", status_code=201, openapi_extra=CREATES, responses=problems(409, 422, 429))
def create(
    caller: Runs,
    service: TheService,
    new: Annotated[NewSearch, Depends(asked_for)],
    response: Response,
) -> Search:
    """Put a search into the queue. Everything is checked first, also that the data fit the plan."""
    name = searches.create(
        service, caller, name=new.name, data=new.data, plan=new.plan, kind=new.kind
    )
    response.headers["Location"] = f"{router.prefix.removeprefix('/')}/{name}".replace(" ", "%20")
    return searches.of(service, caller, name)


@router.get("")
def listed(
    caller: Reads,
    service: TheService,
    page: ThePage,
    response: Response,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    state: SearchState | None = None,
) -> SearchPage:
    """The searches of the caller and those that others share, newest first."""
    found = searches.listed(
        service, caller, owner=owner, state=state, limit=page.limit, offset=page.offset
    )
    page.link(response, more=page.offset + page.limit < found.total)
    return SearchPage(searches=found.searches, total=found.total)


@router.get("/{name}", responses=problems(404))
def one(caller: Reads, service: TheService, name: str) -> Search:
    """One search, with the summary of its study."""
    return searches.of(service, caller, name)


@router.post("/{name}/pause", responses=problems(404, 409))
def pause(caller: Runs, service: TheService, name: str) -> Search:
    """Let it stop after the current epoch, to be gone on with later."""
    searches.pause(service, caller, name)
    return searches.of(service, caller, name)


@router.post("/{name}/resume", responses=problems(404, 409, 422, 429))
def resume(caller: Runs, service: TheService, name: str, changes: Changes | None = None) -> Search:
    """Go on with a search that was paused or failed; with changes of its plan, also with one that is done."""
    fields = {} if changes is None else changes.model_dump(exclude_unset=True)
    searches.resume(service, caller, name, fields)
    return searches.of(service, caller, name)


@router.post("/{name}/cancel", responses=problems(404, 409))
def cancel(caller: Runs, service: TheService, name: str) -> Search:
    """End it for good. Its study is kept."""
    searches.cancel(service, caller, name)
    return searches.of(service, caller, name)


@router.post("/{name}/share", responses=problems(404))
def share(caller: Runs, service: TheService, name: str, sharing: Sharing | None = None) -> Search:
    """Let others look at it, or no one any more."""
    shared = True if sharing is None else sharing.shared
    searches.share(service, caller, name, shared=shared)
    return searches.of(service, caller, name)


@router.delete("/{name}", status_code=204, responses=problems(404, 409))
def delete(caller: Runs, service: TheService, name: str) -> None:
    """Delete it with its study and its models, unless it runs."""
    searches.delete(service, caller, name)
