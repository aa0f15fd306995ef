"""What every command prints with --json, of studies of every kind: these fields, of these types, and no others."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from pydantic import TypeAdapter

import hpo
from hpo import cli, operations
from hpo.cli.output import json_text
from hpo.errors import TooManyFailuresError
from hpo.run.reproducing import Difference, Reproduced
from studies import Study
from tests.hpo.cli.documents import LIST, REPRODUCED, SUMMARY, TRIAL
from tests.running import without_worker

Said = Callable[..., Any]
PAGE = (Path(__file__).parents[3] / "docs" / "json.md").read_text(encoding="utf-8")


def documented(heading: str) -> list[str]:
    """The fields in the page's table that follows some words."""
    rows = re.search(r"(?:^\|.*\n)+", PAGE.partition(heading)[2], re.M)
    assert rows, heading
    first = re.findall(r"^\| (`.*?) \|", rows[0], re.M)
    return [name for row in first for name in re.findall(r"`(\w+)`", row)]


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """What a command prints with --json, which a schema is to fit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)

    def called(schema: TypeAdapter[Any], *arguments: object, status: int = 0) -> Any:
        with without_worker():
            assert cli.run([*map(str, arguments), "--json"]) == status
        printed = capsys.readouterr().out
        read = json.loads(printed, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
        schema.validate_python(read)
        return read

    return called


def train(params: dict[str, Any], *, epochs: int, seed: int) -> Any:
    del seed
    if params["x"] > 0.7:
        raise ValueError("too large")
    for _ in range(epochs):
        yield {"score": math.nan if params["x"] > 0.6 else params["x"]}


def fails(params: dict[str, Any]) -> float:
    raise RuntimeError(f"never with {len(params)}")


QUICK: dict[str, Any] = {
    "space": {"x": hpo.Float(0, 1)},
    "metric": "score",
    "seed": 1,
    "workers": 1,
}


@pytest.mark.usefixtures("quiet_optuna")
def test_show_and_list_of_every_kind_of_study(said: Said) -> None:
    hpo.search(
        "iris",
        trials=20,
        rounds=2,
        epochs=2,
        name="complete",
        workers=1,
        baseline="default",
        folds=2,
    )
    hpo.search(train, trials=12, epochs=2, name="a function's", **QUICK)
    hpo.search(train, trials=30, epochs=9, halving=3, name="halving", **QUICK)
    with pytest.raises(hpo.NoTrialSucceededError):
        hpo.search(fails, trials=5, rounds=1, name="all failed", **QUICK)
    with pytest.raises(TooManyFailuresError):
        hpo.search(fails, trials=30, rounds=3, max_failures=0, name="interrupted", **QUICK)
    database = optuna.storages.RDBStorage("sqlite:///hpo.db")
    one = optuna.create_study(study_name="Optuna's", storage=database)
    one.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    for value in (math.inf, -math.inf):
        one.add_trial(optuna.trial.create_trial(value=value))
    many = optuna.create_study(
        study_name="several", storage=database, directions=["minimize", "maximize"]
    )
    many.optimize(lambda trial: (trial.suggest_float("x", 0, 1), math.inf), n_trials=2)
    optuna.create_study(study_name="empty", storage=database)
    database.remove_session()
    database.engine.dispose()

    listed = said(LIST, "list")
    states = {study["study"]: study["state"] for study in listed}
    assert states == dict.fromkeys(states, "complete") | {"interrupted": "interrupted"}
    assert len(states) == 8
    shown = {name: said(SUMMARY, "show", name) for name in states}
    assert shown["halving"]["trials"]["pruned"] > 0
    assert shown["complete"]["test"] is not None
    assert [b["trial"] for b in shown["complete"]["baseline"]] == [0]
    assert "baseline" not in shown["halving"]
    assert shown["all failed"]["best"] is shown["several"]["best"] is None
    assert shown["Optuna's"]["best"]["value"] >= 0
    for study in listed:
        for key in study.keys() - {"created", "last", "holder", "owner"}:
            assert study[key] == shown[study["study"]][key]
    assert [*shown["complete"]] == documented("print one object:")
    assert [*listed[0]] == documented("`hpo list --json` prints")
    first = {name: said(TRIAL, "show", name, 0) for name in states if name != "empty"}
    assert [*first["complete"]] == documented("prints one object:")
    assert first["several"]["value"] == [first["several"]["value"][0], None]
    assert first["all failed"]["error"] == "RuntimeError: never with 1"
    assert "in fails" in first["all failed"]["traceback"]
    assert [*said(REPRODUCED, "reproduce", "complete", 0)] == documented(
        "`hpo reproduce --json` prints"
    )


def test_search_resume_and_reproduce(said: Said) -> None:
    small = ("--trials", 6, "--rounds", 1, "--epochs", 1, "-q")
    assert said(SUMMARY, "search", "iris", *small)["study"] == "iris"
    assert said(SUMMARY, "resume", "iris", "--trials", 8, "-q")["trials"]["complete"] > 3
    diverging = ("--space", "learning_rate=1e25:1e30:log")
    none = said(SUMMARY, "search", "iris", *small, *diverging, status=3)
    assert none["best"] is none["recommended"] is none["test"] is None
    assert said(REPRODUCED, "reproduce", "iris", 0)["identical"]


def test_a_study_that_is_held_says_by_whom(said: Said, study: Study) -> None:
    (listed,) = said(LIST, "list", "--storage", study.storage)
    assert listed["holder"] is None
    from studies.database.store import open_store

    with open_store(study.storage) as store, store.hold("small"):
        (listed,) = said(LIST, "list", "--storage", study.storage)
    assert (listed["state"], listed["holder"].keys()) == ("running", {"host", "process", "since"})


def test_a_difference_that_is_no_number_is_null(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    differs = Reproduced(
        3, 2, ["loss"], Difference(2, "loss", math.nan, -math.inf), ("complete", "diverged"), ["x"]
    )
    monkeypatch.setattr(operations, "reproduce", lambda *_, **__: differs)
    found = said(REPRODUCED, "reproduce", "any", 3, status=1)
    assert found["difference"] == {"epoch": 2, "metric": "loss", "then": None, "now": None}


def test_json_has_no_nan_anywhere() -> None:
    assert json.loads(json_text({"a": [math.nan, (1.5, math.inf)], "b": {"c": -math.inf}})) == {
        "a": [None, [1.5, None]], "b": {"c": None},
    }  # fmt: skip
