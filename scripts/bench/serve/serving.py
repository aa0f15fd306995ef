"""The service in a process of its own, and what its operating system knows of that process."""

from __future__ import annotations

import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpo.serve.database import ServiceDatabase
from hpo.serve.tokens import create
from scripts.bench.beside_optuna import free_port

HPO = Path(sys.executable).with_name("hpo")
SETTINGS = """
jobs = {jobs}
[limits]
trials = 10_000_000
queued = 10_000
searches = 100_000
"""
LIBRARIES = ("optuna", "fastapi", "uvicorn", "uvloop", "sqlalchemy", "grpcio")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A service that runs."""

    port: int
    process: subprocess.Popen[bytes]
    storage: str
    tokens: Sequence[str]
    started: float  # seconds until its first answer

    def call(self, method: str, path: str, body: Any = None, owner: int = 0) -> Any:
        """The answer to one request, on behalf of an owner."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {
            "Content-Type": "application/json", "Authorization": f"Bearer {self.tokens[owner]}",
        }  # fmt: skip
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v1{path}", text, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()[:500]}")
        return json.loads(content) if content else None

    def create(self, name: str, plan: Mapping[str, Any], kind: str, owner: int = 0) -> None:
        """Make a search."""
        self.call("POST", "/searches", {"name": name, "kind": kind, "plan": plan}, owner)

    def wait(self, name: str, state: str) -> None:
        """Wait until a search is in a state."""
        while self.call("GET", f"/searches/{name}")["state"] != state:
            time.sleep(0.2)

    @property
    def cpu(self) -> float:
        """The seconds of a core that the server itself has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """Bytes that are resident."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()


@contextmanager
def serving(storage: str | None = None, *, jobs: int = 1, owners: int = 1) -> Iterator[Server]:
    """A service in a folder of its own, with an SQLite file there if no storage is given. Each owner has a token."""
    with tempfile.TemporaryDirectory(prefix="hpo-bench-") as name:
        folder = Path(name)
        storage = storage or f"sqlite:///{folder / 'hpo.db'}"
        config = folder / "serve.toml"
        config.write_text(SETTINGS.format(jobs=jobs))
        with closing(ServiceDatabase(storage)) as database:
            tokens = [
                create(database, f"t{k}", owner=f"owner-{k}", scope="run") for k in range(owners)
            ]
        port = free_port()
        log = (folder / "log").open("wb")
        began = time.perf_counter()
        process = subprocess.Popen(
            [
                HPO, "serve", "--port", str(port), "--folder", str(folder / "kept"), "--config", str(config),
                "--storage", storage,
            ],
            cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
        server = Server(port, process, storage, tokens, 0.0)
        try:
            while True:
                try:
                    server.call("GET", "")
                    break
                except OSError:
                    if process.poll() is not None or time.perf_counter() - began > 60:
                        raise RuntimeError((folder / "log").read_text()) from None
                    time.sleep(0.01)
            server.started = time.perf_counter() - began
            yield server
        finally:
            process.terminate()
            process.wait(60)
            log.close()
