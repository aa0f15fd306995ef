"""What the writer records after the search: stages, the test rows, why it stopped, and that it is complete."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from studies.database.records import Confirmation, Opening
from studies.database.store import Store
from studies.database.writer import Writer
from tests.studies.stores import DONE, NONE_CONFIRMED


def test_a_stage_is_recorded_when_it_starts_and_when_it_is_done(
    writer: Writer, reader: Store
) -> None:
    writer.start_stage(1, [7, 2])
    assert reader.confirmations(writer.study_id) == [Confirmation(1, 2), Confirmation(1, 7)]
    done = [
        Confirmation(1, 7, None, 1, "diverged at epoch 2", DONE),
        Confirmation(1, 2, 0.1 + 0.2, 3, None, DONE),
    ]
    writer.finish_stage(done, NONE_CONFIRMED)
    writer.start_stage(2, [2])
    assert reader.confirmations(writer.study_id) == [done[1], done[0], Confirmation(2, 2)]


def test_the_curves_of_a_stage_are_read_as_they_were_to_the_last_digit(
    writer: Writer, reader: Store
) -> None:
    curves = {"loss": [0.1 + 0.2, 1e-300], "accuracy": [math.nan, 1 / 3]}
    writer.start_stage(1, [7, 2])
    diverged = Confirmation(1, 7, None, 0, "diverged at epoch 1", DONE)
    done = Confirmation(1, 2, 1 / 3, 2, None, DONE, curves, (3.0, 1 / 3))
    writer.finish_stage([done, diverged], NONE_CONFIRMED)
    ((key, read),) = reader.stage_curves(writer.study_id).items()
    assert key == (1, 2)
    assert read.keys() == curves.keys()
    assert [reader.out_of_fold(writer.study_id, trial) for trial in (2, 7)] == [[[3.0, 1 / 3]], []]
    assert all(np.array_equal(read[name], curves[name], equal_nan=True) for name in curves)


def test_a_training_is_in_a_stage_once(writer: Writer, reader: Store) -> None:
    for trials in ([3, 3], [3]):
        writer.start_stage(len(trials), [1])
        with pytest.raises(IntegrityError):
            writer.start_stage(len(trials), [2, *trials, 1])
    assert reader.confirmations(writer.study_id) == [Confirmation(1, 1), Confirmation(2, 1)]


def test_studies_in_one_file_confirm_apart(store: Store, new: dict[str, Any]) -> None:
    with store.create_study("a", **new) as a, store.create_study("b", **new) as b:
        for writer, value in ((a, 0.25), (b, 0.75)):
            writer.start_stage(1, [0])
            writer.finish_stage([Confirmation(1, 0, value, 1, None, DONE)], NONE_CONFIRMED)
            writer.open_test(0)
            writer.finish_test(value, None)
        b.stop("late")
        found = [store.confirmations(w.study_id)[0].value for w in (a, b)]
        openings = [store.opening(w.study_id) for w in (a, b)]
    assert found == [opening.value for opening in openings if opening] == [0.25, 0.75]
    assert [store.study(name).stopped for name in "ab"] == [None, "late"]


def test_the_test_rows_are_opened_once_a_study(writer: Writer, reader: Store) -> None:
    assert reader.opening(writer.study_id) is None
    opening = writer.open_test(3)
    assert opening == Opening(3, opening.opened)
    assert not opening.done
    assert reader.opening(writer.study_id) == opening
    for trial in (3, 4):
        with pytest.raises(IntegrityError):
            writer.open_test(trial)
    assert reader.opening(writer.study_id) == opening


@pytest.mark.parametrize(
    ("value", "error", "ci95"),
    [
        (0.1 + 0.2, None, (0.1, 0.1 + 0.7)),
        (0.5, None, None),
        (None, "diverged at epoch 2", None),
    ],
)
def test_what_the_test_rows_said_is_recorded(
    value: float | None,
    error: str | None,
    ci95: tuple[float, float] | None,
    writer: Writer,
    reader: Store,
) -> None:
    opening = writer.open_test(3)
    writer.finish_test(value, error, ci95)
    assert reader.opening(writer.study_id) == Opening(3, opening.opened, value, error, ci95)
    assert Opening(3, opening.opened, value, error).done


def test_a_search_that_was_stopped_says_why_until_its_plan_changes(
    writer: Writer, reader: Store
) -> None:
    assert reader.study("s").stopped is None
    writer.stop("the time was over")
    assert reader.study("s").stopped == "the time was over"
    assert reader.study("s").resumed_after == 0
    writer.start_round(0, 5, {})
    writer.change_plan(json.dumps({"seed": 7, "trials": 99}), [])
    assert (reader.study("s").stopped, reader.study("s").resumed_after) == (None, 1)
    writer.stop("again")
    assert (reader.study("s").stopped, reader.study("s").resumed_after) == ("again", 0)


def test_a_study_is_complete_until_its_plan_changes(store: Store, new: dict[str, Any]) -> None:
    with store.create_study("s", **new) as writer:
        assert store.study("s").state == "running"
        writer.complete()
        assert store.study("s").state == "running"
    assert store.study("s").state == "complete"
    with store.hold("s") as writer:
        writer.change_plan(json.dumps({"seed": 7, "trials": 99}), [])
    record = store.study("s")
    assert (record.state, record.plan) == ("interrupted", {"seed": 7, "trials": 99})
