"""`hpo confirm`: the best of any study race for so many trainings more, also of one that was made by plain Optuna."""

# Law 2: the same seed gives the same study.
# Law 9: say it.

from __future__ import annotations

import contextlib
import math
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

import hpo
import studies
from hpo import operations
from hpo.errors import PlanError, TooManyFailuresError
from hpo.run.cancel import Cancel
from hpo.run.watcher import Watcher
from hpo.trainables.named import find
from studies import Study
from studies.database.store import open_store
from studies.errors import LeaseError
from tests.hpo.recorded import confirmations, rows
from tests.optunas import optunas
from tests.running import HPO, Call, Tables, wait_until

pytestmark = pytest.mark.usefixtures("quiet_optuna")

MODULE = """
import random, time

def train(params, *, seed):
    time.sleep(0.05)
    return {"loss": (params["x"] - 0.3) ** 2 + random.Random(f"{seed}{params}").gauss(0, 0.01)}
"""
SPACE = {"x": hpo.Float(0, 1)}


def exact(params: dict[str, Any]) -> dict[str, float]:
    return {"loss": (params["x"] - 0.3) ** 2}


def noisy(params: dict[str, Any], *, seed: int) -> dict[str, float]:
    luck = random.Random(f"{seed}{params}").gauss(0, 0.01)  # noqa: S311
    return {"loss": exact(params)["loss"] + luck}


class Notes(Watcher):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noticed(self, note: str) -> None:
        self.lines.append(note)


def by_optuna(storage: str, train: Callable[..., dict[str, float]] = noisy) -> None:
    """Make "theirs" with 20 trials."""

    def objective(trial: optuna.Trial) -> float:
        params = {"x": trial.suggest_float("x", 0, 1)}
        seed = {} if train is exact else {"seed": trial.number}
        return train(params, **seed)["loss"]

    memory = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    memory.optimize(objective, 20)
    with optunas(storage) as study:
        study.add_trials(memory.get_trials())


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with that study, to be copied."""
    path = tmp_path_factory.mktemp("theirs") / "hpo.db"
    by_optuna(f"sqlite:///{path}")
    return path


def copied(path: Path, folder: Path, name: str = "hpo") -> str:
    shutil.copy(path, folder / f"{name}.db")
    return f"sqlite:///{folder / name}.db"


# --- what is trained ---


def test_the_best_of_optunas_study_race_and_its_trials_stay_as_they_are(
    theirs: Path, tmp_path: Path
) -> None:
    storage = copied(theirs, tmp_path)
    with optunas(storage) as before:
        trials = before.get_trials()
    study = hpo.confirm("theirs", 12, train=noisy, storage=storage)
    with optunas(storage) as after:
        assert after.get_trials() == trials
    again = confirmations(study)
    assert len(again) == 12
    assert study.recommended is not None
    assert sum(c.trial == study.recommended.trial for c in again) >= 3
    assert abs(study.recommended.params["x"] - 0.3) < 0.15
    said = study.summary()
    assert (said["state"], said["metric"], said["epochs_trained"]) == ("complete", "loss", 12)
    # A second time the trainer is known, and the race goes on with what it has.
    more = confirmations(hpo.confirm("theirs", 5, train=noisy, storage=storage))
    assert more[:12] == again
    assert len(more) == 17
    assert len(confirmations(hpo.resume("theirs", train=noisy, storage=storage))) == 17
    # And a search of so many trials counts neither Optuna's nor these.
    grown = hpo.resume("theirs", train=noisy, trials=16, storage=storage)
    assert len(grown.trials_frame()) - 20 + len(confirmations(grown)) - 17 == 16


def test_optuna_goes_on_and_the_race_with_it(theirs: Path, tmp_path: Path) -> None:
    storage = copied(theirs, tmp_path)
    first = confirmations(hpo.confirm("theirs", 6, train=noisy, storage=storage))
    with optunas(storage) as study:
        study.enqueue_trial({"x": 0.3})
        study.optimize(
            lambda trial: noisy({"x": trial.suggest_float("x", 0, 2)}, seed=9)["loss"], 5
        )
        trials = study.get_trials()
    notes = Notes()
    grown = operations.confirm("theirs", 8, train=noisy, storage=storage, watcher=notes)
    assert notes.lines[0] == "Optuna has added 5 trials to the first round"
    again = confirmations(grown)
    assert again[:6] == first
    assert len(again) == 14
    assert 20 in {c.trial for c in again}
    (only,) = grown.summary()["rounds"]
    assert only["ranges"]["x"]["high"] == 2
    with optunas(storage) as study:
        assert study.get_trials() == trials
        left = study.ask()
    with pytest.raises(LeaseError, match=r"25 \(RUNNING\)"):
        hpo.confirm("theirs", 1, train=noisy, storage=storage)
    with optunas(storage) as study:
        study.tell(left, state=optuna.trial.TrialState.FAIL)
    assert len(hpo.resume("theirs", train=noisy, trials=10, storage=storage).trials_frame()) > 26


def test_equal_settings_race_once(storage: str) -> None:
    with optunas(storage) as study:
        study.optimize(lambda t: noisy({"x": t.suggest_int("x", 0, 1)}, seed=t.number)["loss"], 12)
    found = hpo.confirm("theirs", 8, train=noisy, storage=storage)
    assert sorted(c.trial for c in confirmations(found) if c.stage == 2) == sorted(
        {c.trial for c in confirmations(found)}
    )
    assert len(found.summary()["finalists"]) == 2


def test_values_that_repeat_exactly_are_checked_once(storage: str) -> None:
    by_optuna(storage, exact)
    calls: list[Any] = []

    def counted(params: dict[str, Any]) -> dict[str, float]:
        calls.append(params)
        return exact(params)

    notes = Notes()
    operations.confirm("theirs", 30, train=counted, storage=storage, watcher=notes)
    assert len(calls) == 2
    assert "would be wasted; 28 trainings left out" in notes.lines[-1]
    wrote = rows(storage, "SELECT count(*) FROM hpo_plans")
    again = operations.confirm("theirs", 30, train=counted, storage=storage, watcher=notes)
    assert len(calls) == 2
    assert notes.lines[-1].endswith("would be wasted")
    assert rows(storage, "SELECT count(*) FROM hpo_plans") == wrote
    assert again.recommended is not None
    assert again.best is not None
    assert again.recommended.trial == again.best.number


def test_a_search_without_finalists_is_confirmed_and_then_sees_its_test_rows(storage: str) -> None:
    hpo.search("iris", trials=6, epochs=1, finalists=0, storage=storage, name="iris")
    study = hpo.confirm("iris", 5, storage=storage)
    said = study.summary()
    assert (sum(said["trials"].values()), len(confirmations(study))) == (6, 5)
    assert said["test"] is not None
    assert said["state"] == "complete"


def test_a_study_that_has_confirmed_races_on_and_its_test_rows_stay_closed(
    done: Study, tmp_path: Path
) -> None:
    storage = copied(Path(done.storage.removeprefix("sqlite:///")), tmp_path)
    before, opened = confirmations(done), rows(storage, "SELECT * FROM hpo_tests")
    study = hpo.confirm("w", 7, storage=storage)
    after = confirmations(study)
    assert after[:12] == before
    assert len(after) == 19
    assert min(c.stage for c in after[12:]) == max(c.stage for c in before) + 1
    assert rows(storage, "SELECT * FROM hpo_tests") == opened
    assert study.summary()["state"] == "complete"


# --- stopped and killed ---


def stopped_after(count: int, run: Callable[..., Any]) -> None:
    """Run with a trainer that asks for the end when it has been called so often."""
    cancel, calls = Cancel(), iter(range(1, 1000))

    def train(params: dict[str, Any], *, seed: int) -> dict[str, float]:
        if next(calls) == count:
            cancel.request()
        return noisy(params, seed=seed)

    with contextlib.suppress(hpo.CancelledError):
        run(train=train, cancel=cancel, workers=1)


def half_way(storage: str) -> None:
    def search(train: Any, **options: Any) -> None:
        hpo.search(
            train, space=SPACE, trials=30, metric="loss", direction="minimize", storage=storage,
            name="s", **options,
        )  # fmt: skip

    stopped_after(14, search)


@pytest.mark.parametrize(
    "count", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(5, marks=pytest.mark.slow)]
)
def test_half_way_and_stopped_again_it_ends_as_if_it_had_never_stopped(
    count: int, tmp_path: Path, tables: Tables
) -> None:
    one = f"sqlite:///{tmp_path / 'one.db'}"
    half_way(one)
    other = copied(tmp_path / "one.db", tmp_path, "other")
    drawn = len(studies.load("s", one).trials_frame())
    notes = Notes()
    study = operations.confirm("s", 6, train=noisy, storage=one, watcher=notes)
    assert study.summary()["state"] == "interrupted"
    assert len(study.trials_frame()) == drawn
    assert notes.lines[-1].endswith("hpo resume goes on with the rest of its plan")
    stopped_after(count, lambda **options: hpo.confirm("s", 6, storage=other, **options))
    for storage in (one, other):
        study = hpo.resume("s", train=noisy, storage=storage, workers=2)
        assert study.summary()["state"] == "complete"
        # What was asked for is beside the trainings of the plan.
        assert len(study.trials_frame()) + len(confirmations(study)) == 30 + 6
    assert tables("s", one) == tables("s", other)


@pytest.mark.slow  # stopped, it is shown above; killed, a whole search in test_stopped.py
def test_killed_in_a_stage_it_equals_one_left_alone(
    theirs: Path, tmp_path: Path, call_hpo: Call, tables: Tables
) -> None:
    (tmp_path / "trainers.py").write_text(MODULE)
    storage = copied(theirs, tmp_path)
    command = ("confirm", "theirs", "--trainings", "9", "--trainer", "trainers.py:train", "-q")
    with subprocess.Popen([HPO, *command], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        wait_until(
            "SELECT count(*) > count(finished) FROM hpo_confirmations WHERE stage > 1", storage
        )
        process.kill()
    assert studies.load("theirs", storage).summary()["state"] == "interrupted"
    assert call_hpo("resume theirs -q").status == 0
    alone = copied(theirs, tmp_path, "alone")
    hpo.confirm("theirs", 9, train=find(f"{tmp_path}/trainers.py:train"), storage=alone)
    assert tables("theirs", storage) == tables("theirs", alone)


# --- mistakes ---


def test_a_trainer_that_always_fails_is_named_and_can_be_replaced(
    theirs: Path, tmp_path: Path
) -> None:
    def failing(params: dict[str, Any]) -> float:
        return float(params["learning_rate"])

    storage = copied(theirs, tmp_path)
    with pytest.raises(TooManyFailuresError, match=r"failed, the last with KeyError: 'learning_ra"):
        hpo.confirm("theirs", 6, train=failing, storage=storage)
    assert rows(storage, "SELECT count(finished) FROM hpo_confirmations") == [(0,)]
    study = hpo.resume("theirs", train=noisy, storage=storage)
    assert all(c.value is not None for c in confirmations(study))
    with pytest.raises(PlanError, match="epochs can't be changed"):
        hpo.confirm("theirs", 6, train=noisy, epochs=3, storage=storage)


def test_before_anything_has_trained_how_it_trains_can_change(theirs: Path, tmp_path: Path) -> None:
    def two(params: dict[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
        for epoch in range(epochs):
            yield exact(params) | {"other": float(epoch)}

    storage = copied(theirs, tmp_path)
    with pytest.raises(TooManyFailuresError, match="metric"):
        hpo.confirm("theirs", 3, train=two, storage=storage)
    study = hpo.confirm("theirs", 1, train=two, metric="loss", epochs=2, storage=storage)
    assert {c.epochs for c in confirmations(study)} == {2}


def test_mistakes_are_named_before_anything_is_written(theirs: Path, call_hpo: Call) -> None:
    path = Path("hpo.db").resolve()
    shutil.copy(theirs, path)
    before = path.read_bytes()
    for line, status, said in (
        ("theirs --trainings 0", 2, "trainings: 0 is not a whole number of at least 1"),
        ("theirs --trainings 3", 2, "does not record what trains: give --trainer"),
        ("theirs --trainings 3 --trainer no:where", 2, "there is no module 'no'"),
        ("their --trainings 3", 1, "no study 'their' in"),
    ):
        done = call_hpo(f"confirm {line}")
        assert (done.status, done.out, done.err.count("\n")) == (status, "", 1), done
        assert said in done.err
    assert path.read_bytes() == before


def test_a_study_has_one_objective_a_trial_that_succeeded_and_nobody_else(storage: str) -> None:
    with optunas(storage, directions=["minimize", "maximize"]) as study:
        study.optimize(lambda t: (t.suggest_float("x", 0, 1), 1.0), 1)
    with pytest.raises(PlanError, match="has 2 objectives, so no settings are its best"):
        hpo.confirm("theirs", 3, train=noisy, storage=storage)

    def infinite(params: dict[str, Any]) -> float:
        return float(params["x"]) * math.inf

    with pytest.raises(hpo.NoTrialSucceededError):
        hpo.search(infinite, space=SPACE, trials=4, rounds=1, storage=storage, name="s")
    with pytest.raises(PlanError, match="study 's' has no trial that succeeded"):
        hpo.confirm("s", 3, train=infinite, storage=storage)

    hpo.search(noisy, space=SPACE, trials=4, rounds=1, storage=storage, name="held")
    with open_store(storage) as store, store.hold("held"), pytest.raises(LeaseError):
        hpo.confirm("held", 3, train=noisy, storage=storage)
