"""Studies that plain Optuna wrote: every command reads them, and says nothing of them that is not true."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
from click.testing import CliRunner, Result
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

import studies
from hpo.cli import cli

Call = Callable[..., Result]
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture
def call(storage: str) -> Call:
    """A command of ours on the test's database, in this process."""

    def called(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, [*arguments, "--storage", storage])
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return called


def new(**fields: Any) -> optuna.Study:
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), **fields)


def every_kind(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    drop = trial.suggest_float("drop", 0.0, 0.5, step=0.1)
    units = trial.suggest_int("units", 8, 64, log=True)
    layers = trial.suggest_int("layers", 2, 8, step=2)
    trial.suggest_categorical("act", ["relu", None, True, 2, 2.5])
    return abs(math.log10(rate) + 3) + drop + units / 64 + layers / 8


def whole() -> optuna.Study:
    study = new()
    study.optimize(every_kind, 12)
    return study


def conditional() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            return trial.suggest_float("x", 0, 1)
        return trial.suggest_int("n", 1, 5)

    study = new(direction="maximize")
    study.optimize(objective, 12)
    return study


def failed() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        raise ValueError

    study = new()
    study.optimize(objective, 4, catch=(ValueError,))
    return study


def unended() -> optuna.Study:
    study = whole()
    study.ask().suggest_float("rate", 1e-5, 1e-1, log=True)
    study.enqueue_trial({"rate": 1e-3})
    return study


def waiting() -> optuna.Study:
    study = new()
    study.enqueue_trial({"rate": 1e-3})
    return study


def several() -> optuna.Study:
    def objective(trial: optuna.Trial) -> tuple[float, float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x, y, math.inf if trial.number == 3 else x + y

    study = new(directions=["minimize", "maximize", "minimize"])
    study.optimize(objective, 9)
    study.tell(study.ask(), state=TrialState.FAIL)
    return study


def pruned() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(4):
            trial.report(x / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = new(pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1))
    study.optimize(objective, 15)
    return study


def not_finite() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for k, value in enumerate((math.nan, x, math.inf, -math.inf)):
            trial.report(value, 10 * k)
        return (x, math.nan, math.inf, -math.inf)[trial.number % 4]

    study = new()
    study.optimize(objective, 8)
    return study


def attributes() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        trial.set_user_attr("nested", {"a": [1, {"b": None}], "c": "é <script>"})
        for key, value in {
            "round": 7,
            "error": ["x"],
            "diverged_epoch": 2,
            "left_epoch": 3,
        }.items():
            trial.set_user_attr(key, value)
        return trial.suggest_float("x", -1, 1) ** 2

    study = new()
    study.set_user_attr("about", {"who": [1, 2]})
    study.optimize(objective, 6)
    return study


def changed() -> optuna.Study:
    study = new()
    for k in range(6):
        study.optimize(
            lambda t, k=k: t.suggest_float("x", -k, k + 1) + t.suggest_int("n", k, 2 * k + 1),  # type: ignore[misc]
            1,
        )
    return study


@contextmanager
def unheard() -> Iterator[None]:
    """Without Optuna's word on choices that are lists: it is for those who store them, not for those who read them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Choices for a categorical", UserWarning)
        yield


@unheard()
def odd_choices() -> optuna.Study:
    study = new()
    kinds = {
        "lists": CategoricalDistribution(([1], [1, 2], "a")),  # type: ignore[arg-type]
        "alike": CategoricalDistribution((1, True, 0, None)),
        "NaN": CategoricalDistribution(("a", math.nan, None)),
        "infinite": CategoricalDistribution((1.0, math.inf)),
        "$x$ <b>": FloatDistribution(0, 1),
        "value": FloatDistribution(0, 1),
    }
    drawn = zip(
        ([1], [1, 2], "a"),
        (1, True, None),
        ("a", math.nan, None),
        (1.0, math.inf, 1.0),
        strict=True,
    )
    for k, choices in enumerate(drawn):
        params = {**dict(zip(kinds, choices, strict=False)), "$x$ <b>": 0.5, "value": 0.25}
        study.add_trial(create_trial(params=params, distributions=kinds, value=float(k)))
    return study


def constant() -> optuna.Study:
    study = new()
    study.optimize(lambda _: 1.0, 1)
    return study


KINDS = [
    whole, conditional, failed, unended, waiting, several, pruned, not_finite, attributes, changed,
    odd_choices, constant, new,
]  # fmt: skip
DRAWN = [several, not_finite, odd_choices]


@unheard()
def store(study: optuna.Study, storage: str) -> None:
    """Store a study as "it"."""
    database = optuna.storages.RDBStorage(storage)
    copy = optuna.create_study(study_name="it", storage=database, directions=study.directions)
    for key, value in study.user_attrs.items():
        copy.set_user_attr(key, value)
    copy.add_trials(study.get_trials())
    database.remove_session()
    database.engine.dispose()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def theirs(request: pytest.FixtureRequest, storage: str) -> optuna.Study:
    """A study of each kind, named "it", in the test's database. Reports of most have no figures."""
    if request.param not in DRAWN:
        request.getfixturevalue("undrawn")
    made: optuna.Study = request.param()
    store(made, storage)
    return made


def test_every_command_reads_them_and_says_what_is_true(
    theirs: optuna.Study, call: Call, tmp_path: Path
) -> None:
    trials = theirs.get_trials()
    counts = {word: sum(t.state.name == state for t in trials) for state, word in STATES.items()}
    several = len(theirs.directions) > 1
    finite = [] if several else [
        t for t in trials if t.state.name == "COMPLETE" and math.isfinite(t.value or 0.0)
    ]  # fmt: skip
    sign = 1 if theirs.directions[0].name == "MINIMIZE" else -1
    best = min(finite, key=lambda t: sign * (t.value or 0.0), default=None)

    said = json.loads(call("show", "it", "--json").output)
    assert said["trials"] == counts
    assert (said["seed"], said["rounds"], said["finalists"]) == (None, [], [])
    assert said["best"] == (
        None if best is None else {"trial": best.number, "value": best.value, "params": best.params}
    )
    running = any(t.state.name == "RUNNING" for t in trials)
    left = any(t.state.name == "WAITING" for t in trials)
    assert said["state"] == ("running" if running else "interrupted" if left else "complete")
    directions = [d.name.lower() for d in theirs.directions]
    assert said["direction"] == (None if several else directions[0])
    assert said.get("directions") == (directions if several else None)

    shown = call("show", "it").output
    for word in ("validation", "epoch", "complete", "interrupted", "diverged", "seed"):
        assert word not in shown
    assert shown.startswith(f"it · made by Optuna · {sum(counts.values())} trial")
    assert ("3 objectives" in shown) == several

    (listed,) = json.loads(call("list", "--json").output)
    assert listed["trials"] == counts
    table = call("list").output
    assert re.search(r"^it +by Optuna ", table, re.MULTILINE)
    assert ("3 objectives" in table) == several

    call("report", "it", "-o", str(tmp_path / "it.html"))
    page = re.sub(
        "<style.*?</style>|<svg.*?</svg>", "", (tmp_path / "it.html").read_text(), flags=re.S
    )
    for word in ("validation", "hpo resume", "The plan", "diverg", "rounds drew"):
        assert word not in page
    assert "<script>" not in page
    assert ("3 objectives" in page) == several

    for kind in ("json", "parquet"):
        call("export", "it", "--table", "trials", "--format", kind)
    for name in ("rounds", "finalists"):
        assert call("export", "it", "--table", name).stdout.count("\n") == 1
    rows = list(csv.DictReader(io.StringIO(call("export", "it").stdout)))
    assert len(rows) == len(trials)
    for row, trial in zip(rows, trials, strict=True):
        assert row["round"] == row["diverged_epoch"] == ""
        told = [row[f"values_{k}"] for k in range(3)] if several else [row["value"]]
        assert [float(v) for v in told if v] == (trial.values or [])
    reported = list(csv.DictReader(io.StringIO(call("export", "it", "--table", "epochs").stdout)))
    assert len(reported) == sum(len(t.intermediate_values) for t in trials)


def test_a_study_that_was_only_created_is_read_as_one_without_trials(
    storage: str, call: Call, tmp_path: Path
) -> None:
    program = Path(sys.executable).with_name("optuna")
    subprocess.run(
        [program, "create-study", "--storage", storage, "--study-name", "new"],
        check=True, capture_output=True,
    )  # fmt: skip
    shown = call("show", "new").output
    assert shown.startswith("new · made by Optuna · 0 trials · 0 values reported")
    assert "There are no trials yet." in shown
    assert "hpo can't: it has no trials" in shown
    call("report", "new", "-o", str(tmp_path / "new.html"))
    assert "There are no trials yet." in (tmp_path / "new.html").read_text()
    assert "new" in call("list").output


def test_no_trial_of_a_front_is_beaten_and_all_others_are(storage: str) -> None:
    made = several()
    store(made, storage)
    study = studies.load("it", storage)
    rows = study.read()
    assert sorted(t.number for t in rows.front) == sorted(t.number for t in made.best_trials)
    assert study.best is None
