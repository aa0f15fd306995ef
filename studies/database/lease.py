"""The lease of a study: one process at a time may write to it, as long as its heartbeat goes on.

A lease is a row with a random token. Every write of the holder first checks, in the same transaction, that the row
still has its token, and replaces it by a new one. So a holder that was taken over (on a laptop that slept) writes
nothing more. And if a connection is lost during a COMMIT, the row shows whether it succeeded. If the holder has died
on this host, that is noticed at once, by its process number and start time; on another host, when its heartbeat is
older than `EXPIRY_SECONDS` by the database's clock. A process keeps its own tokens in `IN_USE`.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from studies.database import processes
from studies.database.tables import leases
from studies.errors import LeaseError

HEARTBEAT_SECONDS = 10.0
EXPIRY_SECONDS = 60.0

IN_USE: set[str] = set()
"""The tokens of the writers that are open in this process. A lease of this process with another token is left over, for
example from a search that could not give it back because the disk was full."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a study."""

    host: str
    process: int
    process_started: float | None
    since: datetime
    heartbeat: datetime

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def new_token() -> str:
    """A random token that no other lease has."""
    return secrets.token_hex(16)


def acquire(
    connection: sa.Connection, study_id: int, name: str, token: str, *, take_over: bool
) -> None:
    """Take the study's lease, in the caller's transaction. If the row already has the token, nothing is done.

    Raises:
        LeaseError: another process holds it and is alive, and `take_over` is not set.
        sqlalchemy.exc.IntegrityError: on a server, another process took it at the same moment; try again.
    """
    previous = _token(connection, study_id)
    if previous == token:
        return
    holder = living_holder(connection, study_id)
    if holder is not None and not take_over:
        raise LeaseError(
            f"study {name!r} is held by {holder}; wait for it, stop it, or use --take-over"
        )
    now = database_time(connection)
    # Only the lease that was checked is deleted: on a server, another process may have taken it since.
    if previous is not None:
        release(connection, study_id, previous)
    IN_USE.add(token)  # before another thread can read it in the row
    connection.execute(
        sa.insert(leases).values(
            study_id=study_id,
            holder=token,
            host=socket.gethostname(),
            process=os.getpid(),
            process_started=processes.start_of(os.getpid()),
            since=now,
            heartbeat=now,
        )
    )


def renew(connection: sa.Connection, study_id: int, token: str, new: str, name: str) -> bool:
    """Set the heartbeat and a new token, in the transaction of what the holder is about to write.

    Returns False if the row has the new token already: an earlier transaction with the same tokens was committed.

    Raises:
        LeaseError: the lease is no longer this holder's.
    """
    # On a server, this waits for an earlier transaction of ours that is still running there.
    if beat(connection, study_id, token, new):
        return True
    if _token(connection, study_id) == new:
        return False
    raise LeaseError(f"study {name!r} was taken over by another process; nothing more is written")


def beat(connection: sa.Connection, study_id: int, token: str, new: str | None = None) -> bool:
    """Set the heartbeat, and the token if a new one is passed; returns whether the lease is this holder's."""
    row = sa.update(leases).where(leases.c.study_id == study_id, leases.c.holder == token)
    now = database_time(connection)
    return connection.execute(row.values(heartbeat=now, holder=new or token)).rowcount == 1


def release(connection: sa.Connection, study_id: int, *tokens: str) -> None:
    """Give the lease back, if it has one of these tokens."""
    connection.execute(
        sa.delete(leases).where(leases.c.study_id == study_id, leases.c.holder.in_(tokens))
    )


def _token(connection: sa.Connection, study_id: int) -> str | None:
    query = sa.select(leases.c.holder).where(leases.c.study_id == study_id)
    token: str | None = connection.execute(query).scalar()
    return token


def living_holder(connection: sa.Connection, study_id: int) -> Holder | None:
    """Who holds the study now; None if nobody does, or the holder has died."""
    row = connection.execute(sa.select(leases).where(leases.c.study_id == study_id)).first()
    return None if row is None else _living(connection, row)


def living_holders(connection: sa.Connection) -> dict[int, Holder]:
    """Who holds each study that is held now, by study_id."""
    rows = connection.execute(sa.select(leases)).all()
    holders = {row.study_id: _living(connection, row) for row in rows}
    return {study_id: holder for study_id, holder in holders.items() if holder is not None}


def _living(connection: sa.Connection, row: sa.Row[Any]) -> Holder | None:
    """The holder of a lease, if that process is alive."""
    alive = is_alive(connection, row)
    if row.host == socket.gethostname() and row.process == os.getpid():
        alive = alive and row.holder in IN_USE
    if not alive:
        return None
    return Holder(row.host, row.process, row.process_started, row.since, row.heartbeat)


def is_alive(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """Whether the process lives that a row names by its `host`, `process` and `process_started`.

    On another host it does as long as the `heartbeat`, by the database's clock, goes on.
    """
    if row.host == socket.gethostname():
        return processes.is_alive(row.process, row.process_started)
    age: timedelta = database_time(connection) - row.heartbeat
    return age < timedelta(seconds=EXPIRY_SECONDS)


def database_time(connection: sa.Connection) -> datetime:
    """The time by the database's clock, in UTC without a time zone."""
    now: datetime = connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
    return now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
