"""hpo goes on with studies that plain Optuna began: nothing lost, nothing twice, the same whenever it is killed."""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

import hpo
import studies
from hpo import cli, operations
from hpo.errors import PlanError
from hpo.plan.space import contains, from_mapping
from hpo.run.watcher import Watcher
from studies.errors import LeaseError
from tests.optunas import objective, optunas, train
from tests.running import HPO, Call, Tables, wait_until

MODULE = """
import time

def train(params, *, epochs, seed):
    time.sleep(0.02)
    for epoch in range(1, epochs + 1):
        yield {"loss": (params["x"] - 0.3) ** 2 + params["n"] / 8 + (seed % 7) / 100 / epoch}
"""


pytestmark = pytest.mark.usefixtures("quiet_optuna")


def made(storage: str) -> list[FrozenTrial]:
    """A study of 14 trials, one of them failed and one pruned."""
    with optunas(storage) as study:
        study.optimize(objective, 12)
        study.tell(study.ask(), state=TrialState.FAIL)
        trial = study.ask()
        objective(trial)
        study.tell(trial, state=TrialState.PRUNED)
        return study.get_trials()


@pytest.mark.usefixtures("undrawn")
def test_optunas_trials_are_the_first_round_and_stay_as_they_are(storage: str) -> None:
    before = made(storage)
    study = hpo.resume("theirs", train=train, trials=31, storage=storage)
    with optunas(storage) as theirs:
        after = theirs.get_trials()
    assert after[:14] == before
    said = study.summary()
    assert (said["state"], said["metric"], said["direction"]) == ("complete", "loss", "minimize")
    assert (said["seed"], len(said["rounds"])) == (0, 3)
    confirmed = sum(len(f["values"]) for f in said["finalists"])
    assert len(after) + confirmed == 45
    first = said["rounds"][0]
    assert first["ranges"] == {
        "x": {"low": 0.0, "high": 1.0, "log": False},
        "n": {"low": 1, "high": 8, "log": False, "int": True},
    }
    assert first["verdicts"]["x"]["trials"] == 13  # but for the one that failed before it had any
    for trial in after[14:]:
        ranges = said["rounds"][trial.user_attrs["round"]]["ranges"]
        assert all(contains(from_mapping(ranges[k]), v) for k, v in trial.params.items())
        assert trial.params.keys() == ranges.keys()
    assert said["recommended"]["mean"] < min(t.value for t in before if t.value is not None) + 0.2
    frame = study.trials_frame()
    assert frame["round"].iloc[:14].to_list() == [0] * 14
    assert frame["value"].iloc[:12].to_list() == [t.value for t in before[:12]]
    # What Optuna was told on the way is there beside our curves.
    epochs = study.epochs_frame()
    theirs_told = epochs[epochs["trial"] < 14]["value"].to_list()
    assert theirs_told == [v for t in before for v in t.intermediate_values.values()]
    assert epochs[epochs["trial"] >= 14]["loss"].notna().all()
    assert "Optuna made the first 14: they are round 0" in study.report()


@pytest.mark.slow
def test_it_is_the_same_study_twice_and_goes_on_like_any_other(
    tmp_path: Path, tables: Tables
) -> None:
    one, other = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "other"))
    made(one)
    shutil.copy(tmp_path / "one.db", tmp_path / "other.db")
    for storage in (one, other):
        hpo.resume("theirs", train=train, trials=40, storage=storage, workers=1)
    assert tables("theirs", one) == tables("theirs", other)
    again = hpo.resume("theirs", storage=one, train=train)
    assert tables("theirs", one) == tables("theirs", other)
    more = hpo.resume("theirs", storage=one, train=train, trials=60)
    drawn, confirmed = len(more.trials_frame()) - 14, more.finalists_frame()["repeats"].sum()
    assert drawn + confirmed == 60
    assert 3 <= confirmed <= 24
    assert again.name == more.name == "theirs"


class Interrupt(Watcher):
    """Ends the search when its first batch is done."""

    def trials_finished(self, *_: Any) -> None:
        raise KeyboardInterrupt


def test_interrupted_and_resumed_it_equals_one_left_alone(
    begun: Path, tmp_path: Path, tables: Tables
) -> None:
    alone, stopped = (Path(shutil.copy(begun, tmp_path / name)) for name in ("one.db", "other.db"))
    hpo.resume("theirs", train=train, trials=31, storage=f"sqlite:///{alone}")
    storage = f"sqlite:///{stopped}"
    with pytest.raises(KeyboardInterrupt):
        operations.resume("theirs", train=train, trials=31, storage=storage, watcher=Interrupt())
    assert studies.load("theirs", storage).summary()["state"] == "interrupted"
    assert 14 < len(studies.load("theirs", storage).trials_frame()) < 31
    hpo.resume("theirs", train=train, storage=storage)
    assert tables("theirs", storage) == tables("theirs", f"sqlite:///{alone}")


INSTANTS = {
    "a batch is done": "SELECT count(*) > 18 FROM trials WHERE state = 'COMPLETE'",
    "the plan is made": "SELECT count(*) FROM hpo_studies",
    "the first round is judged": "SELECT count(verdicts) FROM hpo_rounds",
    "a batch has begun": "SELECT count(*) > 14 FROM trials",
    "a stage has begun": "SELECT count(*) FROM hpo_confirmations",
    "a stage is done": "SELECT count(finished) FROM hpo_confirmations",
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Optuna's study, to be copied."""
    path = tmp_path_factory.mktemp("begun") / "hpo.db"
    made(f"sqlite:///{path}")
    return path


COMMAND = ("resume", "theirs", "--trainer", "trainers.py:train", "--trials", "40", "-q")


@pytest.fixture(scope="module")
def whole(
    begun: Path, tmp_path_factory: pytest.TempPathFactory, tables: Tables
) -> dict[str, bytes]:
    """The tables when nobody kills it."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(begun, folder)
    (folder / "trainers.py").write_text(MODULE)
    with contextlib.chdir(folder):
        assert cli.run([*COMMAND]) == 0
    return tables("theirs", f"sqlite:///{folder / 'hpo.db'}")


@pytest.mark.slow  # interrupted, it is shown above; killed, a whole search in test_stopped.py
@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_and_resumed_it_equals_one_left_alone(
    instant: str,
    begun: Path,
    whole: dict[str, bytes],
    call_hpo: Call,
    tmp_path: Path,
    tables: Tables,
) -> None:
    shutil.copy(begun, tmp_path)
    (tmp_path / "trainers.py").write_text(MODULE)
    with subprocess.Popen([HPO, *COMMAND], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        wait_until(INSTANTS[instant], f"sqlite:///{tmp_path / 'hpo.db'}")
        process.kill()
    storage = f"sqlite:///{tmp_path / 'hpo.db'}"
    assert studies.load("theirs", storage).summary()["state"] == "interrupted"
    assert call_hpo("resume theirs -q").status == 0
    assert tables("theirs", storage) == whole


def test_what_can_not_be_gone_on_with_is_refused_before_anything_is_written(
    tmp_path: Path, call_hpo: Call
) -> None:
    path = tmp_path / "hpo.db"
    with optunas(f"sqlite:///{path}", directions=["minimize", "maximize"]) as study:
        study.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), 2)
    before = path.read_bytes()
    for arguments, said in (
        ("--trainer trainers:train --trials 9", "it has 2 objectives, and a search has"),
        ("", "it has 2 objectives, and a search has one"),
    ):
        refused = call_hpo(f"resume theirs {arguments}")
        assert refused.status == 2
        assert refused.err.count("\n") == 1
        assert said in refused.err
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hpo.db"]


def test_trials_that_have_not_ended_are_failed_only_when_that_is_said(
    storage: str,
) -> None:
    with optunas(storage) as study:
        study.optimize(objective, 12)
        left = study.ask()
        left.suggest_float("x", 0, 1)
        left.set_user_attr("error", "its own")
        study.enqueue_trial({"x": 0.5})
        before = study.get_trials()
    with pytest.raises(LeaseError, match=r"12 \(RUNNING\), 13 \(WAITING\); .* take_over=True$"):
        hpo.resume("theirs", train=train, trials=40, storage=storage)
    with optunas(storage) as study:
        assert study.get_trials() == before
    assert studies.load("theirs", storage).read().plan == {}

    class Told(Watcher):
        lines: list[str] = []  # noqa: RUF012  # one of it is made

        def noticed(self, what: str) -> None:
            with optunas(storage) as study:  # it is told before it is done
                assert study.get_trials() == before
            self.lines.append(what)

    operations.resume(
        "theirs", train=train, trials=40, storage=storage, take_over=True, watcher=Told()
    )
    assert "Trials that have not ended are recorded as failed: 12, 13" in Told.lines
    with optunas(storage) as study:
        after = study.get_trials()
    assert after[:12] == before[:12]
    assert [t.state.name for t in after[12:14]] == ["FAIL", "FAIL"]
    assert after[12].user_attrs == {"error": "its own"}
    assert after[13].user_attrs == {"error": "was WAITING when hpo took the study over"}
    assert after[12].params == before[12].params
    assert all(t.state.is_finished() for t in after)
    assert studies.load("theirs", storage).summary()["trials"]["failed"] == 2


def test_attributes_of_a_user_of_optunas_are_not_taken_for_ours(storage: str) -> None:
    def attributed(trial: optuna.Trial) -> float:
        for key, value in {
            "round": 7,
            "error": "none",
            "left_epoch": 1,
            "diverged_epoch": 1,
        }.items():
            trial.set_user_attr(key, value)
        return objective(trial)

    with optunas(storage) as study:
        study.optimize(attributed, 12)
    found = hpo.resume("theirs", train=train, trials=30, storage=storage)
    said = found.summary()
    assert said["rounds"][0]["verdicts"]["x"]["values"] == 12
    assert said["trials"]["failed"] == 0
    assert found.errors() == {}
    frame = found.trials_frame()
    assert frame["round"].iloc[:12].to_list() == [0] * 12
    assert frame["diverged_epoch"].isna().all()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_infinite_values_are_never_the_best(direction: str, storage: str) -> None:
    def infinite(trial: optuna.Trial) -> float:
        value = objective(trial)
        return {0: math.inf, 1: -math.inf}.get(trial.number, value)

    with optunas(storage, direction=direction) as study:
        study.optimize(infinite, 14)
    found = hpo.resume("theirs", train=train, trials=30, storage=storage)
    assert not {0, 1} & set(found.finalists_frame()["trial"])
    assert found.best is not None
    assert found.best.number not in (0, 1)
    with optunas(storage) as theirs:
        assert [t.value for t in theirs.get_trials()[:2]] == [math.inf, -math.inf]


def test_a_network_has_no_trainer(storage: str) -> None:
    hpo.search("iris", trials=6, epochs=1, storage=storage, name="iris")
    with pytest.raises(PlanError, match="trains a network on iris, no function of yours"):
        hpo.resume("iris", train=train, trials=12, storage=storage)
