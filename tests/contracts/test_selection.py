"""Some of a study's trials are those that the whole frame has, however they are paged and filtered."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import optuna
import pandas as pd
import pytest

from studies import Study
from studies.analysis import frames
from studies.database import columns
from studies.database.selection import Selection, numbers
from studies.database.store import open_store
from tests.optunas import optunas

LIMIT = 1_000


def selected(study: Study, limit: int = LIMIT, offset: int = 0, **which: Any) -> list[int]:
    with open_store(study.storage) as store:
        study_id = store.study(study.name).study_id
        return numbers(store, study_id, Selection(**which), limit=limit, offset=offset)


def paged(study: Study, size: int) -> list[pd.DataFrame]:
    """The frames of the trials, page by page."""
    pages: list[pd.DataFrame] = []
    with open_store(study.storage) as store:
        study_id = store.study(study.name).study_id
        for offset in itertools.count(0, size):
            among = numbers(store, study_id, Selection(), limit=size, offset=offset)
            if not among:
                return pages
            pages.append(frames.trials_frame(columns.trial_columns(store, study_id, among=among)))
    return pages


def same(pages: list[pd.DataFrame], whole: pd.DataFrame) -> None:
    """Whether pages one after another have the columns, the types and the cells of the whole."""
    for page in pages:
        assert [*page.columns] == [*whole.columns]
        for name in whole:
            categories = isinstance(whole[name].dtype, pd.CategoricalDtype)
            assert isinstance(page[name].dtype, pd.CategoricalDtype) == categories
            assert categories or page[name].dtype == whole[name].dtype
    joined = pd.concat([page.astype(object) for page in pages], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.astype(object))


@pytest.mark.parametrize("size", [1, 7, 45, 1_000])
def test_pages_one_after_another_are_the_whole_frame(study: Study, size: int) -> None:
    same(paged(study, size), study.trials_frame())


def test_curves_of_some_trials_are_those_of_the_whole(study: Study) -> None:
    whole = study.epochs_frame()
    some = selected(study, limit=5, offset=3)
    with open_store(study.storage) as store:
        study_id = store.study(study.name).study_id
        assert columns.metrics(store, study_id) == [*whole.columns[2:]]
        curves = columns.curves(store, study_id, among=some)
    expected = whole[whole["trial"].isin(some)].reset_index(drop=True)
    pd.testing.assert_frame_equal(frames.epochs_frame(curves), expected)


def test_filters_are_those_of_the_frame(study: Study) -> None:
    frame = study.trials_frame()
    finite = frame["value"].map(math.isfinite)
    middle = float(frame["value"][finite].median())
    for which, expected in (
        ({"states": ["complete"]}, frame["state"] == "complete"),
        ({"states": ["failed", "running"]}, frame["state"].isin(["failed", "running"])),
        ({"round": 1}, frame["round"] == 1),
        ({"round": 99}, frame["round"] == 99),
        ({"low": middle}, finite & (frame["value"] >= middle)),
        ({"high": middle}, finite & (frame["value"] <= middle)),
        ({"low": middle, "round": 2, "states": ["complete"]},
         finite & (frame["value"] >= middle) & (frame["round"] == 2) & (frame["state"] == "complete")),
    ):  # fmt: skip
        chosen: list[int] = frame["number"][expected].to_list()
        assert selected(study, **which) == chosen, which
        assert selected(study, limit=3, offset=2, **which) == chosen[2:5]


def test_the_best_come_first_and_those_without_a_value_last(study: Study) -> None:
    frame = study.trials_frame()
    valued = frames.in_order(frame, study.read().record.direction, ("complete", "pruned"))
    order = selected(study, order="best")
    assert order[: len(valued)] == valued["number"].to_list()
    assert sorted(order) == frame["number"].to_list()


@pytest.mark.usefixtures("quiet_optuna")
@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "minimize"]])
def test_optunas_trials_with_choices_of_any_type_are_paged_alike(
    storage: str, directions: list[Literal["minimize", "maximize"]]
) -> None:
    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        trial.suggest_categorical("mixed", [1, "1", 2.5, True])
        trial.suggest_categorical("numbers", [1, 2])
        trial.suggest_categorical("some", [1, 2, 2.5])
        trial.suggest_categorical("words", ["a", "b"])
        if trial.number > 3:
            trial.suggest_int("late", 1, 5)
        value = trial.suggest_float("x", 0, 1)
        if len(directions) == 1:
            trial.report(value, 0)
        if trial.number == 2:
            raise optuna.TrialPruned
        if trial.number == 3:
            return (math.inf, 0.0)[: len(directions)]
        return (value, 1 - value)[: len(directions)]

    with optunas(storage, "theirs", directions=directions) as study:
        study.optimize(objective, n_trials=12)
    ours = Study("theirs", storage)
    for size in (1, 5, 12):
        same(paged(ours, size), ours.trials_frame())
    worst_last = selected(ours, order="best")
    assert worst_last[-1] == 2 if len(directions) > 1 else worst_last[-1] in (2, 3)
    assert 3 in selected(ours, low=0.0)
    assert (3 in selected(ours, high=10.0)) is False
    assert selected(ours, round=0) == []
