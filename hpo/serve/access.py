"""Which searches a caller may see and change: their own, and those that others share; an admin, all."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from hpo.errors import NoSuchStudyError
from hpo.serve.caller import Caller
from hpo.serve.tables import searches

_stored = sa.table("studies", sa.column("study_id"), sa.column("study_name"))  # Optuna's


def visible(caller: Caller) -> sa.ColumnElement[bool]:
    """The condition on `searches` that its row may be read by the caller."""
    if caller.may("admin"):
        return sa.true()
    return sa.or_(searches.c.owner == caller.owner, searches.c.shared)


def search_of(
    connection: sa.Connection, caller: Caller, name: str, *, change: bool = False
) -> sa.Row[Any]:
    """The row of a search that the caller may read, or change.

    Raises:
        NoSuchStudyError: there is none, or it is another owner's, which looks the same.
    """
    row = None
    if _can_be_name(name):
        row = connection.execute(
            sa.select(searches).where(searches.c.name == name, visible(caller))
        ).first()
    if row is None or (change and row.owner != caller.owner and not caller.may("admin")):
        raise _no_search(name)
    return row


def study_name_of(
    connection: sa.Connection, caller: Caller, name: str, *, change: bool = False
) -> str:
    """The name of a study that exists and that the caller may read, or change, from what a path calls it.

    That is its name or, since a name that Optuna or a command gave it may have any characters, `~` and its number.
    Studies that no search of the service made are there for admins only.

    Raises:
        NoSuchStudyError: there is none, or it is another owner's, which looks the same; or its search has not begun.
    """
    numbered = re.fullmatch(r"~([0-9]{1,9})", name)
    which = _stored.c.study_name == name
    if numbered:
        which = _stored.c.study_id == int(numbered[1])
    stored: str | None = None
    if _can_be_name(name):
        stored = connection.execute(sa.select(_stored.c.study_name).where(which)).scalar()
    if stored is None:
        search_of(connection, caller, name, change=change)
        raise NoSuchStudyError(f"search {name!r} has not begun, so it has no trials yet")
    query = sa.select(searches.c.owner, searches.c.shared).where(searches.c.name == stored)
    search = connection.execute(query).first()
    own = search is not None and search.owner == caller.owner
    shared = search is not None and search.shared and not change
    if not (own or shared or caller.may("admin")):
        raise _no_search(name)
    return stored


def _can_be_name(name: str) -> bool:
    """Whether a study can have the name; a database may refuse to look for other text."""
    return name.isprintable() and 0 < len(name) <= 512


def _no_search(name: str) -> NoSuchStudyError:
    return NoSuchStudyError(f"no search {name[:100]!r} of yours")
