"""Ask and tell: a loop of the user's makes the study that a search with a function makes."""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hpo
import hpo.api
import studies
from hpo.choose.rounds import EXPLORING
from hpo.errors import NothingToAskError, PlanError

Tables = Callable[[str, str], dict[str, bytes]]
SPACE = {"x": hpo.Float(0, 1)}
PLAN: dict[str, Any] = {
    "space": SPACE, "epochs": 3, "trials": 24, "metric": "loss", "direction": "minimize",
}  # fmt: skip


def curve(params: dict[str, Any], epochs: int, seed: int) -> list[dict[str, float]]:
    luck = (seed % 1000) / 1e5
    return [{"loss": (params["x"] - 0.3) ** 2 + luck / (epoch + 1)} for epoch in range(epochs)]


def train(params: dict[str, float], *, epochs: int, seed: int) -> Any:
    yield from curve(params, epochs, seed)


def test_the_example_of_its_docstring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(hpo.api.open, "open")
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.summarize().attempted > 3
    assert runner.summarize().failed == 0
    assert studies.names("sqlite:///hpo.db") == ["mine"]


def test_it_makes_the_study_that_a_search_makes(storage: str, tables: Tables) -> None:
    hpo.search(train, **PLAN, storage=storage, name="searched")
    with hpo.open("asked", **PLAN, storage=storage) as search:
        while task := search.ask():
            search.tell(task, curve(task.params, task.epochs, task.seed))
    assert search.study.summary()["state"] == "complete"
    assert tables("asked", storage) == tables("searched", storage)


def test_it_goes_on_where_it_was_left(storage: str, tables: Tables) -> None:
    hpo.search(train, **PLAN, storage=storage, name="searched")
    with hpo.open("asked", **PLAN, storage=storage) as search:
        for _ in range(5):
            task = search.ask()
            assert task is not None
            search.tell(task, curve(task.params, task.epochs, task.seed))
        lost = search.ask()  # and never told
    with hpo.open("asked", storage=storage) as search:
        again = search.ask()
        assert again == lost
        while again:
            search.tell(again, curve(again.params, again.epochs, again.seed))
            again = search.ask()
    assert tables("asked", storage) == tables("searched", storage)
    with hpo.open("asked", storage=storage) as search:
        assert search.ask() is None


def test_several_may_be_asked_for_and_told_in_any_order(storage: str) -> None:
    with hpo.open("s", **PLAN, storage=storage) as search:
        tasks = [search.ask() for _ in range(EXPLORING)]
        with pytest.raises(NothingToAskError):
            search.ask()
        for task in reversed(tasks):
            assert task is not None
            search.tell(task, 0.5)
        assert search.ask() is not None


def test_a_task_may_fail_or_diverge(storage: str) -> None:
    with hpo.open("s", **PLAN, storage=storage) as search:
        reports: list[Any] = [RuntimeError("no memory"), math.nan, {"loss": 0.25}, 0.5]
        for report in reports:
            task = search.ask()
            assert task is not None
            search.tell(task, {"loss": report} if isinstance(report, float) else report)
    frame = search.study.trials_frame()
    assert frame["state"].tolist()[:4] == ["failed", "failed", "complete", "complete"]
    assert frame["value"].tolist()[2:4] == [0.25, 0.5]
    assert list(search.study.errors()) == ["RuntimeError: no memory"]


@pytest.mark.parametrize(
    ("reported", "fact"),
    [
        ("high", "'high'"),
        ({"loss": None}, "loss = None"),
        ({}, "no metric"),
        ([{"loss": 0.5}] * 4, "4 epochs"),
        ({"loss": [0.5, 0.5]}, "2 values"),
    ],
)
def test_what_is_no_metric_is_refused_and_the_task_can_be_told_again(
    reported: Any, fact: str, storage: str
) -> None:
    with hpo.open("s", **PLAN, storage=storage) as search:
        task = search.ask()
        assert task is not None
        with pytest.raises(PlanError) as caught:
            search.tell(task, reported)
        assert fact in str(caught.value)
        search.tell(task, {"loss": 0.5})


def test_what_cannot_be_asked_and_told_is_refused_before_anything_is_written(
    storage: str, tmp_path: Path
) -> None:
    open_anything: Any = hpo.open
    with (
        pytest.raises(PlanError, match="halving"),
        hpo.open("s", **PLAN, halving=3, storage=storage),
    ):
        pass
    with (
        pytest.raises(PlanError, match="wine"),
        open_anything("s", source="wine", trainer=None, storage=storage),
    ):
        pass
    with pytest.raises(PlanError, match="name of a study"), hpo.open(storage=storage):
        pass
    assert not list(tmp_path.iterdir())
    with hpo.open("s", **PLAN, storage=storage):
        pass
    with pytest.raises(PlanError, match=r"hpo\.open"):
        hpo.resume("s", storage=storage)
