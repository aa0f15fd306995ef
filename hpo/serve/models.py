"""The models of a service: networks with the settings that a search recommends, trained as jobs of the queue.

A model is a row, the job that trains it, and a file ID.hpo in the folder of the models; beside it is its card, ID.html.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from hpo.errors import PlanError
from hpo.serve import applying
from hpo.serve.access import search_of, visible
from hpo.serve.caller import Caller
from hpo.serve.data.data_files import RECEIVED
from hpo.serve.jobs import queue
from hpo.serve.jobs.training import file_of, used
from hpo.serve.new_search import check_queue
from hpo.serve.problems import ProblemError
from hpo.serve.progress import Time
from hpo.serve.service import Service
from hpo.serve.tables import jobs, models, searches
from studies.database.engine import now
from studies.errors import StoreError
from studies.study import Study

MOST_NETWORKS = 50
SECONDS = 600.0  # for all rows of a file


class Model(BaseModel):
    """A model. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    search: str
    owner: str
    state: queue.State = Field(description="Of the job that trains it; done: it can be used.")
    reason: str | None = Field(description="Why it could not be trained.")
    ensemble: int = Field(description="How many networks answer together.")
    trial: int | None = Field(description="Whose settings it has; null: those recommended.")
    every_row: bool = Field(description="Whether it was trained on the test rows, too.")
    bytes: int | None = Field(description="Of its file; null until that is whole.")
    created: Time
    facts: dict[str, Any] | None = Field(
        None, description="What it is, as hpo show --json prints it; where one is asked for."
    )


def request(
    service: Service,
    caller: Caller,
    search: str,
    *,
    ensemble: int = 1,
    trial: int | None = None,
    every_row: bool = False,
) -> str:
    """Let a model be trained with the settings that a search recommends, or those of a trial; returns its id.

    It belongs to the caller. The options are those of `hpo.models.choose`.

    Raises:
        NoSuchStudyError: the caller may see no such search, or it has not begun.
        PlanError: no trial has succeeded, there is no such trial, or the options do not fit.
        ProblemError: 409, clients train the search; 429, the caller has as much as the service allows.
    """
    from hpo.members import members_of  # imports pandas and scikit-learn
    from hpo.run.resuming import stored_plan

    if not 1 <= ensemble <= MOST_NETWORKS:
        raise PlanError(f"ensemble: {ensemble} is not a whole number from 1 to {MOST_NETWORKS}")
    if trial is not None and ensemble > 1:
        raise PlanError("ensemble: its networks are the finalists', so leave out the trial")
    with service.database.reading() as connection:
        row = search_of(connection, caller, search)
    if row.kind != "network":
        raise ProblemError(409, f"search {search!r} is trained by clients, who have its models")
    study = Study(search, service.database.url)
    summary = study.read()
    try:
        members_of(study, summary, stored_plan(summary.record), trial, ensemble)
    except StoreError as error:  # there is no such trial
        raise PlanError(str(error)) from None
    model_id = secrets.token_hex(8)
    options = {"model": model_id, "ensemble": ensemble, "trial": trial, "every_row": every_row}
    with service.database.writing() as connection:
        check_queue(connection, caller.owner, service.settings.limits)
        if used(connection, caller.owner) >= (most := service.settings.limits.model_bytes):
            raise ProblemError(
                429,
                f"the models of {caller.owner!r} have {most:,} bytes, the limit: delete one first",
            )
        job_id = queue.put(connection, "train", search, caller.owner, json.dumps(options))
        connection.execute(
            sa.insert(models).values(
                model_id=model_id, search=search, owner=caller.owner, job_id=job_id, created=now()
            )
        )
    return model_id


def _rows(caller: Caller) -> sa.Select[Any]:
    """A query for the models that a caller may see: own ones, and those of searches that others share."""
    of_shared = models.c.search.in_(
        sa.select(searches.c.name).where(visible(caller), searches.c.shared)
    )
    mine = sa.true() if caller.may("admin") else models.c.owner == caller.owner
    return (
        sa.select(models, jobs.c.state, jobs.c.wanted, jobs.c.reason, jobs.c.request)
        .join(jobs, jobs.c.job_id == models.c.job_id)
        .where(sa.or_(mine, of_shared))
    )


def _model(row: sa.Row[Any], facts: dict[str, Any] | None = None) -> Model:
    options = json.loads(row.request)
    del options["model"]
    return Model(
        id=row.model_id,
        search=row.search,
        owner=row.owner,
        state=queue.state_of(row),
        reason=row.reason,
        bytes=row.bytes,
        created=row.created,
        facts=facts,
        **options,
    )


def listed(
    service: Service,
    caller: Caller,
    *,
    search: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Model]:
    """The models that the caller may see, newest first, of all searches or of one.

    Raises:
        NoSuchStudyError: the caller may see no such search.
    """
    query = _rows(caller).order_by(models.c.created.desc(), models.c.model_id)
    with service.database.reading() as connection:
        if search is not None:
            query = query.where(models.c.search == search_of(connection, caller, search).name)
        return [_model(row) for row in connection.execute(query.limit(limit).offset(offset))]


def of(service: Service, caller: Caller, model_id: str) -> Model:
    """One model, with the facts of `hpo show` once it is trained.

    Raises:
        ProblemError: 404, the caller may see none of that id.
    """
    row = _row_of(service, caller, model_id)
    if row.bytes is None:
        return _model(row)
    return _model(row, service.pool.run(applying.facts, str(file_of(service.folder, model_id))))


def path(
    service: Service, caller: Caller, model_id: str, kind: Literal["hpo", "html"] = "hpo"
) -> Path:
    """The file of a model, or its card.

    Raises:
        ProblemError: 404, the caller may see none of that id; 409, it is not trained.
    """
    row = _row_of(service, caller, model_id)
    file = file_of(service.folder, model_id).with_suffix(f".{kind}")
    if row.bytes is None or not file.exists():
        what = "model" if row.bytes is None else "card of model"
        raise ProblemError(
            409, f"the {what} {model_id!r} is not there: it is {queue.state_of(row)}"
        )
    return file


@contextmanager
def folder_for(service: Service) -> Iterator[Path]:
    """A folder for files that are needed for one request. A server that starts removes what one before it left."""
    folder = Path(tempfile.mkdtemp(prefix=f"{RECEIVED}model-", dir=service.data_folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def predict(
    service: Service, caller: Caller, model_id: str, table: Path, output: Path
) -> list[str]:
    """Write the predictions for the rows of a CSV file to another file; returns what its user should know.

    Both are in a folder of `folder_for`.

    Raises:
        ProblemError: 404, the caller may see none of that id; 409, it is not trained.
        DataError: the rows can't be used, or there are too many.
    """
    model = path(service, caller, model_id)
    return service.pool.run(
        applying.predict, str(model), str(table.parent), table.name, output.name,
        service.settings.limits.rows, seconds=SECONDS,
    )  # fmt: skip


def as_onnx(service: Service, caller: Caller, model_id: str, output: Path) -> None:
    """Write a model as an ONNX file, to a folder of `folder_for`.

    Raises:
        ProblemError: 404, the caller may see none of that id; 409, it is not trained.
        DataError: a package that this needs is not installed.
    """
    model = path(service, caller, model_id)
    service.pool.run(applying.write_onnx, str(model), str(output.parent), output.name)


def delete(service: Service, caller: Caller, model_id: str) -> None:
    """Delete a model, also while it is trained.

    Raises:
        ProblemError: 404, the caller has none of that id.
    """
    row = _row_of(service, caller, model_id)
    if row.owner != caller.owner and not caller.may("admin"):
        raise _none(model_id)
    with service.database.writing() as connection:
        connection.execute(sa.delete(models).where(models.c.model_id == model_id))
        # Its process sees that it has no job any more.
        connection.execute(sa.delete(jobs).where(jobs.c.job_id == row.job_id))
    remove_files(service, [model_id])


def remove_files(service: Service, ids: list[str]) -> None:
    """Delete the files of models."""
    for model_id in ids:
        file = file_of(service.folder, model_id)
        file.unlink(missing_ok=True)
        file.with_suffix(".html").unlink(missing_ok=True)


def _row_of(service: Service, caller: Caller, model_id: str) -> sa.Row[Any]:
    row = None
    if model_id.isascii() and model_id.isalnum():
        with service.database.reading() as connection:
            row = connection.execute(_rows(caller).where(models.c.model_id == model_id)).first()
    if row is None:
        raise _none(model_id)
    return row


def _none(model_id: str) -> ProblemError:
    return ProblemError(404, f"no model {model_id[:100]!r} of yours")
