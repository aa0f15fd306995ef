"""The only module that opens a database, and that creates and deletes studies.

`open_store(url)` opens a database that exists; `create_store(url)` makes one if there is none. A `Store` lists and
reads studies. Only a `Writer` writes to a study: it holds the lease, and each of its transactions checks that it still
does. A batch is one transaction when it starts and one when it ends.

Optuna's rows are written in bulk, with the columns that its tables have in this database (reflection). Their meaning is
Optuna's: states by name, categorical values as positions among the choices, infinities in a column beside the value.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from studies.database import attributes, lease, roles, schema, tables
from studies.database.engine import (
    check_creatable,
    check_file,
    check_whole,
    database_errors,
    make_engine,
    masked,
    now,
    sqlite_path,
    use_wal,
)
from studies.database.folders import FOLDER, delete_folder
from studies.database.owner import current_user
from studies.database.reader import Reader
from studies.database.records import Direction
from studies.database.retry import patiently
from studies.database.writer import Writer
from studies.errors import LeaseError, StoreError, StudyExistsError

OF_TRIALS = (
    "trial_user_attributes", "trial_system_attributes", "trial_params", "trial_values",
    "trial_intermediate_values", "trial_heartbeats",
)  # fmt: skip
OF_STUDIES = ("study_user_attributes", "study_system_attributes", "study_directions")
"""Optuna's tables whose rows belong to a trial, and to a study."""

OF_OPTUNA = ("studies", "trials", *OF_STUDIES, *OF_TRIALS)


def check_name(name: str) -> None:
    """Check that a study can have this name.

    Raises:
        StoreError: it is empty, has more than the 512 characters that Optuna keeps or some that can't be printed, or
            looks like an option of a command.
    """
    if not 0 < len(name) <= 512:
        raise StoreError(f"a study's name has 1 to 512 characters, not {len(name)}")
    if not name.isprintable():
        raise StoreError(f"the study name {name!a} has characters that can't be printed")
    if name.startswith("-"):
        raise StoreError(
            f"the study name {name!r} looks like an option: begin it with something else"
        )


def open_store(url: str) -> Store:
    """Open a database that exists. Nothing is created, whatever the URL says.

    Raises:
        StoreError: there is none, it can't be opened, or it holds no studies.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise StoreError(
            f"no database at {path}: give the right --storage, or start with hpo search"
        )
    engine = make_engine(url, frozen=path is not None and check_file(path))
    try:
        with database_errors(url):
            names = set(sa.inspect(engine).get_table_names())
            if not {"studies", "trials", "version_info"} <= names:
                with engine.connect() as connection:
                    if not names and (denied := roles.unseen(connection, engine.url)):
                        raise StoreError(f"{masked(url)}: {denied}")
                what = "it is the database of something else" if names else "it is empty"
                raise StoreError(f"{masked(url)} holds no studies: {what}")
            schema.check(engine, url)
        return Store(url, engine)
    except BaseException:
        engine.dispose()
        raise


def create_store(url: str) -> Store:
    """Open a database to write to; it is made if there is none, and its tables are brought to the newest version.

    Raises:
        StoreError: it can't be made or opened, has another version of Optuna's tables, or is another program's.
    """
    check_creatable(url)
    with database_errors(url):
        engine = make_engine(url)
        try:
            names = set(sa.inspect(engine).get_table_names())
            if names and "version_info" not in names:
                raise StoreError(
                    f"{masked(url)} is the database of something else: give another --storage"
                )
            if names:
                schema.check(engine, url)
                known = names & {*OF_OPTUNA, *tables.metadata.tables}
                with engine.connect() as connection:
                    if denied := roles.unwritable(connection, engine.url, known):
                        raise StoreError(f"{masked(url)}: {denied}")
            path = sqlite_path(url)
            if path is not None:
                if names:
                    check_whole(path)
                use_wal(engine)
            store = Store(url, engine)
            if engine.dialect.name == "sqlite" and not names:
                with store.writing() as connection:
                    schema.write(connection)
            else:
                schema.make_rest(engine, url)
        except BaseException:
            engine.dispose()
            raise
    return store


def _by_id(name: str) -> sa.TableClause:
    """A table of Optuna's with the columns that are needed to delete from it."""
    return sa.table(name, sa.column("study_id"), sa.column("trial_id"))


class Store(Reader):
    """An open database whose studies can be read, created, held and deleted."""

    def create_study(
        self,
        name: str,
        *,
        direction: Direction,
        plan: str,
        metric: str,
        data_hash: str,
        provenance: Mapping[str, Any],
        data: Mapping[str, Any] | None = None,
        owner: str | None = None,
    ) -> Writer:
        """Create a study that this process holds, in one transaction. Without an `owner` it is the current user's.

        `data` is what is told of the data.

        Raises:
            StudyExistsError: there is one of that name.
        """
        s, d = self.table("studies"), self.table("study_directions")
        owner = owner or current_user()
        token = lease.new_token()

        def create() -> int:
            with self.writing() as connection:
                study_id: int = connection.execute(
                    sa.insert(s).values(study_name=name).returning(s.c.study_id)
                ).scalar_one()
                connection.execute(
                    sa.insert(d).values(study_id=study_id, objective=0, direction=direction.upper())
                )
                connection.execute(
                    sa.insert(tables.studies).values(
                        study_id=study_id,
                        plan=plan,
                        metric=metric,
                        data_hash=data_hash,
                        provenance=json.dumps(dict(provenance)),
                        created=now(),
                    )
                )
                attributes.name_metric(self, connection, study_id, metric)
                told = {"owner": owner, "data": data}
                attributes.write_user_attributes(
                    self, connection, study_id, {key: value for key, value in told.items() if value}
                )
                lease.acquire(connection, study_id, name, token, take_over=False)
            return study_id

        try:
            study_id = patiently(create)
        except IntegrityError:
            # An earlier attempt may have been committed although its connection was lost: then the study is ours.
            created = self.read(lambda: self._held_by(token))
            if created is not None:
                return Writer(self, created, name, token)
            raise StudyExistsError(
                f"study {name!r} exists already in {masked(self.url)}: "
                f"go on with hpo resume {shlex.quote(name)}, or give another --name"
            ) from None
        return Writer(self, study_id, name, token)

    def hold(self, name: str, *, take_over: bool = False) -> Writer:
        """Take the lease of a study that exists, and return its writer.

        Raises:
            NoSuchStudyError: there is none of that name.
            LeaseError: another process holds it.
        """
        record = self.read(lambda: self.study(name))
        if record.plan is None:
            raise StoreError(
                f"study {name!r} was made by Optuna alone: hpo has no plan to go on with"
            )
        token = lease.new_token()

        def take() -> None:
            with self.writing() as connection:
                lease.acquire(connection, record.study_id, record.name, token, take_over=take_over)

        while True:
            try:
                patiently(take)
            except (
                IntegrityError
            ):  # another process has just taken it, which the next attempt reports
                continue
            return Writer(self, record.study_id, record.name, token)

    def delete_study(self, name: str) -> int:
        """Delete a study and everything of it, in one transaction, then its folder; returns how many trials it had.

        Raises:
            NoSuchStudyError: there is none of that name.
            LeaseError: a process is searching it.
        """
        record = self.read(lambda: self.study(name))
        folder = attributes.user_attributes(self, record.study_id).get(FOLDER)
        if record.name != name:  # what can't be undone asks for the whole name
            raise self._no_study(name)

        def delete() -> int:
            with self.writing() as connection:
                ours = tables.present(connection, tables.leases)
                holder = lease.living_holder(connection, record.study_id) if ours else None
                if holder is not None:
                    raise LeaseError(f"study {name!r} is held by {holder}; stop it first")
                trials, study = _by_id("trials"), _by_id("studies")
                of_it = trials.c.study_id == record.study_id
                of_trials = list(map(_by_id, OF_TRIALS))
                of_study = list(map(_by_id, OF_STUDIES))
                if ours:
                    of_trials.append(tables.curves)
                    of_study += [t for t in tables.OF_STUDIES if tables.present(connection, t)]
                for table in of_trials:
                    among = sa.select(trials.c.trial_id).where(of_it)
                    connection.execute(sa.delete(table).where(table.c.trial_id.in_(among)))
                count: int = connection.execute(sa.delete(trials).where(of_it)).rowcount
                for table in (*of_study, study):
                    connection.execute(sa.delete(table).where(table.c.study_id == record.study_id))
            return count

        deleted = patiently(delete)
        if folder is not None:
            delete_folder(Path(folder))
        return deleted

    def _held_by(self, token: str) -> int | None:
        query = sa.select(tables.leases.c.study_id).where(tables.leases.c.holder == token)
        with self.reading() as connection:
            study_id: int | None = connection.execute(query).scalar()
        return study_id
