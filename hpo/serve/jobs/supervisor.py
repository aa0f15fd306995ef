"""Begins the processes of jobs while jobs wait, at most so many at a time, and asks them to stop with the server."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

from hpo.serve.jobs import queue
from hpo.serve.jobs.job import Errand
from hpo.serve.service import Service
from studies.errors import StoreError

POLL_SECONDS = 0.2
BACK_OFF_SECONDS = 5.0  # after a process that could not begin
STOP_SECONDS = 20.0  # for the searches to end their epochs

logger = logging.getLogger("hpo.serve")


class Supervisor:
    """Watches the queue from a thread.

    Its processes have a session of their own, and go on if the server dies. What it knows of them follows from the
    table of jobs, so a new server finds those of one that died.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._children: list[subprocess.Popen[bytes]] = []
        self._not_before = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the jobs of this host to stop after their epochs, to be gone on with later, and wait for that."""
        self._stopping.set()
        self._thread.join()
        asked: set[int] = set()
        deadline = time.monotonic() + STOP_SECONDS
        while (running := self._processes()) and time.monotonic() < deadline:
            for process in running - asked:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGTERM)
            asked |= running
            time.sleep(POLL_SECONDS)

    def _processes(self) -> set[int]:
        """The living processes of jobs: those that this server began, and those that it came upon."""
        self._children = [child for child in self._children if child.poll() is None]
        begun = {child.pid for child in self._children}
        with suppress(StoreError), self._service.database.reading() as connection:
            return begun | queue.load(connection).processes
        return begun

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._look()
            except (StoreError, OSError) as error:
                logger.warning("the queue can't be looked at: %s", error)
                self._stopping.wait(BACK_OFF_SECONDS)

    def _look(self) -> None:
        for child in self._children:
            # A process that ran a job has a status of 0, or of a signal.
            if (child.poll() or 0) > 0:
                logger.warning("a process of a job ended with status %d", child.returncode)
                self._not_before = time.monotonic() + BACK_OFF_SECONDS
        self._children = [child for child in self._children if child.poll() is None]
        with self._service.database.reading() as connection:
            load = queue.load(connection)
        claiming = sum(child.pid not in load.processes for child in self._children)
        free = self._service.settings.jobs - len(load.processes) - claiming
        if time.monotonic() >= self._not_before:
            for _ in range(min(free, load.waiting - claiming)):
                self._begin()

    def _begin(self) -> None:
        service, settings = self._service, self._service.settings
        cores = os.cpu_count() or 1
        errand = Errand(
            storage=service.database.url,
            folder=str(service.folder),
            slots=settings.jobs,
            workers=settings.workers or max(1, cores // settings.jobs),
            seconds=settings.limits.seconds,
            memory_bytes=settings.limits.memory_bytes,
            model_bytes=settings.limits.model_bytes,
        )
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HPO_")}
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "hpo.serve.jobs.job"],
            cwd=service.data_folder,
            stdin=subprocess.PIPE,
            start_new_session=True,
            env=ours,
        )
        self._children.append(child)
        with suppress(BrokenPipeError):
            assert child.stdin is not None  # noqa: S101  # it is a pipe
            child.stdin.write(errand.as_json())
            child.stdin.close()
