"""Searches in which some parameters apply only to some choices: what is recorded, gone on with, adopted and read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest

import hpo
import studies
from hpo import operations
from hpo.errors import CancelledError
from hpo.plan.conditions import applies
from hpo.plan.plan import Plan
from hpo.plan.space import Float, Space
from hpo.run.cancel import Cancel
from studies import Study
from studies.analysis.export import to_csv
from tests.optunas import optunas
from tests.running import Call, Tables

SPACE: Space = {
    "momentum": hpo.Float(0, 0.99, when={"optimizer": ["sgd", "nag"]}),
    "rate": hpo.Float(1e-4, 1, log=True),
    "optimizer": hpo.Categorical(("sgd", "nag", "adam")),
    "schedule": hpo.Categorical(("flat", "step"), when={"optimizer": "sgd"}),
    "factor": hpo.Float(0.1, 1, when={"schedule": "step"}),
}
PLAN: dict[str, Any] = {"trials": 32, "epochs": 2, "metric": "loss", "direction": "minimize"}


def train(params: dict[str, Any], epochs: int, seed: int) -> Iterator[dict[str, float]]:
    if params.keys() != {name for name in SPACE if applies(name, SPACE, params)}:
        raise KeyError(f"not what applies: {params}")
    loss = params["rate"] + params.get("momentum", 0.5) ** 2 + params.get("factor", 0.3)
    for epoch in range(1, epochs + 1):
        yield {"loss": loss / epoch + (seed % 7) / 100}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('conditional') / 'study.db'}"


@pytest.fixture(scope="module")
def study(stored: str) -> Study:
    baseline = ["optimizer=adam,rate=0.1", "optimizer=nag,momentum=0.9,rate=0.1"]
    return hpo.search(train, space=SPACE, **PLAN, baseline=baseline, storage=stored, name="c")


def test_a_trial_has_exactly_what_applies_in_it_and_optuna_reads_it(study: Study) -> None:
    assert study.summary()["trials"]["failed"] == 0
    trials = study.optuna().get_trials()
    assert trials[0].params == {"optimizer": "adam", "rate": 0.1}
    for trial in trials:
        assert trial.params.keys() == {n for n in SPACE if applies(n, SPACE, trial.params)}
        assert trial.distributions.keys() == trial.params.keys()
    assert len({frozenset(trial.params) for trial in trials}) == 4
    recommended = study.recommended
    assert recommended is not None
    assert recommended.params == trials[recommended.trial].params


def test_frames_have_na_where_a_parameter_does_not_apply(study: Study) -> None:
    frame = study.trials_frame()
    adam = (frame["optimizer"] == "adam").to_numpy()
    assert frame["momentum"].isna().equals(pd.Series(adam))
    assert frame["factor"].notna().equals(frame["schedule"] == "step")
    rows = list(csv.DictReader(io.StringIO(to_csv(frame).decode())))
    assert [row["momentum"] == "" for row in rows] == adam.tolist()


def test_ranges_keep_their_conditions_in_what_is_printed(study: Study) -> None:
    ranges = json.loads(json.dumps(study.summary()["rounds"]))[-1]["ranges"]
    assert ranges["momentum"]["when"] == {"optimizer": ["sgd", "nag"]}
    assert "when" not in ranges["rate"]
    assert "if optimizer is sgd or nag" in study._repr_html_()


@pytest.mark.slow
def test_the_report_says_when_a_parameter_applies(study: Study) -> None:
    page = study.report()
    assert "if optimizer is sgd or nag" in page
    assert "if schedule is step" in page


def test_a_trial_is_reproduced_without_what_does_not_apply(study: Study, stored: str) -> None:
    for trial in (0, 1, 9):
        assert operations.reproduce("c", trial, storage=stored, train=train).identical
    assert study.recommended is not None


def test_stopped_and_resumed_it_is_the_same_study(
    study: Study, stored: str, storage: str, tables: Tables
) -> None:
    cancel, calls = Cancel(), iter(range(1000))

    def cancelling(params: dict[str, Any], epochs: int, seed: int) -> Iterator[dict[str, float]]:
        if next(calls) == 17:
            cancel.request()
        yield from train(params, epochs, seed)

    plan = Plan(**studies.load("c", stored).read().plan)
    with pytest.raises(CancelledError):
        operations.start(plan, name="c", storage=storage, train=cancelling, cancel=cancel)
    hpo.resume("c", train=train, storage=storage)
    assert tables("c", storage) == tables("c", stored)


def test_a_wider_space_goes_on(storage: str) -> None:
    small = {**SPACE, "rate": Float(1e-3, 0.1, log=True)}
    fields = {**PLAN, "trials": 12, "finalists": 0}
    hpo.search(train, space=small, **fields, storage=storage, name="c")
    after = hpo.resume(
        "c", train=train, storage=storage, trials=24, space={"momentum": (0.0, 1.0)}
    ).summary()
    assert after["trials"] == {"complete": 24, "pruned": 0, "failed": 0}
    assert after["rounds"][3]["ranges"]["momentum"] == {
        "low": 0.0, "high": 1.0, "log": False, "when": {"optimizer": ["sgd", "nag"]},
    }  # fmt: skip


def test_a_network_gets_what_its_optimizer_reads(storage: str) -> None:
    space = {
        "optimizer": "sgd,momentum,adam", "momentum": "0.5:0.99", "beta1": "0.5:0.99", "schedule": "step,constant",
        "schedule_factor": "0.1:1",
    }  # fmt: skip
    done = hpo.search("wine", space=space, trials=16, epochs=1, rounds=1, storage=storage, name="w")
    reads = {"sgd": set[str](), "momentum": {"momentum"}, "adam": {"beta1"}}
    for trial in done.optuna().get_trials():
        beside = {"schedule_factor"} if trial.params["schedule"] == "step" else set()
        expected = {"optimizer", "schedule"} | reads[trial.params["optimizer"]] | beside
        assert trial.params.keys() == expected
    assert operations.reproduce("w", 3, storage=storage).identical


# --- studies of Optuna's ---


def define_by_run(trial: optuna.Trial) -> float:
    params: dict[str, Any] = {"rate": trial.suggest_float("rate", 1e-4, 1, log=True)}
    params["optimizer"] = trial.suggest_categorical("optimizer", ["sgd", "nag", "adam"])
    if params["optimizer"] != "adam":
        params["momentum"] = trial.suggest_float("momentum", 0, 0.99)
    if params["optimizer"] == "sgd":
        params["schedule"] = trial.suggest_categorical("schedule", ["flat", "step"])
        if params["schedule"] == "step":
            params["factor"] = trial.suggest_float("factor", 0.1, 1)
    *_, last = train(params, 2, 0)
    return last["loss"]


def test_conditions_are_inferred_from_trials_of_optunas(storage: str) -> None:
    with optunas(storage) as theirs:
        theirs.optimize(define_by_run, 20)
    going_on = hpo.resume("theirs", train=train, trials=15, storage=storage)
    plan = going_on.read().plan
    assert {name: fields.get("when") for name, fields in plan["space"].items()} == {
        "rate": None,
        "optimizer": None,
        "momentum": {"optimizer": ["sgd", "nag"]},
        "schedule": {"optimizer": ["sgd"]},
        "factor": {"schedule": ["step"]},
    }
    assert going_on.summary()["trials"]["failed"] == 0
    for trial in going_on.optuna().get_trials():
        assert trial.params.keys() == {n for n in SPACE if applies(n, SPACE, trial.params)}


def test_what_no_choice_explains_is_refused(tmp_path: Path, call_hpo: Call) -> None:
    def by_number(trial: optuna.Trial) -> float:
        if trial.suggest_int("layers", 1, 2) == 2:
            return trial.suggest_float("second", 0, 1)
        return 0.5

    with optunas(f"sqlite:///{tmp_path / 'hpo.db'}") as theirs:
        theirs.optimize(by_number, 8)
    before = (tmp_path / "hpo.db").read_bytes()
    refused = call_hpo("resume theirs --trainer m:f --trials 9")
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert "'second' is in some trials and not in others, and no choice explains it" in refused.err
    assert (tmp_path / "hpo.db").read_bytes() == before


# --- on the command line ---


def test_flags_say_when_a_parameter_applies(call_hpo: Call) -> None:
    space = "--space schedule=step,exponential,constant --space schedule_factor@schedule=step=0.1:1"
    done = call_hpo(f"search wine --trials 6 --rounds 1 --epochs 1 -q --json {space}")
    assert done.status == 0
    (first,) = json.loads(done.out)["rounds"]
    assert first["ranges"]["schedule_factor"]["when"] == {"schedule": ["step"]}


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("momentum@optimizr=momentum=0:1", "optimizr is not searched; did you mean 'optimizer'?"),
        ("momentum@optimizer=0:1", "is no condition and range: write CHOICE=a|b=LOW:HIGH"),
        ("momentum@optimizer=adam=0:1", "the optimizer 'adam' has no momentum"),
        ("optimizer@optimizer=sgd=sgd,adam", "is there twice"),
    ],
)
def test_a_condition_that_is_wrong_is_refused_in_a_line_before_anything_is_written(
    flag: str, said: str, call_hpo: Call, tmp_path: Path
) -> None:
    refused = call_hpo(f"search wine --space optimizer=sgd,momentum,adam --space {flag}")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert said in refused.err
    assert not (tmp_path / "hpo.db").exists()
