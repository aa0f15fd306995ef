"""Who may write to a study: one process at a time, for as long as its heart beats.

A lease is a row with a random token. Every write of the holder first checks, in the same transaction, that the row
still bears its token, and puts a new one in its place. So a holder that was taken over (a laptop that slept) writes
nothing more; and where a connection is lost in the middle of a COMMIT, the row tells whether that was done. A holder
that died on this host is noticed at once, by its process number and start time; elsewhere, when its heartbeat is older
than `EXPIRY_SECONDS` by the database's clock. Which leases it has itself, a process knows.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from studies.database.tables import leases
from studies.errors import LeaseError

HEARTBEAT_SECONDS = 10.0
EXPIRY_SECONDS = 60.0

IN_USE: set[str] = set()
"""The tokens of the writers that this process has open. A lease of this process with another token is a remnant: of a
search whose disk was full, say, so that it could not even be given back."""


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
    """A token that nobody has had."""
    return secrets.token_hex(16)


def acquire(
    connection: sa.Connection, study_id: int, name: str, token: str, *, take_over: bool
) -> None:
    """Take the study's lease, in the caller's transaction. Nothing is done where the row bears the token already.

    Raises:
        LeaseError: another process holds it and is alive, and `take_over` is not set.
        sqlalchemy.exc.IntegrityError: another process took it at the same moment (on a server): look again.
    """
    seen = _holder(connection, study_id)
    if seen == token:
        return
    holder = living_holder(connection, study_id)
    if holder is not None and not take_over:
        raise LeaseError(
            f"study {name!r} is held by {holder}; wait for it, stop it, or use --take-over"
        )
    now = database_time(connection)
    # Only what was looked at goes: on a server another process may have taken it since.
    if seen is not None:
        release(connection, study_id, seen)
    IN_USE.add(token)  # before another thread can see it in the row
    connection.execute(
        sa.insert(leases).values(
            study_id=study_id,
            holder=token,
            host=socket.gethostname(),
            process=os.getpid(),
            process_started=_start_of(os.getpid()),
            since=now,
            heartbeat=now,
        )
    )


def renew(connection: sa.Connection, study_id: int, token: str, new: str, name: str) -> bool:
    """Beat once and let the row bear a new token; in the transaction of whatever else the holder is about to write.

    False where it bears the new one already: an earlier transaction with the same two tokens was committed.

    Raises:
        LeaseError: the lease is no longer this holder's.
    """
    # On a server this waits for an earlier transaction of ours that has not ended there yet.
    if beat(connection, study_id, token, new):
        return True
    if _holder(connection, study_id) == new:
        return False
    raise LeaseError(f"study {name!r} was taken over by another process; nothing more is written")


def beat(connection: sa.Connection, study_id: int, token: str, new: str | None = None) -> bool:
    """Set the heartbeat, and the token if there is a new one; whether the lease is this holder's."""
    row = sa.update(leases).where(leases.c.study_id == study_id, leases.c.holder == token)
    now = database_time(connection)
    return connection.execute(row.values(heartbeat=now, holder=new or token)).rowcount == 1


def release(connection: sa.Connection, study_id: int, *tokens: str) -> None:
    """Give the lease back; a lease that is not this holder's is left alone."""
    connection.execute(
        sa.delete(leases).where(leases.c.study_id == study_id, leases.c.holder.in_(tokens))
    )


def _holder(connection: sa.Connection, study_id: int) -> str | None:
    query = sa.select(leases.c.holder).where(leases.c.study_id == study_id)
    token: str | None = connection.execute(query).scalar()
    return token


def living_holder(connection: sa.Connection, study_id: int) -> Holder | None:
    """Who holds the study now: None if nobody does, or if the holder is dead."""
    row = connection.execute(sa.select(leases).where(leases.c.study_id == study_id)).first()
    return None if row is None else _living(connection, row)


def living_holders(connection: sa.Connection) -> dict[int, Holder]:
    """Who holds which study now, by the studies' numbers."""
    rows = connection.execute(sa.select(leases)).all()
    found = {row.study_id: _living(connection, row) for row in rows}
    return {study_id: holder for study_id, holder in found.items() if holder is not None}


def _living(connection: sa.Connection, row: sa.Row[Any]) -> Holder | None:
    """Who has a lease, if that process is alive."""
    if row.host == socket.gethostname():
        alive = _alive(row.process, row.process_started)
        if row.process == os.getpid():
            alive = alive and row.holder in IN_USE
    else:
        age = database_time(connection) - row.heartbeat
        alive = age < timedelta(seconds=EXPIRY_SECONDS)
    if not alive:
        return None
    return Holder(row.host, row.process, row.process_started, row.since, row.heartbeat)


def database_time(connection: sa.Connection) -> datetime:
    """The database's clock, as naive UTC."""
    now: datetime = connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
    return now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now


def _alive(process: int, started: float | None) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, and belongs to somebody else: so does a number that was used again
        pass
    now_started = _start_of(process)
    return started is None or now_started is None or now_started == started


def _start_of(process: int) -> float | None:
    """When a process started, in clock ticks since boot (proc(5), field 22); None where /proc is not."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    # A zombie has ended; only its parent has not asked yet.
    return -1.0 if fields[0] == "Z" else float(fields[19])
