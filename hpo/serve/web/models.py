"""Models on pages: trained, looked at, downloaded, asked for predictions, and deleted."""

from __future__ import annotations

import csv
import shutil
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from hpo.serve import models
from hpo.serve.caller import Caller, Reads, Runs
from hpo.serve.http.routes import takes
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service, TheService
from hpo.serve.web.addresses import address_of
from hpo.serve.web.rendering import beside_field, page
from hpo.serve.web.study import study_page
from studies.words import number

router = APIRouter()

SHOWN = 20  # rows of predictions


@router.post("/searches/{search}/models")
def train(
    request: Request,
    search: str,
    caller: Runs,
    service: TheService,
    ensemble: Annotated[str, Form()] = "1",
    every_row: Annotated[bool, Form()] = False,
) -> Response:
    """Let a model be trained."""
    count = int(ensemble) if ensemble.strip().isdecimal() and len(ensemble) < 10 else -1
    try:
        model = models.request(service, caller, search, ensemble=count, every_row=every_row)
    except Exception as error:
        problem = beside_field(error)
        return study_page(request, search, caller, service, problem, ensemble=ensemble)
    return RedirectResponse(f"/models/{model}", 303)


@router.get("/models/{model_id}", response_class=HTMLResponse)
def one(request: Request, model_id: str, caller: Reads, service: TheService) -> HTMLResponse:
    """One model."""
    return _one(request, model_id, caller, service)


def _one(
    request: Request,
    model_id: str,
    caller: Caller,
    service: Service,
    status: int = 200,
    **predicted: Any,
) -> HTMLResponse:
    from hpo.display.model import lines_of

    model = models.of(service, caller, model_id)
    shown = {
        "model": model,
        "lines": [*lines_of(model.facts)] if model.facts else [],
        "columns": [column["name"] for column in model.facts["columns"]] if model.facts else [],
        "study": address_of(model.search),
        "may_delete": caller.may("run") and (model.owner == caller.owner or caller.may("admin")),
        "wrong": "",
        "rows": [],
        "notes": [],
        **predicted,
    }
    return page(request, "model.html.j2", shown, status=status)


@router.post("/models/{model_id}/delete")
def delete(model_id: str, caller: Runs, service: TheService) -> Response:
    """Delete a model."""
    study = address_of(models.of(service, caller, model_id).search)
    models.delete(service, caller, model_id)
    return RedirectResponse(study, 303)


@router.post("/models/{model_id}/predictions", openapi_extra=takes("upload_bytes"))
async def predict(request: Request, model_id: str, caller: Reads, service: TheService) -> Response:
    """Predictions for the rows of a file: the first of them on a page, or all as a file."""
    async with request.form() as sent:
        return await run_in_threadpool(_predict, request, model_id, caller, service, sent)


def _predict(
    request: Request, model_id: str, caller: Caller, service: Service, sent: FormData
) -> Response:
    models.path(service, caller, model_id)
    file = sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return _one(request, model_id, caller, service, 422, wrong="Choose a file first.")
    with ExitStack() as closing:
        folder = closing.enter_context(models.folder_for(service))
        table, output = folder / "rows.csv", folder / "predictions.csv"
        with table.open("wb") as kept:
            shutil.copyfileobj(file.file, kept)
        try:
            notes = models.predict(service, caller, model_id, table, output)
        except Exception as error:
            problem: ProblemError = beside_field(error)
            return _one(request, model_id, caller, service, problem.status, wrong=problem.detail)
        if sent.get("step") == "download":
            after = BackgroundTask(closing.pop_all().close)
            return FileResponse(
                output, media_type="text/csv", filename=output.name, background=after
            )
        return _one(request, model_id, caller, service, rows=_first(output), notes=notes)


def _first(path: Path) -> list[list[str]]:
    """The header and the first rows of a file of predictions."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = islice(csv.reader(file), SHOWN + 1)
    return [header, *([_rounded(cell) for cell in row] for row in rows)]


def _rounded(cell: str) -> str:
    try:
        return number(float(cell))
    except ValueError:
        return cell
