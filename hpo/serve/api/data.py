"""Data sets: upload a table, see what was understood of it, delete it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from hpo.serve.api.paging import ThePage
from hpo.serve.caller import Reads, Runs
from hpo.serve.data import data_sets, uploading
from hpo.serve.http.routes import takes
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService

router = APIRouter(tags=["data sets"])

BLOCK = 1 << 20  # bytes that are written at once

DataId = Annotated[str, Path(description="The id that the upload answered.")]


class DataSet(BaseModel):
    """A table that an owner has uploaded."""

    id: str = Field(examples=["3f2a91c07be4d615"])
    name: str = Field(examples=["penguins.csv"])
    owner: str = Field(examples=["ada"])
    bytes: int = Field(examples=[13_478])
    rows: int = Field(examples=[344])
    columns: int = Field(examples=[7])
    created: datetime

    @classmethod
    def from_stored(cls, stored: data_sets.DataSet, facts: Mapping[str, Any] | None = None) -> Self:
        """What is answered of a data set."""
        known = asdict(stored) | {
            "id": stored.data_id,
            "created": stored.created.replace(tzinfo=UTC),
        }
        return cls.model_validate(known if facts is None else known | {"facts": dict(facts)})


class Understood(DataSet):
    """A table with what was understood of it, as `hpo inspect --json` prints it."""

    facts: dict[str, Any] = Field(
        examples=[
            {
                "rows": 344,
                "columns": 7,
                "kinds": {"number": 5, "text": 2},
                "described": [
                    {"name": "island", "kind": "text", "different": 3, "missing": 0},
                ],
                "left_out": {},
                "notes": [],
            }
        ]
    )


class Understanding(BaseModel):
    """How a table is to be understood: these fields of a plan (`hpo inspect --help`)."""

    model_config = ConfigDict(extra="forbid")

    target: str | None = Field(None, description="The column with the labels.")
    task: Literal["classification", "regression"] | None = Field(None, description="What they are.")
    drop: list[str] = Field([], description="Columns to leave out.")
    group: str | None = Field(None, description="The column that says which rows belong together.")
    time: str | None = Field(None, description="The column with times: the latest rows test.")
    weight: str | None = Field(None, description="The column that says how much a row counts.")
    dates: bool = Field(False, description="Read columns of dates as days since 1970.")
    drop_rare: bool = Field(False, description="Leave out the rows of classes with too few.")
    encoding: str | None = Field(None, description="The encoding of a file of text.")
    header: bool = Field(True, description="Whether the first row names the columns.")
    rows: int | None = Field(None, description="Search on so many rows.")
    folds: int | None = Field(None, description="Cross-validate on so many folds.")
    metric: str | None = Field(None, description="What is optimized.")
    seed: int | None = Field(None, description="Of the split.")


@router.post(
    "/data",
    status_code=201,
    openapi_extra={
        **takes("upload_bytes"),
        "requestBody": {
            "description": "The bytes of the file.",
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        },
    },
)
async def upload(
    caller: Runs,
    service: TheService,
    request: Request,
    response: Response,
    name: Annotated[
        str,
        Query(
            description="Its file name, which says what it is: .csv, .tsv or .txt, each also with .gz, .parquet, .npz.",
            examples=["penguins.csv"],
        ),
    ],
) -> Understood:
    """Upload a table: the body of the request is the file. It is kept if it can be read.

    Who uploads a file again, under the same name, has it once.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise ProblemError(415, "send the bytes of the file alone: curl --data-binary @FILE")
    length = request.headers.get("content-length", "")
    receiving = uploading.receiving(
        service, caller, name, int(length) if length.isdecimal() else None
    )
    async with contextmanager_in_threadpool(receiving) as arriving:
        chunks, block = request.stream(), bytearray()
        try:
            while True:
                chunk = await anext(chunks, None)
                block += chunk or b""
                if len(block) >= BLOCK or chunk is None:
                    await run_in_threadpool(arriving.write, bytes(block))
                    block.clear()
                if chunk is None:
                    break
        except ClientDisconnect:
            raise ProblemError(408, "the upload ended before its last byte had come") from None
        data_id = await run_in_threadpool(arriving.keep)
    stored = await run_in_threadpool(data_sets.of, service, caller, data_id)
    response.headers["Location"] = f"{request.url.path}/{data_id}"
    return Understood.from_stored(stored)


@router.get("/data")
def listed(caller: Reads, service: TheService, page: ThePage, response: Response) -> list[DataSet]:
    """The data sets of the caller, the newest first; for an admin, those of all owners."""
    stored = data_sets.listed(service, caller, limit=page.limit + 1, offset=page.offset)
    page.link(response, more=len(stored) > page.limit)
    return [DataSet.from_stored(one) for one in stored[: page.limit]]


@router.get("/data/{data_id}")
def understood(
    caller: Reads,
    service: TheService,
    data_id: DataId,
    how: Annotated[Understanding, Query()],
) -> Understood:
    """What is understood of a data set; with a target, also what its labels are and how its rows are split."""
    stored = data_sets.of(service, caller, data_id)
    fields = how.model_dump(exclude_defaults=True)
    return Understood.from_stored(stored, data_sets.understood(service, caller, data_id, fields))


@router.delete("/data/{data_id}", status_code=204)
def delete(
    caller: Runs,
    service: TheService,
    data_id: DataId,
    force: Annotated[
        bool, Query(description="Also if searches of its owner use it, which then can't go on.")
    ] = False,
) -> None:
    """Delete a data set."""
    data_sets.delete(service, caller, data_id, force=force)
