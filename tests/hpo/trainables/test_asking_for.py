"""What a function may ask for by the names of its parameters, and functions that report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import hpo
from hpo.executors.devices import Devices
from hpo.executors.threads import Threads
from hpo.trainables.function import Function
from hpo.trainables.task import Task
from studies import Study
from tests.hpo.scripted import trained

SPACE = {"x": hpo.Float(0, 1)}


def searched(train: Any, storage: str, **plan: Any) -> Study:
    options: Any = {"trials": 8, "finalists": 0, "metric": "score", "rounds": 1, **plan}
    return hpo.search(train, space=SPACE, storage=storage, name="s", progress=False, **options)


def test_a_function_is_told_its_trial_and_gets_a_folder_of_its_own(storage: str) -> None:
    def train(params: Any, trial: int, folder: Path) -> dict[str, float]:
        assert not list(folder.iterdir())
        (folder / "checkpoint").write_text(str(trial))
        return {"score": trial}

    study = searched(train, storage)
    assert study.trials_frame()["value"].tolist() == list(range(8))
    home = Path(studies_folder(storage))
    assert {p.parent.name: p.read_text() for p in home.rglob("checkpoint")} == {
        f"trial-{k}": str(k) for k in range(8)
    }


def studies_folder(storage: str) -> Path:
    (folder,) = Path(storage.removeprefix("sqlite:///")).with_suffix(".folders").iterdir()
    return folder


def test_what_confirms_gets_another_folder_and_delete_deletes_them_all(
    storage: str, call_hpo: Any
) -> None:
    def train(params: Any, seed: int, folder: Path) -> dict[str, float]:
        assert not list(folder.iterdir())
        (folder / "checkpoint").touch()
        return {"score": params["x"] + seed % 7}

    searched(train, storage, trials=12, finalists=2, repeats=2)
    home = studies_folder(storage)
    (home / "notes.txt").write_text("the user's own")
    names = {p.name for p in home.iterdir() if p.is_dir()}
    assert {name for name in names if "-stage-" not in name} == {f"trial-{k}" for k in range(8)}
    assert sum("-stage-" in name for name in names) == 4
    assert call_hpo(f"delete s --yes --storage {storage}").status == 0
    assert [p.name for p in home.iterdir()] == ["notes.txt"]


def test_reproducing_uses_no_folder_of_the_study(storage: str) -> None:
    def train(params: Any, folder: Path) -> dict[str, float]:
        assert not (folder / "checkpoint").exists()
        (folder / "checkpoint").touch()
        return {"score": params["x"]}

    searched(train, storage)
    assert hpo.reproduce("s", 3, storage=storage, train=train).identical


def test_a_folder_is_where_its_user_wants_it_also_when_the_study_is_resumed(
    storage: str, tmp_path: Path
) -> None:
    def train(params: Any, folder: Path) -> dict[str, float]:
        return {"score": float(folder.is_relative_to(tmp_path / "big"))}

    searched(train, storage, folder=tmp_path / "big")
    study = hpo.resume("s", trials=10, train=train, storage=storage, progress=False)
    assert study.trials_frame()["value"].tolist() == [1.0] * 10


# --- report ---


def reporting(params: Any, *, epochs: int, report: Any) -> None:
    for epoch in range(epochs):
        report(epoch, score=params["x"] * (epoch + 1), other=epoch)


def yielding(params: Any, *, epochs: int) -> Any:
    for epoch in range(epochs):
        yield {"score": params["x"] * (epoch + 1), "other": epoch}


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_function_that_reports_is_the_same_as_one_that_yields(
    executor: str, tmp_path: Path, tables: Any
) -> None:
    urls = [f"sqlite:///{tmp_path}/{k}.db" for k in range(2)]
    for url, train in zip(urls, (reporting, yielding), strict=True):
        searched(train, url, trials=20, epochs=9, halving=3, executor=executor)
    one, other = (tables("s", url) for url in urls)
    assert one == other


def outcome(train: Any, epochs: int = 3) -> Any:
    function = Function(train, "score", "maximize")
    task = Task((0,), ({"x": 0.5},), epochs, 0)
    with Threads(function, 1) as threads:
        return trained(threads, [task])[0]


def test_report_stops_a_training_that_should_end() -> None:
    seen = []

    def train(params: Any, report: Any) -> None:
        try:
            for epoch in range(10):
                report(epoch, score=epoch)
        except Exception:
            seen.append("an Exception")
        except hpo.Stop:
            seen.append("hpo.Stop")
            raise

    assert outcome(train).metrics == {"score": [0.0, 1.0, 2.0]}
    assert seen == ["hpo.Stop"]


@pytest.mark.parametrize(
    ("calls", "facts"),
    [
        ([(3, 0.5)], ["3", "checkpoint"]),
        ([(1, 0.5), (1, 0.6)], ["1 after epoch 1"]),
        ([(0, 0.5), (2, 0.6)], ["2 after epoch 0"]),
        ([(1,)], ["report(epoch"]),
        ([(1, "much")], ["much"]),
    ],
)
def test_what_can_not_be_reported_fails_the_trial(calls: Any, facts: list[str]) -> None:
    def train(params: Any, report: Any) -> None:
        for call in calls:
            report(*call)

    line = outcome(train).error.line
    assert all(fact in line for fact in facts), line


def test_a_function_that_takes_report_may_return_its_value_instead() -> None:
    assert outcome(lambda params, report: 0.7).metrics == {"score": [0.7]}

    def both(params: Any, report: Any) -> float:
        report(1, 0.5)
        return 0.7

    assert "0.7" in outcome(both).error.line


def test_an_error_of_a_function_that_reports_has_its_own_lines() -> None:
    def train(params: Any, report: Any) -> None:
        report(1, 0.5)
        raise ZeroDivisionError("here")

    error = outcome(train).error
    assert error.line == "ZeroDivisionError: here"
    assert re.search(r"^Traceback.*\n  File .*test_asking_for.py", error.full)


# --- devices ---


def test_a_function_is_told_its_device(storage: str) -> None:
    def train(params: Any, device: str | None) -> dict[str, float]:
        return {"score": {None: -1, "cpu:0": 0, "cpu:1": 1}[device]}

    study = searched(train, storage, devices="cpu:0,cpu:1", workers=1)
    assert study.trials_frame()["value"].tolist() == [0, 1] * 4
    assert (
        hpo.reproduce("s", 0, storage=storage, train=train).difference is not None
    )  # there is none now


def test_devices_are_shared_out_evenly() -> None:
    devices = Devices(["a", "b"])
    with devices.lent() as first, devices.lent() as second, devices.lent() as third:
        assert [first, second, third] == ["a", "b", "a"]
        with devices.lent() as fourth:
            assert fourth == "b"
        with devices.lent() as fifth:
            assert fifth == "b"
    with Devices([]).lent() as none:
        assert none is None


# --- mistakes, before anything is written ---


@pytest.mark.parametrize(
    ("function", "facts"),
    [
        (lambda params, trail: 0.0, ["'trail'", "trial"]),
        (hpo.population(lambda settings, folder: 0.0), ["population", "folder"]),
    ],
)
def test_what_can_not_be_asked_for_is_refused(
    function: Any, facts: list[str], storage: str
) -> None:
    with pytest.raises(hpo.PlanError) as caught:
        searched(function, storage)
    assert all(fact in str(caught.value) for fact in facts)
    assert not Path(storage.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize(
    ("place", "fact"),
    [
        ({"devices": "a gpu"}, "'a gpu'"),
        ({"executor": "proceses"}, "processes"),
        ({"workers": 0}, "workers: 0"),
        ({"devices": "cpu"}, "device"),
        ({"folder": "here"}, "folder"),
        ({"executor": "threads", "trial_timeout": 3}, "trial_timeout"),
        ({"trial_memory": "lots"}, "'lots'"),
    ],
)
def test_a_place_that_is_none_is_refused(place: Any, fact: str, storage: str) -> None:
    with pytest.raises(hpo.PlanError, match=re.escape(fact)):
        searched(yielding, storage, **place)
    assert not Path(storage.removeprefix("sqlite:///")).exists()


def test_a_network_has_no_use_for_devices_and_the_like(storage: str) -> None:
    for field in ({"devices": "cpu"}, {"executor": "threads"}, {"trial_timeout": 3}):
        with pytest.raises(hpo.PlanError, match=next(iter(field))):
            hpo.search("iris", trials=4, storage=storage, **field)
