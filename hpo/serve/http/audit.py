"""The audit log: who changed what, or tried to, from where, and how it ended.

Tasks that clients ask for and tell successfully are not in it, as the study has them, thousands an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hpo.serve.database import ServiceDatabase
from hpo.serve.tables import audit
from studies.database.engine import now

ACTION_LENGTH, ADDRESS_LENGTH = 200, 100


def record(
    database: ServiceDatabase,
    *,
    owner: str,
    token: str | None,
    action: str,
    status: int,
    address: str,
    request: str,
) -> None:
    """Write one entry. A long action is cut to what the table takes."""
    with database.writing() as connection:
        connection.execute(
            sa.insert(audit).values(
                at=now(), owner=owner, token=token, action=action[:ACTION_LENGTH], status=status,
                address=address[:ADDRESS_LENGTH], request=request,
            )
        )  # fmt: skip


def entries(
    database: ServiceDatabase, *, limit: int, before: int | None = None, owner: str | None = None
) -> Sequence[Mapping[str, Any]]:
    """The newest entries first, from before an entry's number."""
    query = sa.select(audit).order_by(audit.c.entry.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.entry < before)
    if owner is not None:
        query = query.where(audit.c.owner == owner)
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
