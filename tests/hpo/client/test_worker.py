"""`hpo worker`, as processes that are killed, and a service that is killed: the study is that of home all the same."""

# Law 2: the same seed, the same study.

from __future__ import annotations

import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import hpo
from hpo.trainables.named import find
from tests.hpo.serve.serving import Serving
from tests.running import HPO, Call, Tables, wait_until

TRAINER = """
import time


def train(params, *, epochs, seed):
    for epoch in range(epochs):
        time.sleep({seconds})
        yield {{"loss": (params["x"] - 0.3) ** 2 + (seed % 1000) / 1e6 + 0.1 / (epoch + 1)}}
"""
PLAN: dict[str, Any] = {
    "trials": 24, "epochs": 3, "seed": 2, "metric": "loss", "direction": "minimize", "ahead": 4,
}  # fmt: skip
HALVED = {**PLAN, "trials": 40, "epochs": 9, "halving": 3}


class Team:
    """A service, and workers of its searches."""

    def __init__(self, folder: Path, serving: Serving) -> None:
        self.serving, self._folder, self.storage = serving, folder, serving.storage
        self.trainer = folder / "mine.py"
        self.trainer.write_text(TRAINER.format(seconds=0))
        self.workers: list[subprocess.Popen[str]] = []

    def begin(self, name: str, plan: dict[str, Any]) -> None:
        """Make a search, and the same at home."""
        where: Any = {"storage": self.storage, "name": f"home {name}", "progress": False}
        hpo.search(_function(self.trainer), space={"x": hpo.Float(0, 1)}, **plan, **where)
        self.serving.create(name=name, kind="remote", plan={**plan, "space": {"x": "0:1"}})

    def worker(self, name: str, *options: str) -> subprocess.Popen[str]:
        url = f"http://127.0.0.1:{self.serving.port}"
        started = subprocess.Popen(
            [HPO, "worker", name, "--server", url, "--trainer", f"{self.trainer}:train", *options],
            cwd=self._folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.workers.append(started)
        return started

    def ended(self, name: str, trials: int) -> None:
        """Wait until so many trials of a search have ended."""
        wait_until(
            f"SELECT COUNT(*) >= {trials} FROM trials t JOIN studies s USING (study_id) "  # noqa: S608
            f"WHERE s.study_name = '{name}' AND t.state IN ('COMPLETE', 'PRUNED')",
            self.storage,
        )

    def finish(self, *workers: subprocess.Popen[str]) -> None:
        """Wait until workers have ended by themselves."""
        for worker in workers:
            _, printed = worker.communicate(timeout=240)
            assert worker.returncode == 0, printed


def _function(file: Path) -> Any:
    return find(f"{file}:train")


@contextmanager
def team_in(folder: Path, **settings: int) -> Iterator[Team]:
    with Serving(folder, f"sqlite:///{folder / 'team.db'}", **settings) as serving:
        made = Team(folder, serving)
        yield made
        for worker in made.workers:
            worker.kill()
            worker.communicate()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """One whose killed workers are missed after three seconds."""
    with team_in(tmp_path, lease_seconds=3) as made:
        yield made


@pytest.fixture(scope="module")
def patient_team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """One whose workers may be as slow as a loaded machine makes them."""
    with team_in(tmp_path_factory.mktemp("patient")) as made:
        yield made


@pytest.mark.slow  # in hpo/serve/test_killed.py, the server and its jobs are killed
def test_workers_that_are_killed_and_come_back_make_the_study_of_home(
    team: Team, tables: Tables
) -> None:
    team.trainer.write_text(TRAINER.format(seconds=0.05))
    team.begin("s", PLAN)
    first = team.worker("s", "--client", "one", "--workers", "2")
    second = team.worker("s", "--workers", "2")
    team.ended("s", 3)
    first.kill()
    second.kill()  # its tasks are handed out again when its lease ends
    team.finish(team.worker("s", "--client", "one", "--workers", "2", "--executor", "threads"))
    assert tables("s", team.storage) == tables("home s", team.storage)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_a_worker_that_is_stopped_gives_its_tasks_back(
    number: signal.Signals, status: int, patient_team: Team
) -> None:
    team, name = patient_team, f"stopped-by-{number}"
    team.trainer.write_text(TRAINER.format(seconds=0.3))
    team.serving.create(name=name, kind="remote", plan={**PLAN, "space": {"x": "0:1"}})
    worker = team.worker(name, "--executor", "threads")
    team.ended(name, 1)
    worker.send_signal(number)
    _, printed = worker.communicate(timeout=60)
    assert worker.returncode == status
    assert f"hpo worker {name} --server http://127.0.0.1:{team.serving.port}" in printed
    tasks = team.serving.client.get(f"/searches/{name}/tasks").json()["tasks"]
    assert {task["client"] for task in tasks} <= {None}


@pytest.mark.slow
@pytest.mark.parametrize("plan", [PLAN, HALVED], ids=["plain", "halved"])
def test_a_service_that_is_killed_loses_nothing_and_nothing_counts_twice(
    plan: dict[str, Any], team: Team, tables: Tables
) -> None:
    _killed(team, plan, tables, kills=3, between=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [PLAN, HALVED], ids=["plain", "halved"])
def test_a_service_that_is_killed_a_hundred_times(
    plan: dict[str, Any], team: Team, tables: Tables
) -> None:
    _killed(team, {**plan, "trials": 150}, tables, kills=100, between=0.4)


def _killed(
    team: Team, plan: dict[str, Any], tables: Tables, *, kills: int, between: float
) -> None:
    team.trainer.write_text(TRAINER.format(seconds=0.02))
    team.begin("s", plan)
    workers = [team.worker("s", "--workers", str(n), "--executor", "threads") for n in (1, 2)]
    team.ended("s", 1)
    for _ in range(kills):
        time.sleep(between)
        team.serving.kill()
        team.serving.start()
    team.finish(*workers)
    assert tables("s", team.storage) == tables("home s", team.storage)


def test_a_worker_says_in_one_line_what_is_wrong(
    patient_team: Team, call_hpo: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = patient_team
    monkeypatch.setenv("HPO_SERVER", f"http://127.0.0.1:{team.serving.port}")

    def said(*command: str, status: int) -> str:
        done = call_hpo(shlex.join(["worker", *command]))
        assert done.status == status, done.err
        (line,) = done.err.splitlines()
        return line

    trainer = f"{team.trainer}:train"
    assert "nothing" in said("nothing", "--trainer", trainer, status=1)
    team.serving.create(name="s", kind="remote", plan={**PLAN, "space": {"x": "0:1"}})
    assert "has no 'tarin'" in said("s", "--trainer", f"{team.trainer}:tarin", status=2)
    assert "--trainer" in said("s", status=2)
    assert "not the URL" in said("s", "--trainer", trainer, "--server", "team", status=2)
    team.serving.create(name="wine", data="wine", plan={"trials": 10})
    assert "wine" in said("wine", "--trainer", trainer, status=1)


@pytest.mark.slow
def test_a_client_here_waits_for_a_service_that_is_killed(team: Team, tables: Tables) -> None:
    team.begin("s", PLAN)
    with hpo.Client(f"http://127.0.0.1:{team.serving.port}") as client:
        results: list[Any] = []

        def loop() -> None:
            while (asked := client.ask("s", wait=5))["state"] == "running":
                for task in asked["tasks"]:
                    metrics = list(
                        _function(team.trainer)(
                            task["params"], epochs=task["epochs"], seed=task["seed"]
                        )
                    )
                    results.append(client.tell("s", task["task"], metrics))

        thread = threading.Thread(target=loop)
        thread.start()
        team.ended("s", 2)
        team.serving.kill()
        team.serving.start()
        thread.join(120)
    assert all(result["counted"] for result in results)
    assert tables("s", team.storage) == tables("home s", team.storage)
