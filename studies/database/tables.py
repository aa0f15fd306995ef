"""Our own tables beside Optuna's, and their numbered migrations.

They hold what Optuna has no place for: plans, rounds, verdicts, confirmations, curves of more than one metric, leases.
They refer to Optuna's `studies` and `trials` by number, and all their names begin with `hpo_`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from studies.errors import StoreError

metadata = MetaData()

migrations_done = Table(
    "hpo_migrations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
)

studies = Table(
    "hpo_studies",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("plan", Text, nullable=False),  # JSON
    Column("metric", Text, nullable=False),
    Column("data_hash", String(64), nullable=False),
    Column("provenance", Text, nullable=False),  # JSON: versions, platform
    Column("created", DateTime, nullable=False),  # UTC, as Optuna stores times
    Column("completed", DateTime),  # null until all trials of the plan are done
)

rounds = Table(
    "hpo_rounds",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # how many trials the round has when it is full
    Column("ranges", Text, nullable=False),  # JSON: what it draws from
    Column("verdicts", Text),  # JSON: what was decided after it; null until then
    Column("next_ranges", Text),  # JSON: what the verdicts lead to
    PrimaryKeyConstraint("study_id", "round"),
)

curves = Table(
    "hpo_curves",
    metadata,
    Column("trial_id", Integer, nullable=False),
    Column("metric", String(128), nullable=False),
    # A JSON array, one number an epoch, which is 40 times fewer rows than one an epoch. NaN is null, and ±infinity is
    # ±1e999: valid JSON that Python, SQLite's json_each and PostgreSQL read.
    Column("points", Text, nullable=False),
    PrimaryKeyConstraint("trial_id", "metric"),
)

leases = Table(
    "hpo_leases",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(64), nullable=False),  # a random token, new for every holder
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("process_started", Float),  # because the number may be used again
    Column("since", DateTime, nullable=False),
    Column("heartbeat", DateTime, nullable=False),  # by the database's clock
)

confirmations = Table(
    "hpo_confirmations",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("stage", Integer, nullable=False),  # from 1; one seed and one split for all of a stage
    Column("trial", Integer, nullable=False),  # its number; its settings are trained again
    Column("value", Float),  # null where that failed, and until it is done
    Column("epochs", Integer),  # how many were trained; null until it is done
    Column("error", Text),  # why there is no value
    Column("finished", DateTime),  # UTC; null until it is done
    PrimaryKeyConstraint("study_id", "stage", "trial"),
)

stage_curves = Table(
    "hpo_stage_curves",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("trial", Integer, nullable=False),  # as in hpo_confirmations
    Column("metric", String(128), nullable=False),
    Column("points", Text, nullable=False),  # as in hpo_curves
    PrimaryKeyConstraint("study_id", "stage", "trial", "metric"),
)

out_of_fold = Table(
    "hpo_out_of_fold",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("trial", Integer, nullable=False),  # as in hpo_confirmations
    # JSON: how many rows of each class were predicted to be of each, or quantiles of errors, as trainer.folds has them
    Column("predicted", Text, nullable=False),
    PrimaryKeyConstraint("study_id", "stage", "trial"),
)

conclusions = Table(
    "hpo_conclusions",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("method", Integer, nullable=False),  # the version of what compared the finalists
    Column("made", DateTime, nullable=False),  # UTC
    # JSON, best first: [{trial, mean, ci95, tied, epochs}, …], of baselines also gain and gain_ci95; tied is null where
    # there were too few trainings to tell. Versions before 4 have no epochs. The values are in hpo_confirmations.
    Column("finalists", Text, nullable=False),
)

tests = Table(
    "hpo_tests",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),  # once a study
    Column("trial", Integer, nullable=False),  # the one that was recommended then
    Column("opened", DateTime, nullable=False),  # UTC; from then on the test rows have been seen
    Column("value", Float),
    Column("error", Text),
)

test_intervals = Table(
    "hpo_test_intervals",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("low", Float, nullable=False),  # the ends of the 95 % interval of the value in hpo_tests
    Column("high", Float, nullable=False),
)

stops = Table(
    "hpo_stops",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),  # why the search ended before its last trial
    Column("stopped", DateTime, nullable=False),  # UTC
    # How many rounds there were when the search went on after all; null if it did not.
    Column("lifted", Integer),
)

plans = Table(
    "hpo_plans",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("version", Integer, nullable=False),  # from 1; no rows if the plan never changed
    Column("plan", Text, nullable=False),  # JSON
    Column("changes", Text, nullable=False),  # JSON: [{field, before, after, means}, …]
    Column("rounds", Integer, nullable=False),  # how many were begun when it took effect
    Column("made", DateTime, nullable=False),  # UTC
    PrimaryKeyConstraint("study_id", "version"),
)

environments = Table(
    "hpo_environments",
    metadata,
    Column("study_id", Integer, nullable=False),
    Column("since", DateTime, nullable=False),  # UTC; what finished later was trained in it
    Column("provenance", Text, nullable=False),  # JSON, as in hpo_studies, which has the first one
    PrimaryKeyConstraint("study_id", "since"),
)


OF_STUDIES = (
    studies, rounds, leases, confirmations, stage_curves, out_of_fold, conclusions, tests, test_intervals, stops, plans,
    environments,
)  # fmt: skip
"""The tables with rows that belong to a study; rows of `curves` belong to a trial. A migration that adds a table has to
replace the trigger of `_forgetting`, as `_concluding` does.
"""


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection, tables=[studies, rounds, curves, leases])


def _confirming(connection: Connection) -> None:
    metadata.create_all(connection, tables=[confirmations, tests, stops])


def _changing(connection: Connection) -> None:
    metadata.create_all(connection, tables=[plans, environments])


WITH_ROWS_OF_STUDIES = (
    "hpo_studies", "hpo_rounds", "hpo_leases", "hpo_confirmations", "hpo_tests", "hpo_stops", "hpo_plans",
    "hpo_environments",
)  # fmt: skip
"""At the time of `_forgetting`, whatever is added later."""


def _forgetting(connection: Connection) -> None:
    """When Optuna or its dashboard deletes a study or a trial, our rows of it are deleted as well.

    Only SQLite needs the triggers: there a new study may get the number of a deleted one, which a server never reuses.
    """
    for name in WITH_ROWS_OF_STUDIES:
        connection.exec_driver_sql(
            f"DELETE FROM {name} WHERE study_id NOT IN (SELECT study_id FROM studies)"  # noqa: S608  # our names
        )
    connection.exec_driver_sql(
        "DELETE FROM hpo_curves WHERE trial_id NOT IN (SELECT trial_id FROM trials)"
    )
    if connection.dialect.name == "sqlite":
        _forget_with_study(connection, WITH_ROWS_OF_STUDIES)
        connection.exec_driver_sql(
            "CREATE TRIGGER IF NOT EXISTS hpo_forget_trial AFTER DELETE ON trials "
            "BEGIN DELETE FROM hpo_curves WHERE trial_id = OLD.trial_id; END"
        )


def _forget_with_study(connection: Connection, names: tuple[str, ...]) -> None:
    gone = "WHERE study_id = OLD.study_id"
    deletes = "; ".join(f"DELETE FROM {name} {gone}" for name in names)  # noqa: S608
    connection.exec_driver_sql("DROP TRIGGER IF EXISTS hpo_forget_study")
    connection.exec_driver_sql(
        f"CREATE TRIGGER hpo_forget_study AFTER DELETE ON studies BEGIN {deletes}; END"
    )


def _concluding(connection: Connection) -> None:
    metadata.create_all(connection, tables=[conclusions])
    if connection.dialect.name == "sqlite":
        _forget_with_study(connection, (*WITH_ROWS_OF_STUDIES, "hpo_conclusions"))


def _testing(connection: Connection) -> None:
    metadata.create_all(connection, tables=[test_intervals])
    if connection.dialect.name == "sqlite":
        _forget_with_study(
            connection, (*WITH_ROWS_OF_STUDIES, "hpo_conclusions", "hpo_test_intervals")
        )


def _lengthening(connection: Connection) -> None:
    metadata.create_all(connection, tables=[stage_curves, out_of_fold])
    if connection.dialect.name == "sqlite":
        later = ("hpo_conclusions", "hpo_test_intervals", "hpo_stage_curves", "hpo_out_of_fold")
        _forget_with_study(connection, (*WITH_ROWS_OF_STUDIES, *later))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _first_tables,
    _confirming,
    _changing,
    _forgetting,
    _concluding,
    _testing,
    _lengthening,
)
"""Each brings the tables one version further. Append new ones, and never change one that was released."""


def check_known(connection: Connection, database: str) -> set[int]:
    """The numbers of the migrations that were applied; empty if there are no tables of ours. Messages name `database`.

    Raises:
        StoreError: the tables were made by a newer version of this program.
    """
    if not present(connection, migrations_done):
        return set()
    done = set(connection.execute(select(migrations_done.c.number)).scalars())
    if done and max(done) > len(MIGRATIONS):
        raise StoreError(
            f"{database}: its hpo tables have version {max(done)} and this program knows {len(MIGRATIONS)}: "
            "install a newer hpo"
        )
    return done


def migrate(connection: Connection, database: str) -> None:
    """Bring our tables to the newest version, in the caller's transaction. Messages name `database`.

    Raises:
        StoreError: the tables were made by a newer version of this program.
    """
    metadata.create_all(connection, tables=[migrations_done])
    done = check_known(connection, database)
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number not in done:
            migration(connection)
            connection.execute(insert(migrations_done).values(number=number))


def present(connection: Connection, table: Table) -> bool:
    """Whether the database has one of our tables. Optuna makes none of them, and older versions of ours made fewer."""
    return inspect(connection).has_table(table.name)
