"""The rows that say which client has which task, so that a service that was killed knows it when it is back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import NamedTuple

import sqlalchemy as sa

from hpo.serve.database import ServiceDatabase
from hpo.serve.remote.tasks import Handed, Result
from hpo.serve.tables import searches, tasks


class Row(NamedTuple):
    """What is recorded of a task in flight."""

    client: str | None
    result: Result | None


class Records:
    """The rows of one search. Changes are collected and written by `flush`, all in one transaction."""

    def __init__(self, database: ServiceDatabase, search: str) -> None:
        self._database, self._search = database, search
        self._changed: dict[str, Handed] = {}
        self._gone: set[str] = set()
        self._failed: str | None = None

    def read(self) -> dict[str, Row]:
        """The rows, by the names of their tasks."""
        query = sa.select(tasks).where(tasks.c.search == self._search)
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return {
            row.task: Row(row.client, Result(**json.loads(row.result)) if row.result else None)
            for row in found
        }

    def keep(self, handed: Handed) -> None:
        """Record who has a task, and what was told of it, at the next `flush`."""
        self._changed[handed.name] = handed
        self._gone.discard(handed.name)

    def forget(self, name: str) -> None:
        """Delete the row of a task that is over, at a `flush` that has something to record."""
        self._changed.pop(name, None)
        self._gone.add(name)

    def fail(self, reason: str) -> None:
        """Record at the next `flush` that the search has given up, and why."""
        self._failed = reason

    def flush(self, *, everything: bool = False) -> None:
        """Write what has changed. Rows of tasks that are over may wait, unless `everything` is to be written."""
        if not (self._changed or self._failed or (everything and self._gone)):
            return
        rows = [
            {
                "search": self._search,
                "task": name,
                "client": handed.client,
                "result": json.dumps(asdict(handed.result)) if handed.result else None,
            }
            for name, handed in self._changed.items()
        ]
        names = [*self._changed, *self._gone]
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(tasks).where(tasks.c.search == self._search, tasks.c.task.in_(names))
            )
            if rows:
                connection.execute(sa.insert(tasks), rows)
            if self._failed is not None:
                of_it = sa.update(searches).where(searches.c.name == self._search)
                connection.execute(of_it.values(failed=self._failed))
        self._failed = None
        self._changed.clear()
        self._gone.clear()
