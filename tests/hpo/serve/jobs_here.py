"""A service whose jobs a test runs itself, in its own process or in another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hpo.run.cancel import Cancel
from hpo.serve.jobs import job, queue, supervisor
from hpo.serve.pool import Pool
from hpo.serve.service import Service
from tests.hpo.serve.in_process import by, make_service

THINGS = b"size,colour,kind\n" + b"".join(
    b"%d,%s,%s\n" % (k, b"red" if k % 3 else b"blue", b"x" if k % 2 else b"y") for k in range(60)
)
SHORT: dict[str, Any] = {"trials": 6, "rounds": 1, "epochs": 2}
LIMITS = {"trials": 200, "epochs": 20, "rows": 1000, "searches": 4, "queued": 3, "seconds": 600}


class Lasting(Pool):
    """A pool for several services, since its processes take seconds to begin."""

    def close(self) -> None:
        """Go on."""


def service_of(folder: Path, storage: str, pool: Pool, patch: pytest.MonkeyPatch) -> Service:
    """A service that begins no jobs, with small limits."""
    patch.setattr(supervisor.Supervisor, "start", lambda _: None)
    patch.setattr(supervisor.Supervisor, "stop", lambda _: None)
    made = make_service(folder / "folder", storage, **LIMITS)
    made.pool = pool
    return made


def create(client: httpx.Client, owner: str = "ada", **fields: Any) -> httpx.Response:
    """The answer to a request for a search."""
    return client.post("/searches", json=fields, headers=by(owner))


def run_here(service: Service, model_bytes: int = 10**9) -> queue.State | None:
    """Run the job whose turn it is in this process, for that is quicker; returns its state, None if there is none."""
    with service.database.writing() as connection:
        row = queue.claim(connection, 1)
    if row is None:
        return None
    how, reason = job.run(service.database, row, errand_of(service, model_bytes), Cancel())
    with service.database.writing() as connection:
        return queue.end(connection, row, how, reason)


def run_job(service: Service) -> None:
    """Run the job whose turn it is, in a process."""
    subprocess.run(
        [sys.executable, "-P", "-m", "hpo.serve.jobs.job"],
        cwd=service.data_folder, input=errand_of(service).as_json(), check=True, timeout=100,
    )  # fmt: skip


def errand_of(service: Service, model_bytes: int = 10**9) -> job.Errand:
    """What the process of a job is told."""
    limits = service.settings.limits
    return job.Errand(
        service.database.url, str(service.folder), slots=1, workers=1, seconds=limits.seconds,
        memory_bytes=limits.memory_bytes, model_bytes=model_bytes,
    )  # fmt: skip
