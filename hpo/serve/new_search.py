"""What is asked for when a search is to be created, checked before anything is written.

Data are named only by the id of a data set, its file's name, or a name that is built in. Nothing that a request holds
is a path, an address, or code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hpo.errors import PlanError
from hpo.plan.fields import FIELDS
from hpo.plan.network import check_space, with_conditions
from hpo.plan.plan import Plan, make_plan
from hpo.serve.caller import Caller
from hpo.serve.data.data_sets import source_of as data_source
from hpo.serve.data.understanding import understood
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.settings import Limits
from hpo.serve.tables import data_sets, jobs, searches
from studies.words import listed, nearest
from trainer.data.files import NPZ
from trainer.data.sources import BUILT_IN, name_of

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,99}")
CODE = ("trainer", "program", "trial_timeout", "trial_memory")
"""Fields of a plan that are for code of its user's."""

SHOWN = 30  # names of columns in a message


def check_name(name: str) -> None:
    """Check that a search can have this name.

    Raises:
        PlanError: it can't.
    """
    if not NAME.fullmatch(name):
        raise PlanError(
            f"name: {name[:100]!r} is not 1 to 100 of the characters A to Z, a to z, 0 to 9, _, -, . and space, "
            "which begins with a letter, a digit or _"
        )


def check_fields(plan: Mapping[str, Any]) -> None:
    """Check that a plan has no fields but those that a service takes.

    Raises:
        PlanError: it has one that is unknown, or one for code of its user's.
    """
    for name in plan:
        if name in CODE:
            raise PlanError(
                f"{name}: the service runs no code of its callers': leave it out, "
                'and train where you are with a search of kind "remote"'
            )
        if name not in FIELDS:
            known = f"the fields are {', '.join(FIELDS)}"
            raise PlanError(f"{name[:100]}: there is no such field; {nearest(name, FIELDS, known)}")


def check_limits(plan: Plan, limits: Limits) -> None:
    """Check that a plan keeps within what one search may take.

    Raises:
        PlanError: it does not; the message names the field, the value and the limit.
    """
    for name, most in (
        ("trials", limits.trials),
        ("epochs", limits.epochs),
        ("timeout", limits.seconds),
    ):
        value = getattr(plan, name)
        if value is None and plan.source is None:
            continue  # it takes the time of others
        if value is None or value > most:
            raise PlanError(f"{name}: {value} is more than {most}, the limit of this service")


def checked_network(
    service: Service, caller: Caller, data: str | None, fields: Mapping[str, Any]
) -> Plan:
    """The plan of a search over a table, with its data found, read, and understood as the plan says.

    Without a timeout it has the service's.

    Raises:
        PlanError: a field breaks its rule or a limit, there are no such data, or they do not fit the plan.
        DataError: the data can't be used.
    """
    from hpo.run.resuming import check_sampler  # imports pandas

    check_fields(fields)
    named = fields.get("source")
    if data is not None and named is not None:
        raise PlanError(f"data {data[:100]!r} and source {str(named)[:100]!r}: give one of them")
    wanted = data if data is not None else named
    if not isinstance(wanted, str):
        raise PlanError(
            f"data: name a data set, by its id or its file's name, or one of {', '.join(BUILT_IN)}"
        )
    limits = service.settings.limits
    with service.database.reading() as connection:
        source = source_of(connection, caller, wanted)
    plan = make_plan({"timeout": limits.seconds, **fields, "source": source})
    check_limits(plan, limits)
    check_space(with_conditions(plan))
    check_sampler(plan.sampler)
    folder, _, file = source.rpartition("/")
    facts = service.pool.run(understood, str(service.data_folder / folder), file, dict(fields))
    if "task" not in facts and not file.endswith(NPZ):  # whose file may name its labels
        columns = [str(column["name"]) for column in facts["described"]]
        raise PlanError(
            f"target: say which column of {file} has the labels: {listed(columns, SHOWN)}"
        )
    if problem := facts.get("problem"):
        raise PlanError(str(problem))
    if facts["rows"] > limits.rows:
        raise PlanError(
            f"data: {facts['rows']:,} rows are more than {limits.rows:,}, the limit of this service"
        )
    return plan


def source_of(connection: sa.Connection, caller: Caller, data: str) -> str:
    """What a plan has as its source for data that a caller names: a built-in name, or HASH/FILE in the data folder.

    Raises:
        PlanError: the caller has no such data set, or several of that file's name.
    """
    if data in BUILT_IN:
        return data
    none = f"data: no data set {data[:100]!r} of yours: upload it first, or give one of {', '.join(BUILT_IN)}"
    if not data.isprintable():  # a database may refuse to look for it
        raise PlanError(none)
    t = data_sets.c
    named = sa.select(t.data_id).where(t.owner == caller.owner, t.name == data)
    ids = connection.execute(named.order_by(t.data_id)).scalars().all()
    if len(ids) > 1:
        raise PlanError(
            f"data: {data!r} is the file of several data sets: give the id, of {', '.join(ids)}"
        )
    if ids:
        return f"{ids[0]}/{data}"
    try:
        return data_source(connection, caller, data)
    except ProblemError:
        raise PlanError(
            f"data: no data set {data[:100]!r} of yours: upload it first, or give one of {', '.join(BUILT_IN)}"
        ) from None


def default_name(source: str | None) -> str:
    """The name of a search of these data, if its user does not choose one."""
    plain = re.sub(r"[^A-Za-z0-9_ .-]", "-", name_of(source or "search")).lstrip(" .-")
    return plain[:80].strip() or "search"


def free_name(connection: sa.Connection, plain: str) -> str:
    """The name, numbered where it is taken."""
    name, number = plain, 2
    while is_taken(connection, name):
        name, number = f"{plain}-{number}", number + 1
    return name


def is_taken(connection: sa.Connection, name: str) -> bool:
    """Whether there is a search or a study of that name."""
    s = sa.table("studies", sa.column("study_name"))
    return any(
        connection.execute(sa.select(column).where(column == name)).first() is not None
        for column in (searches.c.name, s.c.study_name)
    )


def check_quota(connection: sa.Connection, owner: str, limits: Limits) -> None:
    """Check that an owner may have one more search, and one more job.

    Raises:
        ProblemError: 429, the owner has as many as the service allows.
    """
    kept = sa.select(sa.func.count()).select_from(searches).where(searches.c.owner == owner)
    if connection.execute(kept).scalar_one() >= limits.searches:
        raise ProblemError(
            429, f"{owner!r} keeps {limits.searches} searches, which is the limit: delete one first"
        )
    check_queue(connection, owner, limits)


def check_queue(connection: sa.Connection, owner: str, limits: Limits) -> None:
    """Check that an owner may have one more job that waits or runs.

    Raises:
        ProblemError: 429, the owner has as many as the service allows.
    """
    active = jobs.c.state.in_(("queued", "running"))
    query = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.owner == owner, active)
    if connection.execute(query).scalar_one() >= limits.queued:
        raise ProblemError(
            429,
            f"{limits.queued} jobs of {owner!r} wait or run, which is the limit: wait for one, or cancel one",
        )
