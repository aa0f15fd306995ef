"""`hpo serve` as a process of its own, which tests call, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import httpx

from hpo.serve.settings import Settings, as_toml
from tests.running import HPO

UNTIL = 120.0  # seconds to wait for what should come at once


class Serving:
    """A service in a folder of its own. A context manager: at the end nothing of it runs any more."""

    def __init__(self, folder: Path, storage: str, **settings: int) -> None:
        self.folder, self.storage = folder, storage
        self.config = folder / "serve.toml"
        self.config.write_text(as_toml(Settings(**settings)))
        with socket.create_server(("127.0.0.1", 0)) as asked:
            self.port = int(asked.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=60)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.stop()
        for process in self.jobs():
            os.kill(process, signal.SIGKILL)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [HPO, "serve", "--port", str(self.port), "--folder", "serve",
                 "--config", self.config, "--storage", self.storage],
                cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + UNTIL
        while True:
            try:
                self.client.get("/searches").raise_for_status()
                return
            except httpx.TransportError:
                assert self.process.poll() is None, (self.folder / "serve.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` the server; the processes of its jobs go on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(UNTIL)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def jobs(self) -> set[int]:
        """The processes of jobs that work in its folder."""
        return {
            process for process in processes_in(self.folder / "serve" / "data") if is_job(process)
        }

    def create(self, **fields: Any) -> str:
        """The name of a new search."""
        answer = self.client.post("/searches", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["name"])

    def search(self, name: str) -> dict[str, Any]:
        """A search as the service shows it."""
        answer = self.client.get(f"/searches/{name}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def wait_for(self, name: str, *states: str) -> dict[str, Any]:
        """A search as soon as it is in one of these states."""
        deadline = time.monotonic() + UNTIL
        while (search := self.search(name))["state"] not in states:
            assert time.monotonic() < deadline, search
            time.sleep(0.1)
        return search


def processes_in(folder: Path) -> set[int]:
    """The processes whose current folder is this one."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                found.add(int(link.parent.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def is_job(process: int) -> bool:
    """Whether a process is that of a job, and no worker of one."""
    try:
        return b"hpo.serve.jobs.job" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
