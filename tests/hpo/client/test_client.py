"""A client of a real service, on another process: functions that train here, one's own loop, and what is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hpo
import trainer
from hpo.client import http
from tests.hpo.serve.remote_clients import PLAN, SPACE, curve, train
from tests.hpo.serve.serving import Serving
from tests.running import Tables


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("service")
    with Serving(folder, f"sqlite:///{folder / 'team.db'}", lease_seconds=30) as running:
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where copies of studies are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def client(serving: Serving) -> Iterator[hpo.Client]:
    with hpo.Client(f"http://127.0.0.1:{serving.port}") as opened:
        yield opened


def returning(params: dict[str, Any]) -> float:
    return float((params["x"] - 0.3) ** 2)


def reporting(params: dict[str, Any], *, epochs: int, seed: int, report: Any) -> None:
    for epoch, metrics in enumerate(curve(params, epochs, seed)):
        report(epoch, **metrics)


def failing(params: dict[str, Any], *, epochs: int, seed: int, trial: int) -> Any:
    """Some trials fail after an epoch, some diverge, some print."""
    for epoch, metrics in enumerate(curve(params, epochs, seed)):
        if trial % 5 == 1 and epoch:
            raise ValueError(f"trial {trial} fails")
        yield {**metrics, "loss": np.nan if trial % 5 == 2 and epoch else metrics["loss"]}


FUNCTIONS: dict[str, Any] = {
    "a generator": (train, {}),
    "a function": (returning, {"space": {"x": hpo.Float(0, 1)}, "metric": None, "epochs": 1}),
    "one that reports": (reporting, {}),
    "with failures": (failing, {}),
    "with halving": (train, {"halving": 3, "epochs": 9, "trials": 60}),
    "reporting, halved": (reporting, {"halving": 3, "epochs": 9, "trials": 60}),
}


QUICK = ("with failures", "reporting, halved")


@pytest.mark.parametrize(
    "kind", [k if k in QUICK else pytest.param(k, marks=pytest.mark.slow) for k in FUNCTIONS]
)
def test_a_function_that_trains_here_makes_the_study_of_home(
    kind: str, client: hpo.Client, serving: Serving, tables: Tables
) -> None:
    function, fields = FUNCTIONS[kind]
    plan = {**PLAN, **fields}
    name = kind.replace(" ", "-").replace(",", "")
    hpo.search(function, **plan, storage=serving.storage, name=f"home-{name}", progress=False)
    study = client.search(function, **plan, name=name, workers=3)
    assert serving.search(name)["state"] == "done"
    home = tables(f"home-{name}", serving.storage)
    assert tables(name, study.storage) == tables(name, serving.storage) == home


def test_several_clients_make_the_study_of_home(serving: Serving, tables: Tables) -> None:
    hpo.search(train, **PLAN, storage=serving.storage, name="home-several", progress=False)
    url = f"http://127.0.0.1:{serving.port}"
    clients = [hpo.Client(url, name=name) for name in "abc"]
    clients[0].create(
        "several", {**PLAN, "space": {"x": "0:1", "kind": "flat,steep"}}, kind="remote"
    )
    threads = [
        threading.Thread(
            target=one.search, args=(train,),
            kwargs={"name": "several", "if_exists": "resume", "workers": k, "executor": "threads"},
        )
        for k, one in enumerate(clients, 1)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in clients:
        one.close()
    assert tables("several", serving.storage) == tables("home-several", serving.storage)


def test_a_loop_of_ones_own(client: hpo.Client, serving: Serving, tables: Tables) -> None:
    hpo.search(train, **PLAN, storage=serving.storage, name="home-loop", progress=False)
    client.create("loop", {**PLAN, "space": {"x": "0:1", "kind": "flat,steep"}}, kind="remote")
    results = 0
    while (asked := client.ask("loop", wait=5))["state"] == "running":
        for task in asked["tasks"]:
            metrics = curve(task["params"], task["epochs"], task["seed"])
            client.report("loop", task["task"], metrics[:2])
            results += client.tell("loop", task["task"], metrics)["counted"]
    assert results >= PLAN["trials"] - 5
    assert tables("loop", serving.storage) == tables("home-loop", serving.storage)


@pytest.mark.parametrize(
    ("result", "state"),
    [(0.5, "complete"), ({"loss": 0.5}, "complete"), (ValueError("no"), "failed")],
)
def test_results_of_each_kind(
    result: Any, state: str, client: hpo.Client, serving: Serving
) -> None:
    name = f"kind {type(result).__name__}"
    client.create(name, {**PLAN, "space": {"x": "0:1"}}, kind="remote")
    (task,) = client.ask(name)["tasks"]
    assert client.tell(name, task["task"], result)["state"] == state


def test_what_is_wrong_is_refused_before_anything_is_created(
    client: hpo.Client, serving: Serving
) -> None:
    before = client.searches()

    @hpo.population
    def together(settings: list[dict[str, Any]], *, epochs: int) -> Any:
        yield {"loss": np.zeros(len(settings))}

    with pytest.raises(hpo.PlanError, match="population"):
        client.search(together, **PLAN, name="refused")
    with pytest.raises(hpo.PlanError, match="trials"):
        client.search(train, **{**PLAN, "trials": 0}, name="refused")
    with pytest.raises(hpo.PlanError, match="trials"):  # the limit of the service
        client.search(train, **{**PLAN, "trials": 10**9}, name="refused")
    with pytest.raises(hpo.PlanError, match="not the URL"):
        hpo.Client("team:8517")
    with pytest.raises(hpo.NoSuchStudyError, match="nothing"):
        client.ask("nothing")
    assert client.searches() == before


def test_a_service_that_is_not_there_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_PATIENCE_SECONDS", 0.3)
    began = time.monotonic()
    with (
        hpo.Client("http://127.0.0.1:9") as client,
        pytest.raises(hpo.ServiceError, match="does not answer"),
    ):
        client.searches()
    assert time.monotonic() - began < 9  # it would try for ten seconds


def test_a_search_that_fails_too_often_says_why(client: hpo.Client) -> None:
    def broken(params: dict[str, Any]) -> float:
        raise OSError("the disk is full")

    with pytest.raises(hpo.TooManyFailuresError, match="the disk is full"):
        client.search(broken, space=SPACE, trials=20, max_failures=3, name="broken", seed=1)


def test_a_name_that_is_taken_is_refused_and_can_be_joined(client: hpo.Client) -> None:
    plan: dict[str, Any] = {"space": {"x": hpo.Float(0, 1)}, "trials": 12, "seed": 1, "epochs": 1}
    client.search(returning, **plan, name="taken")
    with pytest.raises(hpo.StudyExistsError, match="taken"):
        client.search(returning, **plan, name="taken")
    client.search(returning, name="taken", if_exists="resume")


@pytest.mark.slow  # as a browser does it, in hpo/serve/test_pages_in_browser.py
def test_from_a_table_to_predictions(
    client: hpo.Client, serving: Serving, tables: Tables, tmp_path: Path
) -> None:
    rows = [f"{k % 7},{k % 2},{'yes' if k % 2 else 'no'}" for k in range(60)]
    table, new = tmp_path / "answers.csv", tmp_path / "new.csv"
    table.write_text("\n".join(["a,b,label", *rows]))
    new.write_text("a,b\n3,1\n4,0\n")
    plan: dict[str, Any] = {"target": "label", "trials": 9, "epochs": 3}
    name = client.create("table", plan, data=client.upload(table))
    assert client.wait(name)["state"] == "done"
    home = hpo.search(table, **plan, storage=serving.storage, name="home-table", progress=False)
    study = client.study(name)
    pd.testing.assert_frame_equal(
        study.epochs_frame(), home.epochs_frame(), check_exact=True, check_like=True
    )
    model = client.train(name, ensemble=2)
    client.download(model, tmp_path / "model.hpo")
    client.predict(model, new, tmp_path / "predicted.csv")
    answers = pd.read_csv(tmp_path / "predicted.csv")
    ours = trainer.load(tmp_path / "model.hpo").predict(pd.read_csv(new))
    assert list(answers.iloc[:, 0]) == list(ours)
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(hpo.PlanError, match="trial"):
        client.train(name, trial=1000)
