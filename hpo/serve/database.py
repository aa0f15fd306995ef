"""The service's own tables in the database of the studies, and transactions on them that any thread may begin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from hpo.serve.tables import metadata
from studies.database.engine import absolute, database_errors
from studies.database.reader import Reader
from studies.database.store import Store, create_store, open_store


class ServiceDatabase:
    """An open database with the service's tables, which are made where they are missing."""

    def __init__(self, storage: str, *, existing: bool = False) -> None:
        self.url = absolute(storage)
        if existing:  # says it where there is none, instead of making one
            open_store(self.url).close()
        self._store = create_store(self.url)
        self._idle: list[Store] = []
        with database_errors(self.url):
            metadata.create_all(self._store.engine)

    def close(self) -> None:
        """Close every connection."""
        self._store.close()

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The studies. A store is for one thread at a time and looks at its tables first, so idle ones are kept."""
        try:
            store = self._idle.pop()
        except IndexError:
            store = Store(self.url, self._store.engine)
        yield store
        self._idle.append(store)

    def reader(self) -> Reader:
        """A reader of studies, for one thread at a time. All share their connections."""
        return Reader(self.url, self._store.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with database_errors(self.url), self._store.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes; on SQLite it waits for other writers before it begins."""
        with self._store.writing() as connection:
            yield connection
