"""An open database: Optuna's tables as it has them, and the transactions in which it is read and written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from studies.database.engine import database_errors, masked
from studies.database.files import first_line
from studies.database.retry import patiently
from studies.errors import StoreError

T = TypeVar("T")

OPTUNA_TABLES = (
    "studies",
    "study_directions",
    "study_user_attributes",
    "study_system_attributes",
    "trials",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_user_attributes",
)


class Database:
    """An open database. As a context manager it is closed at the end."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        self.url = url
        self.engine = engine
        self._optuna = sa.MetaData()
        self._reading: sa.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def table(self, name: str) -> sa.Table:
        """One of Optuna's tables, with the columns that this database has."""
        if name not in self._optuna.tables:
            try:
                with database_errors(self.url):
                    self._optuna.reflect(self.engine, only=OPTUNA_TABLES)
            except (NoSuchTableError, sa.exc.InvalidRequestError) as error:
                raise StoreError(
                    f"{masked(self.url)} lacks a table of Optuna's: {first_line(error)}"
                ) from None
        return self._optuna.tables[name]

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database from beginning to end. Inside it, further calls share it."""
        if self._reading is not None:
            yield self._reading
            return
        with database_errors(self.url), self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                self._reading = connection
                try:
                    yield connection
                except (ValueError, TypeError, LookupError, OverflowError) as error:
                    # What we and Optuna write can be read, so another program has changed it.
                    raise StoreError(
                        f"{masked(self.url)} holds what can't be read: {type(error).__name__}: {first_line(error)}"
                    ) from error
                finally:
                    self._reading = None

    def read(self, work: Callable[[], T]) -> T:
        """What `work` reads in one state of the database. If the connection to a server is lost, it reads again."""

        def attempt() -> T:
            with self.reading():
                return work()

        return patiently(attempt)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that writes. On SQLite it waits for other writers before it begins, never halfway."""
        with database_errors(self.url), self.engine.connect() as connection:
            connection = connection.execution_options(hpo_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection
