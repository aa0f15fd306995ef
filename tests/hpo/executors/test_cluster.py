"""A Dask cluster of real processes on loopback: workers that die or join late, a scheduler that is restarted, TLS."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hpo
from studies import Study
from tests.running import Run, Tables

distributed = pytest.importorskip("distributed")
SPACE = {"x": hpo.Float(0, 1)}
FUNCTION = """
import random, pathlib, time
from beside import half

def train(params, *, epochs, trial):
    for epoch in range(epochs):
        pathlib.Path("FOLDER", f"{trial}-{epoch}").touch()
        time.sleep(SECONDS)
        yield {"score": half(params["x"]) + random.random()}
"""


def searched(train: Any, storage: str, executor: str, **plan: Any) -> Study:
    options: Any = {
        "trials": 16,
        "epochs": 3,
        "metric": "score",
        "finalists": 0,
        "ahead": 4,
        **plan,
    }
    return hpo.search(
        train, space=SPACE, storage=storage, name="s", executor=executor, progress=False, **options
    )


def drawing(params: Any, *, epochs: int) -> Iterator[dict[str, float]]:
    for _ in range(epochs):
        yield {"score": params["x"] + random.random()}  # noqa: S311


@pytest.mark.parametrize("plan", [{}, pytest.param({"halving": 3}, marks=pytest.mark.slow)])
def test_a_cluster_of_this_machine_gives_the_study_of_processes(
    plan: Any, tmp_path: Path, tables: Tables
) -> None:
    killed = tmp_path / "killed"

    def train(params: Any, *, epochs: int) -> Iterator[dict[str, float]]:
        for epoch, metrics in enumerate(drawing(params, epochs=epochs)):
            if epoch == 1 and params["x"] > 0.5 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield metrics

    urls = [f"sqlite:///{tmp_path}/{k}.db" for k in range(2)]
    searched(train, urls[0], "dask", workers=2, **plan)
    assert killed.exists()
    searched(train, urls[1], "processes", workers=2, **plan)
    one, other = (tables("s", url) for url in urls)
    assert one == other


@pytest.mark.parametrize(
    ("executor", "fact"),
    [("dask:tcp://127.0.0.1:1", "127.0.0.1:1"), ("dask:10.0.0.1", "dask:tcp://HOST:PORT")],
)
def test_a_scheduler_that_is_not_there_is_named_before_anything_is_written(
    executor: str, fact: str, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpo.executors.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(hpo.PlanError, match=fact):
        searched(drawing, storage, executor)
    assert not Path(storage.removeprefix("sqlite:///")).exists()


class Cluster:
    """`dask scheduler` and `dask worker` processes."""

    def __init__(self, folder: Path, *, protocol: str = "tcp", **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.protocol = folder, protocol
        self.address = f"{protocol}://127.0.0.1:{self.port}"
        self.environment = {**os.environ, **environment}
        self.running: list[subprocess.Popen[bytes]] = []

    def _start(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{module}-{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{module}", *arguments],
                env=self.environment | environment, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        self.running.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard",
            "--protocol", self.protocol,
        )  # fmt: skip

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self._start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--death-timeout", "60", **environment,
        )  # fmt: skip

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    yield started
    started.close()


def model(folder: Path, seconds: float) -> Path:
    """A file with a function that needs another beside it, and says where it is."""
    (folder / "model").mkdir()
    (folder / "begun").mkdir()
    (folder / "model/beside.py").write_text("def half(x):\n    return x / 2\n")
    code = FUNCTION.replace("FOLDER", str(folder / "begun")).replace("SECONDS", str(seconds))
    (folder / "model/mine.py").write_text(code)
    return folder / "model/mine.py"


def search_line(file: Path, storage: str, executor: str) -> list[str]:
    return [
        "search", "--trainer", f"{file}:train", "--space", "x=0:1", "--trials", "16", "--epochs", "3", "--metric",
        "score", "--finalists", "0", "--ahead", "4", "--name", "s", "--storage", storage, "--executor", executor,
    ]  # fmt: skip


def wait_until_begun(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(list((folder / "begun").iterdir())) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["worker", "scheduler", "client"])
def test_the_study_is_that_of_one_worker_whatever_dies(
    fault: str, cluster: Cluster, tmp_path: Path, run_hpo: Run, tables: Tables
) -> None:
    file = model(tmp_path, 0.2)
    alone, storage = f"sqlite:///{tmp_path}/alone.db", f"sqlite:///{tmp_path}/cluster.db"
    assert run_hpo(*search_line(file, alone, "processes"), "--workers", "1").returncode == 0
    for path in (tmp_path / "begun").iterdir():
        path.unlink()
    scheduler, worker = cluster.scheduler(), cluster.worker()
    line = search_line(file, storage, f"dask:{cluster.address}")
    search = subprocess.Popen([sys.executable, "-m", "hpo", *line], cwd=tmp_path, text=True)
    wait_until_begun(tmp_path, 8)
    if fault == "worker":
        cluster.worker()  # joins late
        worker.kill()
    elif fault == "scheduler":
        scheduler.kill()
        scheduler.wait()
        worker.wait(60)  # it ends by itself, and whoever launched it begins another
        cluster.scheduler()
        cluster.worker()
    else:
        search.kill()
        search.wait()
        done = run_hpo("resume", "s", "--storage", storage, "--executor", f"dask:{cluster.address}")
        assert done.returncode == 0, done.stderr
    if fault != "client":
        assert search.wait(120) == 0
    assert tables("s", alone) == tables("s", storage)


@pytest.mark.slow
def test_a_cluster_with_tls(tmp_path: Path, run_hpo: Run) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    tls = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(certificate)}
    for role in ("CLIENT", "WORKER", "SCHEDULER"):
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(certificate)
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(key)
    cluster = Cluster(tmp_path, protocol="tls", **tls)
    line = search_line(model(tmp_path, 0), f"sqlite:///{tmp_path}/s.db", f"dask:{cluster.address}")
    try:
        cluster.scheduler()
        cluster.worker()
        assert run_hpo(*line).returncode != 0  # it has no certificate
        assert not (tmp_path / "s.db").exists()
        done = run_hpo(*line, **tls)
    finally:
        cluster.close()
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_other_versions_on_a_worker_are_said_before_anything_runs(
    cluster: Cluster, tmp_path: Path, run_hpo: Run
) -> None:
    for place, version in (("here", "1.0"), ("there", "2.0")):
        about = tmp_path / place / f"weather-{version}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: weather\nVersion: {version}\n"
        )
    cluster.scheduler()
    cluster.worker(PYTHONPATH=str(tmp_path / "there"))
    line = search_line(model(tmp_path, 0), f"sqlite:///{tmp_path}/s.db", f"dask:{cluster.address}")
    time.sleep(5)  # else it has no worker yet, and says that
    done = run_hpo(*line, PYTHONPATH=str(tmp_path / "here"))
    assert done.returncode == 0
    assert "weather 2.0 there, 1.0 here" in done.stderr


@pytest.mark.slow
def test_a_search_waits_for_the_first_worker(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    threading.Timer(5, cluster.worker).start()
    study = searched(drawing, f"sqlite:///{tmp_path}/late.db", f"dask:{cluster.address}")
    assert len(study.trials_frame()) == 16


@pytest.mark.slow
def test_a_script_travels_with_the_modules_beside_it(cluster: Cluster, tmp_path: Path) -> None:
    file = model(tmp_path, 0)
    (file.parent / "script.py").write_text(
        "import sys, hpo, beside\n"
        "def train(params):\n    return beside.half(params['x'])\n"
        "study = hpo.search(train, space={'x': hpo.Float(0, 1)}, trials=8, executor=sys.argv[1])\n"
        "assert (study.trials_frame()['value'] * 2 == study.trials_frame()['x']).all()\n"
    )
    cluster.scheduler()
    cluster.worker()
    line = [sys.executable, str(file.parent / "script.py"), f"dask:{cluster.address}"]
    subprocess.run(line, cwd=tmp_path, timeout=60, check=True)


@pytest.mark.slow
def test_a_search_that_waits_for_a_worker_can_be_stopped(cluster: Cluster, tmp_path: Path) -> None:
    file, storage = model(tmp_path, 0.2), f"sqlite:///{tmp_path}/s.db"
    cluster.scheduler()
    worker = cluster.worker()
    line = search_line(file, storage, f"dask:{cluster.address}")
    with subprocess.Popen([sys.executable, "-m", "hpo", *line], cwd=tmp_path) as search:
        wait_until_begun(tmp_path, 8)
        worker.kill()
        time.sleep(3)  # its tasks look for another place
        search.send_signal(signal.SIGINT)
        assert search.wait(30) == 130
