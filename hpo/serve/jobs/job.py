"""The process of one job: `python -P -m hpo.serve.jobs.job`, with an `Errand` as JSON on stdin.

It claims the job whose turn it is, runs it in the folder with the data sets, and records its end itself, so it needs
the server no more once it has begun. What it writes to stderr goes to the job's log. SIGTERM asks it to stop in an
orderly way; the job is then queued again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpo.errors import CancelledError, HpoError, as_ours
from hpo.run.cancel import Cancel
from hpo.run.watcher import Watcher
from hpo.serve.database import ServiceDatabase
from hpo.serve.jobs import queue
from studies.database.lease import HEARTBEAT_SECONDS
from studies.database.retry import patiently
from studies.errors import ConnectionLostError, StoreError

LISTEN_SECONDS = 0.5  # between looks at what is wanted of the job
LOG_BYTES = 1_000_000


@dataclass(frozen=True)
class Errand:
    """What a process is told when it begins; the storage may have a password, so it is in no argument."""

    storage: str
    folder: str  # of the service
    slots: int  # how many jobs this host runs at the same time
    workers: int
    seconds: int  # that the training of a model may take; searches have a timeout in their plans
    memory_bytes: int
    model_bytes: int

    def as_json(self) -> bytes:
        """The same as the process reads it."""
        return json.dumps(asdict(self)).encode()


class Log(Watcher):
    """Writes what is noticed to stderr."""

    def noticed(self, note: str) -> None:
        """Write a note."""
        log(note)


def log(line: str) -> None:
    """Write a line with the time to stderr."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with suppress(OSError):  # the disk is full
        print(now, line, file=sys.stderr, flush=True)


def log_file(folder: Path, job_id: int) -> Path:
    """The log of a job, in the service's folder."""
    return folder / "logs" / f"job-{job_id}.log"


def main() -> int:
    """Run the job whose turn it is, if there is one; returns the exit status."""
    errand = Errand(**json.loads(sys.stdin.buffer.read()))
    cancel = Cancel()
    signal.signal(signal.SIGTERM, lambda *_: cancel.request())
    _limit(errand.memory_bytes)
    database = ServiceDatabase(errand.storage)
    with database.writing() as connection:
        job = queue.claim(connection, errand.slots)
    if job is None:
        return 0
    _write_to(log_file(Path(errand.folder), job.job_id))
    log(f"job {job.job_id}: {job.kind} of {job.search!r} for {job.owner!r} begins")
    threading.Thread(target=_listen, args=(database, job, errand, cancel), daemon=True).start()
    os.environ["HPO_USER"] = job.owner  # who owns the study
    how, reason = run(database, job, errand, cancel)

    def record() -> queue.State | None:
        with database.writing() as connection:
            return queue.end(connection, job, how, reason)

    state = patiently(record)
    log(f"job {job.job_id}: {state or 'taken over'}{f': {reason}' if reason else ''}")
    return 0


def run(
    database: ServiceDatabase, job: sa.Row[Any], errand: Errand, cancel: Cancel
) -> tuple[queue.Ending, str | None]:
    """Run a job; returns how it ended, and why if it failed.

    Raises:
        StoreError: the database is away; the job goes on in another process when that is back.
    """
    from hpo.serve.jobs.searching import run_search
    from hpo.serve.jobs.training import run_training

    try:
        if job.kind == "search":
            run_search(database, job, workers=errand.workers, watcher=Log(), cancel=cancel)
        else:
            run_training(database, job, Path(errand.folder), errand.model_bytes)
    except CancelledError:
        return "stopped", None
    except Exception as error:
        if _is_away(error):
            raise
        ours = as_ours(error)
        if isinstance(ours, HpoError):
            return "failed", str(ours)
        if isinstance(error, MemoryError):
            return "failed", "there is not enough memory for it"
        traceback.print_exc()
        return "failed", f"unexpected {type(error).__name__}: its log has more"
    return "done", None


def _is_away(error: BaseException) -> bool:
    """Whether the database did not answer any more."""
    cause = error.__context__ if isinstance(error, StoreError) else None
    return isinstance(error, ConnectionLostError) or isinstance(cause, ConnectionLostError)


def _limit(memory: int) -> None:
    """Let this process, and those that it begins, have so much memory, and be the first to end where that is short."""
    # Less may be allowed already, and Windows has no such limits.
    with suppress(ValueError, OSError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


def _listen(database: ServiceDatabase, job: sa.Row[Any], errand: Errand, cancel: Cancel) -> None:
    """Notice what is wanted of the job, show that this process lives, and keep its log small."""
    began = beaten = time.monotonic()
    while True:
        time.sleep(LISTEN_SECONDS)
        with suppress(StoreError):  # whatever else needs the database says what is wrong
            with database.reading() as connection:
                wanted = queue.wanted(connection, job)
            if wanted != "run":
                cancel.request()
                if job.kind == "train":
                    _leave(database, job, "stopped")
            if job.kind == "train" and time.monotonic() - began > errand.seconds:
                _leave(database, job, "failed", f"it took more than {errand.seconds} s, the limit")
            if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                beaten = time.monotonic()
                with database.writing() as connection:
                    queue.beat(connection, job)
        if os.fstat(2).st_size > LOG_BYTES:
            os.ftruncate(2, 0)


def _leave(
    database: ServiceDatabase, job: sa.Row[Any], how: queue.Ending, reason: str | None = None
) -> None:
    """End the training of a model, which nothing else can interrupt."""
    with database.writing() as connection:
        queue.end(connection, job, how, reason)
    os._exit(0)


def _write_to(file: Path) -> None:
    """Let stdout and stderr, also of libraries in C and of processes that are begun, go to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    sys.exit(main())
