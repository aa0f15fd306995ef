"""The promise: what we write is an ordinary Optuna study, to read, to plot, to go on with; and theirs are read here."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import optuna.visualization.matplotlib
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial

import hpo
import studies
from hpo.plan.space import Settings, Space, at, distribution, from_mapping, to_mapping
from studies import Study
from studies.database.owner import current_user
from studies.database.records import Result
from studies.database.store import create_store, open_store
from tests.postgres import rows
from tests.studies.stores import NEW

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
OUR_COLUMNS = {"state", "value", "round"}


pytestmark = pytest.mark.usefixtures("quiet_optuna")


@contextmanager
def optunas(name: str, storage: str) -> Iterator[optuna.Study]:
    """A study as plain Optuna loads it, by a connection that is closed at the end."""
    database = optuna.storages.RDBStorage(storage)
    try:
        yield optuna.load_study(study_name=name, storage=database)
    finally:
        database.remove_session()
        database.engine.dispose()


@pytest.fixture
def theirs(study: Study) -> Iterator[optuna.Study]:
    with optunas(study.name, study.storage) as loaded:
        yield loaded


@pytest.fixture
def copy(
    kind: str, study: Study, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Study]:
    """A copy of the stored study, to be written to."""
    if kind == "postgresql":
        source = study.storage.rpartition("/")[2]
        with request.getfixturevalue("postgres").database(copied_from=source) as url:
            yield Study(study.name, url)
        return
    path = tmp_path / "copy.db"
    with (
        closing(sqlite3.connect(study.storage.removeprefix("sqlite:///"))) as original,
        closing(sqlite3.connect(path)) as target,
    ):
        original.backup(target)
    yield Study(study.name, f"sqlite:///{path}")


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("learning_rate", 1e-3, 1e3, log=True)
    units = trial.suggest_int("units", 4, 32, log=True)
    wide = trial.suggest_categorical("activation", ["relu", "tanh"]) == "relu"
    for step in range(3):
        trial.report(rate / (step + 1), step)
    return abs(math.log(rate)) + units / 32 + wide


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
    with optunas(name, many) as theirs:
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
    with optunas("troubled", storage) as theirs:
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


def test_optunas_own_table_of_trials_and_best_trial_are_ours(
    study: Study, theirs: optuna.Study
) -> None:
    ours, table = study.trials_frame(), theirs.trials_dataframe()
    assert table["number"].to_list() == ours["number"].to_list()
    for name in ("learning_rate", "units", "activation"):
        assert table[f"params_{name}"].to_list() == ours[name].to_list()
    value = table["value_rmse"]  # by the metric's name, as Optuna has it
    assert value.isna().to_list() == ours["value"].isna().to_list()
    assert value.dropna().to_list() == ours["value"].dropna().to_list()
    assert study.best is not None
    assert theirs.best_trial.number == study.best.number
    assert theirs.best_value == study.best.value
    assert theirs.best_params == study.best.params


def test_optuna_weighs_the_parameters_of_our_studies(theirs: optuna.Study) -> None:
    weights = optuna.importance.get_param_importances(theirs)
    assert set(weights) == {"learning_rate", "units", "activation"}
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    "plot",
    [
        "plot_optimization_history",
        "plot_intermediate_values",
        "plot_param_importances",
        "plot_slice",
        "plot_parallel_coordinate",
    ],
)
def test_optunas_plots_draw_our_studies(plot: str, theirs: optuna.Study) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = getattr(optuna.visualization.matplotlib, plot)(theirs)
    figure = next(iter(axes.flat)).figure if hasattr(axes, "flat") else axes.figure
    assert figure.axes
    assert any(ax.has_data() for ax in figure.axes)
    pyplot.close("all")


def test_plain_optuna_can_go_on_with_a_study_of_ours(copy: Study) -> None:
    before = copy.trials_frame()
    with optunas(copy.name, copy.storage) as theirs:
        theirs.sampler = optuna.samplers.TPESampler(seed=0)
        theirs.optimize(objective, n_trials=2)
        assert len(theirs.trials) == 47
    after = copy.trials_frame()
    assert after["number"].to_list() == list(range(47))
    pd.testing.assert_frame_equal(after.iloc[:45], before, check_exact=True)
    assert after["state"].iloc[45:].to_list() == ["complete", "complete"]
    assert after["round"].iloc[45:].isna().all()
    assert after[["learning_rate", "units", "activation"]].notna().to_numpy().all()
    summary = copy.summary()
    assert sum(summary["trials"].values()) == 47
    assert summary["best"]["value"] == after["value"].min()
    assert len(copy.rounds_frame()) == 9


def test_a_study_that_plain_optuna_made_can_be_read(storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    made = optuna.create_study(
        study_name="theirs", storage=database, sampler=optuna.samplers.TPESampler(seed=0)
    )
    made.optimize(objective, n_trials=12)
    with pytest.raises(ZeroDivisionError):
        made.optimize(lambda _: 1 / 0, n_trials=1)
    made.optimize(lambda _: math.nan, n_trials=1)
    made.tell(made.ask(), state=optuna.trial.TrialState.PRUNED)
    trials, best = made.get_trials(), made.best_trial
    database.remove_session()
    database.engine.dispose()

    before = rows(storage)
    study = studies.load("theirs", storage)
    frame, epochs, summary = study.trials_frame(), study.epochs_frame(), study.summary()
    assert frame["state"].to_list() == [STATES[t.state.name] for t in trials]
    assert frame["value"].dropna().to_list() == [t.value for t in trials if t.value is not None]
    for name in ("learning_rate", "units", "activation"):
        assert frame[name].iloc[:12].to_list() == [t.params[name] for t in trials[:12]]
        assert frame[name].iloc[12:].isna().all()
    assert frame["round"].isna().all()
    assert frame["epochs"].to_list() == [3] * 12 + [0] * 3
    assert epochs["value"].to_list() == [
        value for t in trials for value in t.intermediate_values.values()
    ]
    assert len(study.rounds_frame()) == 0
    assert study.best is not None
    assert (study.best.number, study.best.value) == (best.number, best.value)
    assert summary["best"] == {"trial": best.number, "value": best.value, "params": best.params}
    assert summary["trials"] == {"complete": 12, "pruned": 1, "failed": 2}
    assert (summary["state"], summary["metric"], summary["seed"]) == ("complete", "value", None)
    assert rows(storage) == before


def test_our_studies_and_plain_optunas_share_a_database(copy: Study) -> None:
    database = optuna.storages.RDBStorage(copy.storage)
    optuna.create_study(study_name="theirs", storage=database).optimize(objective, n_trials=3)
    database.remove_session()
    database.engine.dispose()
    assert studies.names(copy.storage) == ["small", "theirs"]
    assert len(studies.load("theirs", copy.storage).epochs_frame()) == 9
    assert len(copy.trials_frame()) == 45


def test_optuna_deletes_a_study_of_ours_and_leaves_the_others(copy: Study) -> None:
    distributions: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
    with (
        create_store(copy.storage) as store,
        store.create_study("other", **NEW) as writer,
    ):
        writer.start_batch(0, [{"x": 0.5}], distributions)
    database = optuna.storages.RDBStorage(copy.storage)
    optuna.delete_study(study_name="small", storage=database)
    database.remove_session()
    database.engine.dispose()
    assert studies.names(copy.storage) == ["other"]
    assert studies.load("other", copy.storage).trials_frame()["x"].to_list() == [0.5]
