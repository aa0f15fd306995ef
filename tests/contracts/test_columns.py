"""Many trials at once: columns say what the trials one by one say, and the database counts as Python would."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from datetime import datetime
from typing import Any, Literal

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import studies
from studies import Study
from studies.database import aggregates, columns
from studies.database.records import Direction, Result, TrialState
from studies.database.store import Store, open_store

ENDED: tuple[Literal["complete", "pruned", "failed"], ...] = ("complete", "pruned", "failed")
DISTRIBUTIONS = {"x": optuna.distributions.FloatDistribution(0, 1)}
THEN = datetime(2026, 1, 2, 3, 4)

names = (f"study {n}" for n in itertools.count())
outcomes = st.lists(
    st.tuples(
        st.none() | st.floats() | st.sampled_from([0.5, -0.5, 0.0, -0.0]), st.sampled_from(ENDED)
    ),
    max_size=8,
)


def recorded(store: Store, direction: Direction, trials: list[tuple[Any, Any]]) -> int:
    """A new study with these values and states; returns its number."""
    made = store.create_study(
        next(names),
        direction=direction,
        plan="{}",
        metric="m",
        data_hash="",
        provenance={},
    )
    with made as writer:
        if trials:
            numbers = writer.start_batch(
                0, [{"x": n / 10} for n in range(len(trials))], DISTRIBUTIONS
            )
            writer.finish_batch(
                [
                    Result(n, state, value, {"m": [0.5] * (n % 3)}, "m", THEN, {})
                    for n, (value, state) in zip(numbers, trials, strict=True)
                ]
            )
    return writer.study_id


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(outcomes, st.sampled_from(["maximize", "minimize"]))
def test_the_best_is_complete_and_finite_and_none_is_better_and_no_equal_is_earlier(
    store: Store, trials: list[tuple[Any, Any]], direction: Direction
) -> None:
    study_id = recorded(store, direction, trials)
    scored = [
        (value, number)
        for number, (value, state) in enumerate(trials)
        if state == "complete" and value is not None and math.isfinite(value)
    ]
    assert aggregates.searched(store, study_id) == {number: value for value, number in scored}
    row = aggregates.best_trials(store, study_id).get(study_id)
    assert aggregates.best_trials(store).get(study_id) == row
    if row is None:
        assert scored == []
        return
    best, found = row.number, row.value
    assert (found, best) in scored
    for value, number in scored:
        assert value <= found if direction == "maximize" else value >= found
        assert number >= best or value != found


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_never_the_best(
    store: Store, direction: Direction, value: float | None
) -> None:
    alone = recorded(store, direction, [(value, "complete")])
    assert aggregates.best_trials(store, alone) == {}
    among = recorded(store, direction, [(value, "complete"), (0.5, "complete"), (9.0, "pruned")])
    assert aggregates.best_trials(store, among)[among].number == 1


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15
)
@given(outcomes)
def test_columns_say_what_the_trials_say(store: Store, trials: list[tuple[Any, Any]]) -> None:
    study_id = recorded(store, "maximize", trials)
    made, one_by_one = columns.trial_columns(store, study_id), store.trials(study_id)
    assert made.numbers == [t.number for t in one_by_one]
    assert made.states == [t.state for t in one_by_one]
    assert repr(made.values) == repr([t.value for t in one_by_one])  # NaN is NaN
    assert made.started == [t.started for t in one_by_one]
    assert made.finished == [t.finished for t in one_by_one]
    assert made.params.get("x", []) == [t.params["x"] for t in one_by_one]
    assert made.rounds == [t.attributes["round"] for t in one_by_one]
    assert made.epochs == [n % 3 for n in range(len(trials))]
    assert aggregates.epochs_trained(store, study_id) == sum(made.epochs)
    expected: Counter[TrialState] = Counter(t.state for t in one_by_one)
    assert aggregates.counts(store, study_id) == expected


def test_curves_of_a_real_study_are_those_that_are_read_one_by_one(study: Study) -> None:
    with open_store(study.storage) as store:
        study_id = store.study(study.name).study_id
        together = {c.metric: c.by_trial() for c in columns.curves(store, study_id)}
        assert list(together) == sorted(together)
        for trial in together["validation_rmse"]:
            alone = columns.curves(store, study_id, among=[trial])
            for c in alone:
                np.testing.assert_array_equal(c.by_trial()[trial], together[c.metric][trial])
            assert [c.metric for c in alone] == [m for m in together if trial in together[m]]
        score = together["validation_rmse"]
        after = aggregates.scores_after(store, study_id, [1, 3])
    for epoch, found in after.items():
        assert found == {
            n: points[epoch - 1] for n, points in score.items() if len(points) >= epoch
        }


def test_a_study_of_plain_optuna_has_its_intermediate_values_as_curves(storage: str) -> None:
    def objective(trial: optuna.Trial) -> float:
        for step in range(trial.number):
            trial.report(math.nan if step == 1 else step / 10, step)
        return trial.suggest_float("x", 0, 1)

    database = optuna.storages.RDBStorage(storage)
    optuna.create_study(study_name="o", storage=database).optimize(objective, n_trials=4)
    database.remove_session()
    database.engine.dispose()
    study = studies.load("o", storage)
    frame = study.epochs_frame()
    assert frame["trial"].tolist() == [1, 2, 2, 3, 3, 3]
    assert frame["epoch"].tolist() == [1, 1, 2, 1, 2, 3]
    np.testing.assert_array_equal(frame["value"], [0, 0, math.nan, 0, math.nan, 0.2])
    assert study.trials_frame()["epochs"].tolist() == [0, 1, 2, 3]
    assert study.summary()["epochs_trained"] == 6


def test_errors_are_counted_in_the_order_they_came_in(store: Store) -> None:
    study_id = recorded(store, "maximize", [])
    assert aggregates.errors(store, study_id) == Counter()
    with store.hold("study " + str(int(next(names).split()[1]) - 1)) as writer:
        numbers = writer.start_batch(0, [{"x": 0.1}] * 3, DISTRIBUTIONS)
        said = ["b: worse", "a: bad", "b: worse"]
        writer.finish_batch(
            [
                Result(n, "failed", None, {}, "m", THEN, {"error": why})
                for n, why in zip(numbers, said, strict=True)
            ]
        )
    assert aggregates.errors(store, writer.study_id) == {"b: worse": 2, "a: bad": 1}
