"""Receives a table: its bytes go to a temporary file as they come, and it is kept once it has been understood."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpo.serve.caller import Caller
from hpo.serve.data.data_files import MOVING, RECEIVED, settle
from hpo.serve.data.understanding import received
from hpo.serve.problems import ProblemError
from hpo.serve.service import Service
from hpo.serve.tables import data_sets
from studies.database.engine import now
from studies.words import file_name
from trainer.data.files import ENDINGS


def table_name(name: str) -> str:
    """The name under which a table is kept: without folders and special characters.

    Raises:
        ProblemError: 422, its ending is none of a table.
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    ending = max((e for e in ENDINGS if plain.lower().endswith(e)), key=len, default=None)
    if ending is None:
        raise ProblemError(
            422, f"the name {name[:100]!r} has to end in {', '.join(ENDINGS)}, as a table's does"
        )
    stem = plain[: -len(ending)]
    return (file_name(stem) if re.search(r"\w", stem) else "table") + ending


@contextmanager
def receiving(
    service: Service, caller: Caller, name: str, length: int | None = None
) -> Iterator[Arriving]:
    """A data set that is on its way, perhaps of a length that is known. What was not kept is gone at the end."""
    arriving = Arriving(service, caller, table_name(name), length or 0)
    try:
        yield arriving
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full:
            raise
        raise ProblemError(507, "the disk of the service is full, so nothing was kept") from None
    finally:
        arriving.close()


class Arriving:
    """A data set that is being received."""

    def __init__(self, service: Service, caller: Caller, name: str, length: int) -> None:
        self.service, self.owner, self.name = service, caller.owner, name
        self.bytes = 0
        with service.database.reading() as connection:
            self._count, self._stored = self._has(connection)
        self._digest = hashlib.sha256()
        self._check(length)
        self._folder = Path(tempfile.mkdtemp(prefix=RECEIVED, dir=service.data_folder))
        self._file = (self._folder / name).open("wb")

    def write(self, chunk: bytes) -> None:
        """Add bytes to its file.

        Raises:
            ProblemError: 413, it is larger than a limit allows.
        """
        self._check(self.bytes + len(chunk))
        with self.service.files:
            self.service.receiving[self.owner] += len(chunk)
        self.bytes += len(chunk)
        self._digest.update(chunk)
        self._file.write(chunk)

    def keep(self) -> str:
        """Look into the file, and keep it if it is a table; returns its id.

        Raises:
            trainer.errors.DataError: it is none, or it has more rows or unpacked bytes than a limit allows.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        limits = self.service.settings.limits
        facts = self.service.pool.run(
            received, str(self._folder), self.name, limits.rows, limits.unpacked_bytes
        )
        content = f"{self._digest.hexdigest()}/{self.name}"
        data_id = hashlib.sha256(content.encode()).hexdigest()[:16]
        row = {
            "data_id": data_id,
            "owner": self.owner,
            "name": self.name,
            "bytes": self.bytes,
            "rows": facts["rows"],
            "columns": facts["columns"],
            "facts": json.dumps(facts),
            "created": now(),
        }
        with self.service.files:
            settle(self.service, data_id)
            try:
                with self.service.database.writing() as connection:
                    self._put(connection, row)
            finally:
                settle(self.service, data_id)
        return data_id

    def close(self) -> None:
        """Remove what was not kept."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        with self.service.files:
            self.service.receiving[self.owner] -= self.bytes

    def _put(self, connection: sa.Connection, row: dict[str, Any]) -> None:
        mine = sa.and_(data_sets.c.data_id == row["data_id"], data_sets.c.owner == self.owner)
        if connection.execute(sa.select(data_sets.c.data_id).where(mine)).first() is not None:
            return  # the same file again
        self._count, self._stored = self._has(connection)
        self._check_quota(self._stored + self.bytes)
        connection.execute(sa.insert(data_sets).values(row))
        if not (self.service.data_folder / row["data_id"]).exists():
            self._folder.rename(self.service.data_folder / f"{MOVING}{row['data_id']}")

    def _has(self, connection: sa.Connection) -> tuple[int, int]:
        """How many data sets the owner has, and how many bytes they have."""
        size = sa.func.coalesce(sa.func.sum(data_sets.c.bytes), 0)
        query = sa.select(sa.func.count(), size).where(data_sets.c.owner == self.owner)
        count, total = connection.execute(query).one()
        return int(count), int(total)

    def _check(self, size: int) -> None:
        limit = self.service.settings.limits.upload_bytes
        if size > limit:
            raise ProblemError(
                413, f"{self.name} has more than {limit:,} bytes, which is the limit"
            )
        # Others of the owner's that are on their way count, too.
        arriving = self.service.receiving[self.owner] - self.bytes
        self._check_quota(self._stored + arriving + size)

    def _check_quota(self, size: int) -> None:
        limits = self.service.settings.limits
        if self._count >= limits.data_sets:
            raise ProblemError(
                413, f"you have {self._count} data sets, which is the limit: delete some"
            )
        if size > limits.data_bytes:
            raise ProblemError(
                413,
                f"with {self.name} your data sets would have more than {limits.data_bytes:,} bytes: delete some",
            )
