"""Who gets which task, what counts, and what is refused in one line."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import hpo
import studies
from hpo.serve.remote import remotes
from tests.hpo.serve.remote_clients import PLAN, Trainer, begin, curve, finish, service, train

TASKS = "/api/v1/searches/s/tasks"


class Service:
    """A service with the search `s`, which can be stopped as by kill -9 and started again."""

    def __init__(self, storage: str, folder: Path) -> None:
        self.storage, self._folder = storage, folder
        self.settings: dict[str, Any] = {}
        self.start()
        begin(self.made, "s", {**PLAN, "ahead": 4})

    def start(self) -> None:
        self._running = service(self.storage, self._folder, **self.settings)
        self.made, self.client = self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def restart(self) -> None:
        self.stop()
        self.start()

    def post(self, path: str = "", **body: Any) -> Any:
        return self.client.post(f"{TASKS}{path}", json=body)

    def ask(self, client: str, count: int = 1, **body: Any) -> list[str]:
        answer = self.post(client=client, count=count, **body)
        assert answer.status_code == 200, answer.text
        return [task["task"] for task in answer.json()["tasks"]]


@pytest.fixture
def served(storage: str, tmp_path: Path) -> Iterator[Service]:
    running = Service(storage, tmp_path)
    yield running
    running.stop()


def test_a_client_that_comes_back_has_its_own_tasks_first(served: Service) -> None:
    assert served.ask("a", 2) == ["t0", "t1"]
    assert served.ask("b") == ["t2"]
    assert served.ask("a") == ["t0"]
    assert served.ask("a", 3) == ["t0", "t1", "t3"]
    served.restart()
    assert served.ask("a", 3) == ["t0", "t1", "t3"]
    assert served.ask("b", 2) == ["t2", "t4"]


def test_a_task_is_described_completely(served: Service) -> None:
    task = served.post(client="a").json()["tasks"][0]
    assert task["params"].keys() == {"x", "kind"}
    del task["params"], task["seed"]
    assert task == {
        "task": "t0", "trial": 0, "stage": 0, "epochs": 3, "action": "go_on", "next_epoch": 1, "until_epoch": 3,
        "pauses": [],
    }  # fmt: skip


def test_a_task_whose_lease_ends_is_handed_out_again_and_counts_once(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]  # seconds by the clock of leases, so that a slow machine changes nothing
    monkeypatch.setattr(remotes, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    served.settings = {"lease_seconds": 60}
    served.restart()
    assert served.ask("a", 2) == ["t0", "t1"]
    assert served.ask("b", 1) == ["t2"]
    passed[0] = 40
    assert served.post("/t1/heartbeat", client="a").json()["action"] == "go_on"
    passed[0] = 80
    assert served.ask("b", 1) == ["t2"]  # its lease has ended, too, and nobody else has it
    passed[0] = 150
    assert served.ask("c", 3) == ["t0", "t1", "t2"]
    refused = served.post("/t0/epochs", client="a", first_epoch=1, metrics=[{"loss": 1.0}])
    assert (refused.status_code, refused.json()["action"]) == (409, "stop")
    told = served.post("/t0/result", client="a", metrics={"loss": 0.5}).json()  # the first counts
    assert told == {"task": "t0", "state": "complete", "value": 0.5, "counted": True}
    told = served.post("/t0/result", client="c", metrics={"loss": 0.25}).json()
    assert told == {"task": "t0", "state": "complete", "value": 0.5, "counted": False}


def test_what_is_told_twice_counts_once_and_is_answered_the_same(served: Service) -> None:
    served.ask("a", 3)
    results: list[dict[str, Any]] = [
        {"metrics": [{"loss": 0.5}, {"loss": 0.25}]},
        {"error": "ValueError: no", "traceback": "…", "metrics": [{"loss": 1.0}]},
        {"value": None},
    ]
    for trial, result in enumerate(results):
        answers = [served.post(f"/t{trial}/result", client="a", **result).json() for _ in "123"]
        served.restart()
        answers.append(served.post(f"/t{trial}/result", client="a", **result).json())
        assert answers[0]["counted"]
        assert answers == [answers[0]] * 4
    frame = studies.load("s", served.storage).trials_frame()
    assert frame["state"].tolist()[:3] == ["complete", "failed", "failed"]
    assert frame["value"].tolist()[0] == 0.25


def test_epochs_are_reported_once_and_a_gap_is_refused(served: Service) -> None:
    served.ask("a")
    metrics = [{"loss": 0.5}, {"loss": 0.4}, {"loss": 0.3}]

    def report(first: int) -> Any:
        return served.post(
            "/t0/epochs", client="a", first_epoch=first, metrics=metrics[first - 1 :]
        )

    def one(first: int) -> Any:
        return served.post(
            "/t0/epochs", client="a", first_epoch=first, metrics=metrics[first - 1 : first]
        )

    assert one(1).json() == {"action": "go_on", "next_epoch": 2, "until_epoch": 3}
    assert one(1).json() == {"action": "go_on", "next_epoch": 2, "until_epoch": 3}
    served.restart()
    lost = one(2)
    assert (lost.status_code, lost.json()["expected_epoch"]) == (409, 1)
    assert report(1).json() == {"action": "go_on", "next_epoch": 4, "until_epoch": 3}
    served.post("/t0/result", client="a")
    assert one(1).json() == {"action": "stop", "next_epoch": 0, "until_epoch": 0}
    curves = studies.load("s", served.storage).epochs_frame()
    assert curves["loss"].tolist() == [0.5, 0.4, 0.3]


def test_a_reported_score_that_is_not_finite_ends_the_task(served: Service) -> None:
    served.ask("a")
    answer = served.post("/t0/epochs", client="a", metrics=[{"loss": 0.5}, {"loss": None}]).json()
    assert answer["action"] == "stop"
    told = served.post("/t0/result", client="a").json()
    assert told == {"task": "t0", "state": "failed", "value": None, "counted": True}


@pytest.mark.parametrize(
    ("result", "status", "fact"),
    [
        ({"metrics": [{"loss": 0.5}] * 4}, 422, "4 epochs"),
        ({}, 422, "value"),
        ({"metrics": {"loss": "high"}}, 422, "metrics"),
        ({"metrics": {"loss": True}}, 422, "metrics"),
        ({"metrics": {}}, 422, "metrics"),
        ({"value": 1.0, "metrics": {"loss": 1.0}}, 422, "both"),
        ({"valeu": 1.0}, 422, "valeu"),
    ],
)
def test_what_is_no_result_is_refused_and_the_task_can_be_told_again(
    result: dict[str, Any], status: int, fact: str, served: Service
) -> None:
    served.ask("a")
    refused = served.post("/t0/result", client="a", **result)
    assert (refused.status_code, "\n" in refused.json()["detail"]) == (status, False)
    assert fact in refused.json()["detail"]
    assert served.post("/t0/result", client="a", value=0.5).json()["value"] == 0.5


def test_a_result_without_the_metric_that_decides_fails_its_trial_as_at_home(
    served: Service,
) -> None:
    served.ask("a")
    told = served.post("/t0/result", client="a", metrics={"accuracy": 0.5}).json()
    assert told["state"] == "failed"
    assert "no loss" in next(iter(studies.load("s", served.storage).errors()))


@pytest.mark.parametrize("task", ["t99", "x", "t", "s1-0", "t1_0", "9" * 60, "%00", "..%2fx"])
def test_a_task_that_is_not_there_is_not_found(task: str, served: Service) -> None:
    for path, body in (("result", {"value": 1.0}), ("epochs", {"metrics": [{"loss": 1.0}]})):
        answer = served.post(f"/{task}/{path}", client="a", **body)
        assert answer.status_code == 404, answer.text


def test_two_clients_of_one_name_are_one_client(served: Service) -> None:
    assert served.ask("a", 2) == served.ask("a", 2) == ["t0", "t1"]
    for _ in "12":
        assert served.post("/t0/result", client="a", value=1.0).json()["counted"]
    assert served.ask("a", 2) == ["t1", "t2"]


def test_who_waits_is_answered_when_something_is_to_be_done(served: Service) -> None:
    everything = served.ask("a", 100)
    assert len(everything) == 10  # those that explore; the next depends on their results
    answers: list[list[str]] = []
    waiting = threading.Thread(target=lambda: answers.append(served.ask("b", wait=30)))
    began = time.monotonic()
    waiting.start()
    time.sleep(0.2)
    for task in everything:
        served.post(f"/{task}/result", client="a", value=0.5)
    waiting.join()
    assert len(answers[0]) == 1
    assert time.monotonic() - began < 28
    answer = served.post(client="b", busy=answers[0], count=1).json()
    assert [task["task"] for task in answer["tasks"]] == answers[0]
    assert answer["retry_after"] > 0


def test_results_of_a_stage_are_kept_before_all_are_there(served: Service) -> None:
    trainer = Trainer(served.client.post, "s", "a", 4, luck=0)
    while not any(name.startswith("s") for name in served.ask("a", 4)):
        trainer.step()
    asked = served.post(client="a", count=9).json()["tasks"]
    staged = [task for task in asked if task["stage"]]
    assert len(staged) > 1
    first = staged[0]
    metrics = curve(first["params"], first["epochs"], first["seed"])
    path = f"/{first['task']}/result"
    told = served.post(path, client="a", metrics=metrics).json()
    served.restart()
    assert first["task"] not in served.ask("a", 9)
    assert served.post(path, client="a", metrics=metrics).json() == told


def test_a_search_that_is_paused_hands_out_no_more_and_one_that_is_cancelled_stops(
    served: Service,
) -> None:
    assert served.ask("a") == ["t0"]
    served.made.remotes.want("s", "pause")
    answer = served.post(client="a", count=5).json()
    assert (answer["state"], [t["task"] for t in answer["tasks"]]) == ("paused", ["t0"])
    assert served.post("/t0/result", client="a", value=0.5).json()["counted"]
    served.restart()
    assert served.post(client="a").json()["tasks"] == []
    served.made.remotes.want("s", "run")
    assert served.ask("a") == ["t1"]
    served.made.remotes.want("s", "cancel")
    answer = served.post(client="a").json()
    assert (answer["state"], answer["tasks"]) == ("cancelled", [])
    stopped = served.post("/t1/epochs", client="a", metrics=[{"loss": 0.5}]).json()
    assert stopped["action"] == "stop"


def test_a_search_with_too_many_failures_ends_and_says_why(storage: str, tmp_path: Path) -> None:
    with service(storage, tmp_path) as (made, client):
        begin(made, "s", {**PLAN, "max_failures": 2})
        for _ in range(20):
            asked = client.post(TASKS, json={"client": "a"}).json()
            for task in asked["tasks"]:
                client.post(
                    f"{TASKS}/{task['task']}/result", json={"client": "a", "error": "OSError: full"}
                )
        assert asked["state"] == "failed"
        assert "OSError: full" in asked["reason"]
    with service(storage, tmp_path) as (made, client):
        shown = client.get("/api/v1/searches/s").json()
        assert (shown["state"], shown["reason"]) == ("failed", asked["reason"])
        assert client.post(TASKS, json={"client": "a"}).json() == asked
        made.remotes.want("s", "run")
        assert client.get("/api/v1/searches/s").json()["state"] == "running"


def test_who_waits_is_answered_when_the_service_is_about_to_stop(served: Service) -> None:
    served.ask("a", 100)
    answers: list[list[str]] = []
    waiting = threading.Thread(target=lambda: answers.append(served.ask("b", wait=30)))
    began = time.monotonic()
    waiting.start()
    time.sleep(0.2)
    served.made.remotes.release()
    waiting.join()
    assert (answers, time.monotonic() - began < 28) == ([[]], True)


def test_a_client_has_no_more_tasks_than_the_limit(storage: str, tmp_path: Path) -> None:
    with service(storage, tmp_path, limits={"tasks": 3}) as (made, client):
        begin(made, "s", PLAN)
        assert len(client.post(TASKS, json={"client": "a", "count": 9}).json()["tasks"]) == 3


def test_those_in_training_are_listed_with_their_clients(served: Service) -> None:
    served.ask("a")
    served.ask("b")
    listed = served.client.get(TASKS).json()["tasks"]
    assert [(task["task"], task["client"]) for task in listed] == [("t0", "a"), ("t1", "b")]


def test_a_study_of_the_network_has_no_tasks_for_clients(storage: str, tmp_path: Path) -> None:
    with service(storage, tmp_path) as (made, _), pytest.raises(hpo.PlanError, match="source"):
        begin(made, "s", {**PLAN, "source": "digits"})


def test_curves_of_tasks_in_training_are_shown(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpo.serve.remote.in_flight.SHOWING_SECONDS", 0.0)
    served.ask("a")
    served.post("/t0/epochs", client="a", metrics=[{"loss": 0.5}])
    served.post("/t0/epochs", client="a", first_epoch=2, metrics=[{"loss": 0.25}])
    curves = studies.load("s", served.storage).epochs_frame()
    assert curves["value"].tolist() == [0.5, 0.25]


@pytest.mark.slow
def test_a_study_that_was_restarted_again_and_again_is_that_of_home(
    served: Service, storage: str, tables: Any
) -> None:
    hpo.search(train, **{**PLAN, "ahead": 4}, storage=storage, name="home")
    for restart in range(4):
        trainers = [Trainer(served.client.post, "s", name, 2, restart) for name in "ab"]
        for step in range(12):
            trainers[step % 2].step()
        served.restart()
    finish([Trainer(served.client.post, "s", name, 2, 9) for name in "ab"])
    assert tables("s", storage) == tables("home", storage)
