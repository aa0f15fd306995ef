"""The tables that owners have uploaded: what they have, what is in it, and how it goes again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.data.data_files import MOVING, owners, settle
from hpo.serve.data.understanding import understood as facts_in_process
from hpo.serve.data.uploading import receiving
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.tables import data_sets, searches

_LISTED = [column for column in data_sets.c if column.name != "facts"]


@dataclass(frozen=True)
class DataSet:
    """An uploaded table. `facts` are those of `hpo.inspecting.inspect` without a target; a list leaves them out."""

    data_id: str
    owner: str
    name: str
    bytes: int
    rows: int
    columns: int
    created: datetime
    facts: Mapping[str, Any] | None = None

    @property
    def source(self) -> str:
        """The source of a plan that searches on it, in the folder of the data."""
        return f"{self.data_id}/{self.name}"


def upload(service: Service, caller: Caller, name: str, chunks: Iterable[bytes]) -> DataSet:
    """Keep a table for the caller, who may have it already.

    Raises:
        ProblemError: 413, it is larger than a limit allows; 422, its name has no ending of a table; 507, the disk is
            full.
        trainer.errors.DataError: it can't be read, or it has more rows or unpacked bytes than a limit allows.
    """
    with receiving(service, caller, name) as arriving:
        for chunk in chunks:
            arriving.write(chunk)
        return of(service, caller, arriving.keep())


def listed(
    service: Service, caller: Caller, *, limit: int | None = None, offset: int = 0
) -> list[DataSet]:
    """The data sets of the caller, the newest first; for an admin, those of all owners."""
    query = sa.select(*_LISTED).where(_may_see(caller))
    query = query.order_by(data_sets.c.created.desc(), data_sets.c.data_id, data_sets.c.owner)
    with service.database.reading() as connection:
        rows = connection.execute(query.limit(limit).offset(offset)).mappings()
        return [DataSet(**row) for row in rows]


def of(service: Service, caller: Caller, data_id: str) -> DataSet:
    """One data set with its facts.

    Raises:
        ProblemError: 404, the caller has none of that id.
    """
    with service.database.reading() as connection:
        row = row_of(connection, caller, data_id)
    return DataSet(**{**row._mapping, "facts": json.loads(row.facts)})


def understood(
    service: Service, caller: Caller, data_id: str, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The facts of a data set, as fields of a plan such as its target say that it is to be understood.

    Raises:
        ProblemError: 404, the caller has none of that id.
        PlanError: a field breaks its rule.
        trainer.errors.DataError: it can't be used so.
    """
    known = of(service, caller, data_id)
    if not fields:
        return known.facts or {}
    folder = str(service.data_folder / data_id)
    facts: Mapping[str, Any] = service.pool.run(facts_in_process, folder, known.name, dict(fields))
    return facts


def source_of(connection: sa.Connection, caller: Caller, data_id: str) -> str:
    """The source of a plan that searches on a data set of the caller's.

    Raises:
        ProblemError: 404, the caller has none of that id.
    """
    row = row_of(connection, caller, data_id)
    return f"{row.data_id}/{row.name}"


def delete(service: Service, caller: Caller, data_id: str, *, force: bool = False) -> None:
    """Delete a data set of the caller's; its file is deleted with the last owner's.

    Raises:
        ProblemError: 404, the caller has none of that id; 409, searches of its owner use it, and `force` does not say
            that they may lose it.
    """
    with service.files:
        stored = of(service, caller, data_id)
        mine = sa.and_(data_sets.c.data_id == data_id, data_sets.c.owner == stored.owner)
        try:
            with service.database.writing() as connection:
                if not force and (names := users(connection, stored.owner, data_id)):
                    raise ProblemError(
                        409,
                        f"{stored.name} is the data of {', '.join(names[:5])}{' …' if names[5:] else ''}: they could "
                        "not go on, nor train a model, without it; delete it with force=true",
                        searches=names,
                    )
                connection.execute(sa.delete(data_sets).where(mine))
                if not owners(connection, data_id):
                    place = service.data_folder / data_id
                    with suppress(FileNotFoundError):
                        place.rename(service.data_folder / f"{MOVING}{data_id}")
        finally:
            settle(service, data_id)


def users(connection: sa.Connection, owner: str, data_id: str) -> Sequence[str]:
    """The names of an owner's searches on a data set."""
    on_it = searches.c.plan.contains(f'"{data_id}/', autoescape=True)
    query = sa.select(searches.c.name).where(searches.c.owner == owner, on_it)
    return connection.execute(query.order_by(searches.c.name)).scalars().all()


def row_of(connection: sa.Connection, caller: Caller, data_id: str) -> sa.Row[Any]:
    """The row of a data set of the caller's; an admin has those of all owners, but an own one first.

    Raises:
        ProblemError: 404, there is none.
    """
    if data_id.isascii() and data_id.isalnum():
        own_first = sa.case((data_sets.c.owner == caller.owner, 0), else_=1)
        query = sa.select(data_sets).where(data_sets.c.data_id == data_id, _may_see(caller))
        row = connection.execute(query.order_by(own_first, data_sets.c.created)).first()
        if row is not None:
            return row
    raise ProblemError(404, f"no data set {data_id[:100]!r} of yours")


def _may_see(caller: Caller) -> sa.ColumnElement[bool]:
    return sa.true() if caller.may("admin") else data_sets.c.owner == caller.owner
