"""The promise: what we write is an ordinary Optuna study, to read, to plot, to go on with; and theirs are read here."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
import optuna.visualization.matplotlib
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial

import hpo
import studies
from hpo.plan.space import Settings, Space, at, distribution, from_mapping, to_mapping
from studies import Study
from studies.database.owner import current_user
from studies.database.records import Result
from studies.database.store import create_store, open_store
from tests.optunas import optunas
from tests.studies.stores import NEW

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
OUR_COLUMNS = {"state", "value", "round"}


pytestmark = pytest.mark.usefixtures("quiet_optuna")


def same_number(ours: Any, theirs: Any) -> bool:
    """Equal to the last bit; missing here where it is None there."""
    return bool(pd.isna(ours)) if theirs is None else repr(float(ours)) == repr(float(theirs))


def check_same(study: Study, trials: list[FrozenTrial], score: str) -> None:
    """Whether our frames say what Optuna's trials say."""
    frame, epochs = study.trials_frame(), study.epochs_frame()
    assert frame["number"].to_list() == [t.number for t in trials]
    assert frame["state"].to_list() == [STATES[t.state.name] for t in trials]
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]  # str columns
    for row, trial in zip(rows, trials, strict=True):
        assert same_number(row["value"], trial.value)
        assert row["round"] == trial.user_attrs["round"]
        ours = {name: None if pd.isna(row[name]) else row[name] for name in trial.params}
        assert ours == trial.params
        assert set(trial.params) == set(trial.distributions)
        curve = epochs.loc[epochs["trial"] == trial.number, ["epoch", score]].dropna()
        reported = {k: v for k, v in trial.intermediate_values.items() if not math.isnan(v)}
        assert curve["epoch"].to_list() == list(reported)
        assert curve[score].to_list() == list(reported.values())
        for name, theirs in (
            ("started", trial.datetime_start),
            ("finished", trial.datetime_complete),
        ):
            if theirs is None:
                assert row[name] is pd.NaT
            else:
                assert row[name] == theirs.astimezone(UTC)


def check_ranges(study: Study, trials: list[FrozenTrial]) -> None:
    """Whether each trial's distributions are its round's ranges."""
    rounds = {r["round"]: r["ranges"] for r in study.summary()["rounds"]}
    for trial in trials:
        ranges = rounds[trial.user_attrs["round"]]
        assert trial.distributions == {
            name: distribution(from_mapping(fields)) for name, fields in ranges.items()
        }


def test_a_stored_study_is_the_same_through_optuna(study: Study, theirs: optuna.Study) -> None:
    trials = theirs.get_trials()
    assert len(trials) == 45
    assert {t.state.name for t in trials} == {"COMPLETE", "FAIL"}
    assert theirs.direction.name == "MINIMIZE"
    check_same(study, trials, "validation_rmse")
    check_ranges(study, trials)
    assert len({str(t.distributions["learning_rate"]) for t in trials}) > 1  # it was narrowed


def test_a_study_gives_itself_as_optunas(study: Study) -> None:
    loaded = study.optuna()
    assert len(loaded.trials) == 45
    database = loaded._storage
    database.remove_session()
    database._backend.engine.dispose()  # type: ignore[attr-defined]  # there is no other way to close it


finite = st.floats(-1e300, 1e300)
parameters = st.one_of(
    st.tuples(finite, finite).map(lambda ends: hpo.Float(min(ends), max(ends))),
    st.tuples(st.floats(1e-12, 1e12), st.floats(1e-12, 1e12)).map(
        lambda ends: hpo.Float(min(ends), max(ends), log=True)
    ),
    st.tuples(st.integers(-(2**31), 2**31), st.integers(0, 1000)).map(
        lambda ends: hpo.Int(ends[0], sum(ends))
    ),
    st.tuples(st.integers(-20, 20), st.integers(0, 9), st.sampled_from([0.1, 0.25, 3.0])).map(
        lambda given: hpo.Float(given[0], round(given[0] + given[1] * given[2], 9), step=given[2])
    ),
    st.tuples(st.integers(-20, 20), st.integers(0, 9), st.integers(2, 5)).map(
        lambda given: hpo.Int(given[0], given[0] + given[1] * given[2], step=given[2])
    ),
    st.tuples(st.integers(1, 99), st.integers(0, 99)).map(
        lambda ends: hpo.Int(ends[0], sum(ends), log=True)
    ),
    st.lists(
        st.text(min_size=1, max_size=4) | st.integers(2, 9) | st.booleans() | st.none() | st.just(0.5),
        min_size=1, max_size=4, unique=True,
    ).map(lambda choices: hpo.Categorical(tuple(choices))),
)  # fmt: skip
signless = st.floats().map(lambda value: value + 0.0)  # SQLite keeps no sign of a zero
values = signless | st.none()
curves = st.lists(signless, max_size=4)
plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
attributes = st.dictionaries(
    # A server takes no NUL in a text.
    st.text(min_size=1, max_size=5).filter(lambda key: key != "round" and "\0" not in key),
    st.recursive(plain, lambda inner: st.lists(inner, max_size=2), max_leaves=3),
    max_size=2,
)


def drawn(parameter: Any, draw: st.DrawFn) -> Any:
    if isinstance(parameter, hpo.Categorical):
        return draw(st.sampled_from(parameter.choices))
    if parameter.step is not None:
        return at(parameter, draw(st.floats(0, 1)))
    numbers = st.integers if isinstance(parameter, hpo.Int) else st.floats
    return draw(numbers(parameter.low, parameter.high)) + 0


@st.composite
def rounds_of_trials(draw: st.DrawFn) -> list[tuple[Space, list[Settings], list[Any]]]:
    """Up to three rounds, each with ranges of its own, settings from them and what came of each."""
    # A server keeps no NUL in a text; as a choice it is a part of a JSON text, and escaped there.
    letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    names = st.text(letters, min_size=1, max_size=5).filter(lambda name: name not in OUR_COLUMNS)
    kinds = draw(st.dictionaries(names, parameters, min_size=1, max_size=3))
    rounds = []
    for _ in range(draw(st.integers(1, 3))):
        space: Space = dict(kinds)
        for name, parameter in kinds.items():
            if not isinstance(parameter, hpo.Categorical):
                low, high = sorted(drawn(parameter, draw) for _ in range(2))
                space[name] = replace(parameter, low=low, high=high)
        size = draw(st.integers(1, 3))
        trials = [{name: drawn(p, draw) for name, p in space.items()} for _ in range(size)]
        outcomes = [
            (draw(values), draw(curves), draw(st.booleans()), draw(attributes)) for _ in range(size)
        ]
        rounds.append((space, trials, outcomes))
    return rounds


@pytest.fixture(scope="module")
def many(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database for many studies."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('many') / 'studies.db'}"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url


# On each kind of store. Nothing is shrunk: an example is small as it is, and takes a second on a server.
@settings(max_examples=4, deadline=None, phases=set(Phase) - {Phase.shrink})
@given(rounds_of_trials(), st.sampled_from(["maximize", "minimize"]))
def test_whatever_is_written_is_the_same_through_optuna(
    many: str, rounds: list[tuple[Space, list[Settings], list[Any]]], direction: Any
) -> None:
    given: list[dict[str, Any]] = []
    before = datetime.now(UTC)
    with create_store(many) as store:
        name = f"study {len(store.names())}"
        with store.create_study(name, **NEW | {"direction": direction}) as writer:
            for number, (space, trials, outcomes) in enumerate(rounds):
                ranges = {name: to_mapping(p) for name, p in space.items()}
                writer.start_round(number, len(trials), ranges)
                distributions = {name: distribution(p) for name, p in space.items()}
                numbers = writer.start_batch(number, trials, distributions)
                done = datetime(2096, 2, 29) + timedelta(microseconds=number)
                results = []
                for n, settings, outcome in zip(numbers, trials, outcomes, strict=True):
                    value, curve, left, also = outcome
                    state: Any = "failed" if value is None else "pruned" if left else "complete"
                    both = {"accuracy": curve, "loss": [0.5, 0.25]}
                    results.append(Result(n, state, value, both, "accuracy", done, also))
                    if value is not None and math.isnan(value):  # which Optuna takes of no trial
                        state, value = "failed" if state == "complete" else state, None
                    given.append(
                        {
                            "number": n,
                            "state": state,
                            "values": None if value is None else [value],
                            "params": settings,
                            "distributions": distributions,
                            "intermediate_values": dict(enumerate(curve, start=1)),
                            "user_attrs": {"round": number, **also},
                            "system_attrs": {},
                            "datetime_complete": done.replace(tzinfo=UTC),
                        }
                    )
                writer.finish_batch(results)
    study = studies.load(name, many)
    with optunas(many, name) as theirs:
        read, table = theirs.get_trials(), theirs.trials_dataframe()
        assert [d.name for d in theirs.directions] == [direction.upper()]
        assert (theirs.user_attrs, theirs.metric_names) == ({"owner": current_user()}, ["accuracy"])
        complete = [t.value for t in read if t.state.name == "COMPLETE"]
        finite = [value for value in complete if value is not None and math.isfinite(value)]
        if finite and len(finite) == len(complete):
            assert study.best is not None
            assert theirs.best_trial.number == study.best.number
    assert [fields(trial) for trial in read] == list(map(written, given))
    for trial in read:
        assert trial.datetime_start is not None
        assert before <= trial.datetime_start.astimezone(UTC) <= datetime.now(UTC)
    check_same(study, read, "accuracy")
    check_table(table, read, "accuracy")
    check_ranges(study, read)
    best = study.best
    assert (best is None) == (not finite)
    if best is not None:
        assert best.value == (max if direction == "maximize" else min)(finite)


def fields(trial: FrozenTrial) -> str:
    """Every field of a trial of Optuna's, by its public name; as text, since NaN is not equal to itself."""
    told = {
        "number": trial.number,
        "state": STATES[trial.state.name],
        "values": trial.values,
        "params": trial.params,
        "distributions": trial.distributions,
        "intermediate_values": trial.intermediate_values,
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "datetime_complete": trial.datetime_complete and trial.datetime_complete.astimezone(UTC),
    }
    return written(told)


def written(told: dict[str, Any]) -> str:
    """The same text for the same fields, in whatever order their items are."""
    return repr({k: sorted(v.items()) if isinstance(v, dict) else v for k, v in told.items()})


def check_table(table: pd.DataFrame, trials: list[FrozenTrial], metric: str) -> None:
    """Whether Optuna's own table has every trial, value, setting and attribute, and nothing else."""
    assert table["number"].to_list() == [t.number for t in trials]
    assert table["state"].to_list() == [t.state.name for t in trials]
    for row, trial in zip(table.to_dict("records"), trials, strict=True):
        assert same_number(row[f"value_{metric}"], trial.value)
        for name, value in trial.params.items():
            assert row[f"params_{name}"] == value or (
                value is None and pd.isna(row[f"params_{name}"])
            )
    told = {f"params_{name}" for t in trials for name in t.params}
    told |= {f"user_attrs_{key}" for t in trials for key in t.user_attrs}
    known = {
        "number",
        f"value_{metric}",
        "state",
        "datetime_start",
        "datetime_complete",
        "duration",
    }
    assert set(table) == told | known


def troubled(params: dict[str, Any], *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    """Fails with an error, diverges, or goes on, by its settings."""
    del seed
    if params["x"] > 0.9:
        raise ValueError("x is too large")
    for epoch in range(1, epochs + 1):
        yield {"loss": math.inf if params["x"] > 0.8 else params["x"] + params["n"] / epoch}


def test_a_search_in_which_all_goes_wrong_that_can_is_the_same_through_optuna(storage: str) -> None:
    study = hpo.search(
        troubled, space={"x": hpo.Float(0, 1), "n": hpo.Int(1, 9, step=2)}, metric="loss",
        direction="minimize", trials=80, epochs=27, halving=3, storage=storage, name="troubled",
    )  # fmt: skip
    with optunas(storage, "troubled") as theirs:
        read, table, best = theirs.get_trials(), theirs.trials_dataframe(), theirs.best_trial
    assert {t.state.name for t in read} == {"COMPLETE", "PRUNED", "FAIL"}
    check_same(study, read, "loss")
    check_table(table, read, "loss")
    check_ranges(study, read)
    assert study.best is not None
    assert (study.best.number, study.best.value) == (best.number, best.value)
    with open_store(storage) as store:
        recorded = store.trials(study.read().record.study_id)
    for trial, ours in zip(read, recorded, strict=True):
        assert (trial.user_attrs, trial.system_attrs) == (ours.attributes, {})
        x, value = trial.params["x"], trial.value
        assert trial.user_attrs.get("error") == ("ValueError: x is too large" if x > 0.9 else None)
        assert trial.user_attrs.get("diverged_epoch") == (1 if 0.8 < x <= 0.9 else None)
        assert (trial.state.name == "FAIL") == (x > 0.8) == (value is None)
        last = 27 if trial.state.name == "COMPLETE" else trial.user_attrs.get("left_epoch", 0)
        assert list(trial.intermediate_values) == list(range(1, last + 1))
        if value is not None:
            assert value == trial.intermediate_values[last] == x + trial.params["n"] / last
