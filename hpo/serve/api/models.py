"""Models: trained with the settings that a search recommends, downloaded, and asked for predictions."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from hpo.serve import models
from hpo.serve.api.bodies import problems
from hpo.serve.api.paging import ThePage
from hpo.serve.api.results import SEALED
from hpo.serve.caller import Reads, Runs
from hpo.serve.http.routes import takes
from hpo.serve.models import Model
from hpo.serve.problems import ProblemError
from hpo.serve.service import TheService

router = APIRouter(tags=["models"])

BLOCK = 1 << 20  # bytes that are written at once
HPO, ONNX, CSV = "application/octet-stream", "application/onnx", "text/csv"
Answers = dict[int | str, dict[str, Any]]
FILE: Answers = {
    200: {
        "description": "The file",
        "content": {HPO: {"schema": {"type": "string", "format": "binary"}}},
    }
}
PAGE: Answers = {200: {"description": "The page", "content": {"text/html": {}}}}
PREDICTIONS: Answers = {
    200: {
        "description": "A row for each row. Notes on cells are in the header Hpo-Notes, as a JSON list.",
        "content": {CSV: {"example": "prediction,probability_x,probability_y\nx,0.9,0.1\n"}},
    }
}


class NewModel(BaseModel):
    """How a model is to be trained."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ensemble": 5}]})

    ensemble: int = Field(
        1, description="So many networks answer together, with the finalists' settings."
    )
    trial: int | None = Field(
        None,
        ge=0,
        le=2**31 - 1,
        description="Settings of this trial instead of the recommended ones.",
    )
    every_row: bool = Field(False, description="Train on the test rows, too.")


@router.post("/searches/{name}/models", status_code=202, responses=problems(404, 409, 422, 429))
def request(
    caller: Runs, service: TheService, name: str, response: Response, new: NewModel | None = None
) -> Model:
    """Let a model be trained. It can be used as soon as its state is done."""
    options = (new or NewModel()).model_dump()
    model_id = models.request(service, caller, name, **options)
    response.headers["Location"] = f"/api/v1/models/{model_id}"
    return models.of(service, caller, model_id)


@router.get("/searches/{name}/models", responses=problems(404))
def of_search(
    caller: Reads, service: TheService, name: str, page: ThePage, response: Response
) -> list[Model]:
    """The models of a search, newest first."""
    return _page(page, response, service, caller, name)


@router.get("/models")
def listed(caller: Reads, service: TheService, page: ThePage, response: Response) -> list[Model]:
    """The models of the caller and those of searches that others share, newest first."""
    return _page(page, response, service, caller, None)


def _page(
    page: ThePage, response: Response, service: TheService, caller: Reads, search: str | None
) -> list[Model]:
    found = models.listed(service, caller, search=search, limit=page.limit + 1, offset=page.offset)
    page.link(response, more=len(found) > page.limit)
    return found[: page.limit]


@router.get("/models/{model_id}", responses=problems(404))
def one(caller: Reads, service: TheService, model_id: str) -> Model:
    """One model, with what it is made of and how good it is."""
    return models.of(service, caller, model_id)


@router.get(
    "/models/{model_id}/file",
    response_class=FileResponse,
    responses=FILE | problems(404, 409, 422),
)
def file(
    caller: Reads,
    service: TheService,
    model_id: str,
    format_: Annotated[
        Literal["hpo", "onnx"],
        Query(
            alias="format", description="hpo: for hpo predict; onnx: for ONNX Runtime and others."
        ),
    ] = "hpo",
) -> FileResponse:
    """The file of a model."""
    if format_ == "hpo":
        path = models.path(service, caller, model_id)
        return FileResponse(path, media_type=HPO, filename=path.name)
    with ExitStack() as closing:
        output = closing.enter_context(models.folder_for(service)) / "model.onnx"
        models.as_onnx(service, caller, model_id, output)
        after = BackgroundTask(closing.pop_all().close)
        return FileResponse(output, media_type=ONNX, filename=f"{model_id}.onnx", background=after)


@router.get(
    "/models/{model_id}/card",
    response_class=FileResponse,
    responses=PAGE | problems(404, 409),
)
def card(caller: Reads, service: TheService, model_id: str) -> FileResponse:
    """What a model is, how good it is on rows that it was not trained on, and what not to use it for."""
    path = models.path(service, caller, model_id, "html")
    return FileResponse(path, media_type="text/html", headers=SEALED)


@router.post(
    "/models/{model_id}/predictions",
    response_class=FileResponse,
    openapi_extra={
        **takes("upload_bytes"),
        "requestBody": {
            "description": "Rows, with a header that names the columns, in any order.",
            "required": True,
            "content": {CSV: {"schema": {"type": "string"}, "example": "size,colour\n3,red\n"}},
        },
    },
    responses=PREDICTIONS | problems(404, 408, 409, 413, 422),
)
async def predict(
    caller: Reads, service: TheService, model_id: str, request: Request
) -> FileResponse:
    """Predict the labels of rows: CSV in, CSV out."""
    await run_in_threadpool(models.path, service, caller, model_id)  # before the rows are read
    with ExitStack() as closing:
        folder = await run_in_threadpool(closing.enter_context, models.folder_for(service))
        table, output = folder / "rows.csv", folder / "predictions.csv"
        try:
            await _receive(request, table.open("wb"))
        except ClientDisconnect:
            raise ProblemError(408, "the rows ended before the last byte had come") from None
        notes = await run_in_threadpool(models.predict, service, caller, model_id, table, output)
        headers = {"Hpo-Notes": json.dumps(notes)[:4000]} if notes else None
        after = BackgroundTask(closing.pop_all().close)
        return FileResponse(
            output, media_type=CSV, filename=output.name, headers=headers, background=after
        )


async def _receive(request: Request, file: Any) -> None:
    with file:
        block = bytearray()
        async for chunk in request.stream():
            block += chunk
            if len(block) >= BLOCK:
                await asyncio.to_thread(file.write, bytes(block))
                block.clear()
        await asyncio.to_thread(file.write, bytes(block))


@router.delete("/models/{model_id}", status_code=204, responses=problems(404))
def delete(caller: Runs, service: TheService, model_id: str) -> None:
    """Delete a model, also while it is trained."""
    models.delete(service, caller, model_id)
