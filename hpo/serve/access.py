"""Which searches a caller may see and change: their own, and those that others share; an admin, all."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hpo.errors import NoSuchStudyError
from hpo.serve.caller import Caller
from hpo.serve.tables import searches


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
    row = connection.execute(
        sa.select(searches).where(searches.c.name == name, visible(caller))
    ).first()
    if row is None or (change and row.owner != caller.owner and not caller.may("admin")):
        raise NoSuchStudyError(f"no search {name[:100]!r} of yours")
    return row
