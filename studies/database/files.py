"""The files of an SQLite database, looked at without opening them, and what SQLite's errors mean.

In WAL mode a database is up to three files: the last commits may still be in FILE-wal, and FILE-shm is its index.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

DEFAULT_STORAGE = "sqlite:///hpo.db"
"""Where studies are when nobody says otherwise: a file in the current folder."""

UNWRITABLE_PLACE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)
"""The errors of SQLite when a reader can't make the files that it needs beside a database in WAL mode."""


def beside(path: Path, ending: str) -> Path:
    """FILE-wal or FILE-shm."""
    return path.with_name(f"{path.name}-{ending}")


def size(path: Path) -> int:
    """The size of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def nobody_writes(path: Path) -> bool:
    """Whether the whole database is in its one file, and no program has it open to write."""
    return not size(beside(path, "wal")) and not beside(path, "shm").exists()


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for a message of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def meaning(error: BaseException, path: Path, waited: float) -> str:
    """What an error of SQLite means, as the rest of a sentence that begins with the file's name.

    `waited` is how many seconds were waited for a lock.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    kept = "what was finished is kept: go on with hpo resume when there is room"
    match code & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return of_optunas_journal(path) or "is not an SQLite database; it was left as it is"
        case sqlite3.SQLITE_CORRUPT:
            return (
                f"is damaged ({error}): take a copy from before, or save what can be read "
                "with sqlite3's .recover"
            )
        case sqlite3.SQLITE_FULL:
            return f"can't be written: the disk is full; {kept}"
        case sqlite3.SQLITE_IOERR if (limit := _limit()) is not None:
            return f"can't be written: files may not pass {limit:,} bytes (ulimit -f); {kept}"
        case sqlite3.SQLITE_IOERR:
            return f"can't be read or written: {error} ({getattr(error, 'sqlite_errorname', code)})"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"is locked by {_holders(path)}, for more than {waited:g} s: wait for it, or stop it"
        case sqlite3.SQLITE_READONLY:
            return "can't be written: it or its folder is read-only"
        case sqlite3.SQLITE_CANTOPEN:
            return f"can't be opened: {error}"
    return f"can't be used: {first_line(error)}"


def of_optunas_journal(path: Path) -> str:
    """What to do with a file if it is a journal of Optuna's, as the rest of a sentence; empty if it is none."""
    try:
        with path.open("rb") as file:
            begin = file.read(32)
    except OSError:
        return ""
    if not begin.startswith(b'{"op_code":'):
        return ""
    return (
        "is a journal of Optuna's, which hpo does not read: copy each study into a database with "
        "optuna.copy_study(from_study_name=…, from_storage=…, to_storage='sqlite:///hpo.db')"
    )


def _limit() -> int | None:
    """The largest size that a file of this process may have; None where there is no limit."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def _holders(path: Path) -> str:
    """The programs with write locks on a database, else those that read it, as far as Linux shows them."""
    files = set()
    for file in (path, beside(path, "wal"), beside(path, "shm")):
        if file.exists():
            about = file.stat()
            device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}"
            files.add(f"{device}:{about.st_ino}")
    programs: dict[str, list[str]] = {"WRITE": [], "READ": []}
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()  # 1: POSIX ADVISORY WRITE process device:inode from to
            if fields[1] != "->" and fields[5] in files and fields[4] != str(os.getpid()):
                program = Path(f"/proc/{fields[4]}/comm").read_text().strip()
                programs[fields[3]].append(f"process {fields[4]} ({program})")
    except OSError:  # this is not Linux, or the program has just ended
        pass
    locking = programs["WRITE"] or programs["READ"]
    return " and ".join(dict.fromkeys(locking)) or "another program"
