"""Clients of a service that train what a test searches, and a service in this process for them."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import hpo
from hpo.serve.app import make_app
from hpo.serve.caller import Caller
from hpo.serve.database import ServiceDatabase
from hpo.serve.remote import create
from hpo.serve.service import Service
from hpo.serve.settings import Limits, Settings
from hpo.serve.tables import searches
from studies.database.engine import now
from studies.database.owner import current_user

with warnings.catch_warnings():
    # Starlette would rather have a successor of httpx, which the project's users do not need.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

OWNER = current_user() or "local"
SPACE = {"x": hpo.Float(0, 1), "kind": hpo.Categorical(("flat", "steep"))}
PLAN: dict[str, Any] = {
    "space": SPACE, "epochs": 3, "trials": 30, "metric": "loss", "direction": "minimize", "seed": 3,
}  # fmt: skip


def curve(params: Mapping[str, Any], epochs: int, seed: int) -> list[dict[str, float]]:
    """What the training of settings reports, epoch by epoch."""
    luck = (seed % 1000) / 1e5
    steep = 2 if params["kind"] == "steep" else 1
    return [
        {"loss": steep * (params["x"] - 0.3) ** 2 + luck + 0.1 / (epoch + 1), "rate": 1.0}
        for epoch in range(epochs)
    ]


def train(params: dict[str, Any], *, epochs: int, seed: int) -> Any:
    """The same as a function that a search at home trains."""
    yield from curve(params, epochs, seed)


@contextmanager
def service(storage: str, folder: Path, **settings: Any) -> Iterator[tuple[Service, TestClient]]:
    """A service of this process, and an HTTP client of it."""
    limits = Limits(**settings.pop("limits", {}))
    made = Service(Settings(limits=limits, **settings), ServiceDatabase(storage), folder)
    with TestClient(make_app(made), base_url="http://127.0.0.1:8517") as client:
        yield made, client


def begin(service: Service, name: str, plan: Mapping[str, Any] = PLAN) -> None:
    """Make a search whose tasks are trained by clients."""
    caller = Caller(OWNER, "run")
    create(service, caller, name, plan)
    row = {"name": name, "owner": OWNER, "shared": False, "kind": "remote", "plan": "{}"}
    with service.database.writing() as connection:
        connection.execute(sa.insert(searches).values(**row, created=now()))


class Trainer:
    """A client that has several tasks in training, which it takes on epoch by epoch in a random order."""

    def __init__(
        self, post: Callable[..., Any], search: str, name: str, count: int, luck: int
    ) -> None:
        self._post, self._path = post, f"/api/v1/searches/{search}/tasks"
        self.name, self._count, self._luck = name, count, random.Random(luck)  # noqa: S311  # a test repeats it
        self.state = "running"

    def say(self, path: str, **body: Any) -> Any:
        """What the service answers."""
        answer = self._post(f"{self._path}{path}", json={"client": self.name, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def step(self) -> bool:
        """Do one thing; whether there was something to do."""
        asked = self.say("", count=self._count)
        self.state = asked["state"]
        tasks = [task for task in asked["tasks"] if task["action"] == "go_on"]
        if not tasks:
            return False
        task = self._luck.choice(tasks)
        metrics = curve(task["params"], task["epochs"], task["seed"])
        until, path = task["until_epoch"], f"/{task['task']}"
        if self._luck.random() < 0.5 or until < task["epochs"]:
            first = self._luck.randint(1, task["next_epoch"])
            reported = self.say(
                f"{path}/epochs", first_epoch=first, metrics=metrics[first - 1 : until]
            )
            if until == task["epochs"]:
                assert reported["action"] == "go_on"
                self.say(f"{path}/result")
        else:
            self.say(f"{path}/result", metrics=metrics)
        return True


def finish(trainers: list[Trainer], luck: int = 0) -> None:
    """Let clients train, one step after another in a random order, until the search is done."""
    order, idle = random.Random(luck), 0  # noqa: S311  # a test repeats it
    while not all(trainer.state == "done" for trainer in trainers):
        idle = 0 if order.choice(trainers).step() else idle + 1
        assert idle < 1000, "nobody has anything to do, and the search is not done"
