"""The training of a model, as a job of the queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpo.errors import PlanError
from hpo.serve.database import ServiceDatabase
from hpo.serve.tables import models


def file_of(folder: Path, model_id: str) -> Path:
    """The file of a model in the folder of a service."""
    return folder / "models" / f"{model_id}.hpo"


def used(connection: sa.Connection, owner: str) -> int:
    """How many bytes the models of an owner have."""
    total = sa.func.coalesce(sa.func.sum(models.c.bytes), 0)
    return int(connection.execute(sa.select(total).where(models.c.owner == owner)).scalar_one())


def run_training(
    database: ServiceDatabase, job: sa.Row[Any], folder: Path, model_bytes: int
) -> None:
    """Train the model of a job, and keep it with its card.

    Raises:
        PlanError: it can't be trained, or its owner's models would have more than so many bytes.
        DataError: the data of its search can't be used.
    """
    from hpo.card.writing import write_card
    from hpo.models import choose, write

    options = json.loads(job.request)
    model_id = options.pop("model")
    file = file_of(folder, model_id)
    chosen = choose(job.search, storage=database.url, **options)
    write(chosen.model, file)
    write_card(chosen, file.with_suffix(".html"))
    kept = False
    try:
        size = file.stat().st_size
        with database.writing() as connection:
            before = used(connection, job.owner)
            if before + size > model_bytes:
                raise PlanError(
                    f"the model has {size:,} bytes, and with it the models of {job.owner!r} would have more than "
                    f"{model_bytes:,}, the limit: delete one first"
                )
            whole = sa.update(models).where(models.c.model_id == model_id).values(bytes=size)
            kept = connection.execute(whole).rowcount == 1  # it was not deleted meanwhile
    finally:
        if not kept:
            file.unlink(missing_ok=True)
            file.with_suffix(".html").unlink(missing_ok=True)
