"""Tables: uploaded, understood, and searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from hpo.errors import DataError, HpoError
from hpo.serve import searches
from hpo.serve.caller import Caller, Reads, Runs
from hpo.serve.data import data_sets
from hpo.serve.data.data_sets import DataSet
from hpo.serve.http.routes import takes
from hpo.serve.new_search import check_name, checked_network
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service, TheService
from hpo.serve.web import cost, form
from hpo.serve.web.rendering import beside_field, page
from hpo.serve.web.understood import understood

router = APIRouter()

PIECE = 1 << 20


@router.get("/data", response_class=HTMLResponse)
def listed(request: Request, caller: Reads, service: TheService) -> HTMLResponse:
    """The tables of the caller, and a form to upload one."""
    return _listed(request, caller, service)


def _listed(
    request: Request, caller: Caller, service: Service, wrong: str = "", status: int = 200
) -> HTMLResponse:
    shown = {
        "tables": data_sets.listed(service, caller),
        "limits": service.settings.limits,
        "wrong": wrong,
    }
    return page(request, "data.html.j2", shown, status=status)


@router.post("/data", openapi_extra=takes("upload_bytes"))
async def upload(request: Request, caller: Runs, service: TheService) -> Response:
    """Keep an uploaded table, and show what was understood of it."""
    async with request.form() as sent:
        return await run_in_threadpool(_upload, request, caller, service, sent)


def _upload(request: Request, caller: Caller, service: Service, sent: FormData) -> Response:
    file = sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return _listed(request, caller, service, "Choose a file first.", 422)
    try:
        stored = data_sets.upload(service, caller, file.filename, _pieces(file))
    except Exception as error:
        problem = beside_field(error)
        return _listed(request, caller, service, problem.detail, problem.status)
    return RedirectResponse(f"/data/{stored.data_id}", 303)


def _pieces(file: UploadFile) -> Iterator[bytes]:
    while piece := file.file.read(PIECE):
        yield piece


@router.get("/data/{data_id}", response_class=HTMLResponse)
def one(request: Request, data_id: str, caller: Reads, service: TheService) -> HTMLResponse:
    """What was understood of a table, and the choice of a target."""
    return _table(request, data_sets.of(service, caller, data_id))


def _table(
    request: Request,
    stored: DataSet,
    *,
    target: str = "",
    wrong: str = "",
    users: str = "",
    status: int = 200,
) -> HTMLResponse:
    """The page of a table: `wrong` is what is wrong with the target, and `users` why it is not deleted at once."""
    facts = stored.facts or {}
    shown = {
        "table": stored,
        "facts": understood(facts, stored.name),
        "columns": _columns(facts),
        "target": target,
        "wrong": wrong,
        "users": users,
    }
    return page(request, "table.html.j2", shown, status=status)


def _columns(facts: Mapping[str, Any]) -> list[str]:
    return [str(column["name"]) for column in facts.get("described", ())]


@router.post("/data/{data_id}/delete")
def delete(
    request: Request,
    data_id: str,
    caller: Runs,
    service: TheService,
    force: Annotated[bool, Form()] = False,
) -> Response:
    """Delete a table; one that searches use only if that is meant."""
    stored = data_sets.of(service, caller, data_id)
    try:
        data_sets.delete(service, caller, data_id, force=force)
    except ProblemError as problem:
        if "searches" not in problem.members:
            raise
        users = problem.detail.partition(";")[0]
        return _table(request, stored, users=users, status=problem.status)
    return RedirectResponse("/data", 303)


@router.get("/data/{data_id}/search", response_class=HTMLResponse)
def fill_in(
    request: Request, data_id: str, caller: Runs, service: TheService, target: str = ""
) -> HTMLResponse:
    """What was understood with this target, and the form of a search."""
    stored = data_sets.of(service, caller, data_id)
    fields = {"target": target} if target else {}
    try:
        facts = data_sets.understood(service, caller, data_id, fields)
    except Exception as error:
        problem = beside_field(error)
        return _table(request, stored, target=target, wrong=problem.detail, status=problem.status)
    return _form(request, stored, target, facts, form.form_of(facts))


@router.post("/data/{data_id}/search")
async def send(request: Request, data_id: str, caller: Runs, service: TheService) -> Response:
    """Show what a search would do, or start it."""
    async with request.form() as sent:
        typed = {
            name: [text for text in sent.getlist(name) if isinstance(text, str)] for name in sent
        }
    return await run_in_threadpool(_send, request, data_id, caller, service, typed)


def _send(
    request: Request, data_id: str, caller: Caller, service: Service, typed: dict[str, list[str]]
) -> Response:
    stored = data_sets.of(service, caller, data_id)
    target, step = "".join(typed.get("target", [])), "".join(typed.get("step", []))
    fields = form.fields_of(typed)
    if step != "change":
        try:
            if step == "start":
                name = "".join(typed.get("name", [])).strip() or None
                made = searches.create(service, caller, name=name, data=data_id, plan=fields)
                return RedirectResponse(f"/searches/{quote(made)}", 303)
            return _preview(request, stored, caller, service, typed, fields)
        except Exception as error:
            problem = beside_field(error)
            facts = _facts(service, caller, stored, target)
            again = form.form_of(facts, typed, problem.detail)
            return _form(request, stored, target, facts, again, problem.status)
    facts = _facts(service, caller, stored, target)
    return _form(request, stored, target, facts, form.form_of(facts, typed))


def _facts(service: Service, caller: Caller, stored: DataSet, target: str) -> Mapping[str, Any]:
    """The facts with this target; without, if the table can't be used with it."""
    try:
        return data_sets.understood(
            service, caller, stored.data_id, {"target": target} if target else {}
        )
    except (HpoError, DataError):
        return stored.facts or {}


def _preview(
    request: Request,
    stored: DataSet,
    caller: Caller,
    service: Service,
    typed: dict[str, list[str]],
    fields: dict[str, Any],
) -> HTMLResponse:
    if name := "".join(typed.get("name", [])).strip():
        check_name(name)
    plan = checked_network(service, caller, stored.data_id, fields)
    folder = str(service.data_folder / stored.data_id)
    facts, seconds = service.pool.run(cost.previewed, folder, stored.name, fields)
    sent = [
        (name, text)
        for name, texts in typed.items()
        if name not in ("csrf", "step")
        for text in texts
    ]
    shown = {
        "table": stored,
        "target": fields.get("target", ""),
        "facts": understood(facts, stored.name),
        "cost": [*cost.sentences(plan, facts), cost.time_of(seconds)],
        "plan": {name: value for name, value in fields.items() if name != "target"},
        "sent": sent,
        "name": name,
    }
    return page(request, "preview.html.j2", shown)


def _form(
    request: Request,
    stored: DataSet,
    target: str,
    facts: Mapping[str, Any],
    shown: form.Form,
    status: int = 200,
) -> HTMLResponse:
    known = {
        "table": stored,
        "target": target,
        "facts": understood(facts, stored.name),
        "form": shown,
        "back": f"/data/{stored.data_id}?{urlencode({'target': target})}",
    }
    return page(request, "search.html.j2", known, status=status)
