"""The one writer: a batch is one transaction, numbers come back as they went in, and only the holder writes."""

# Law 4: one process writes.
# Law 5: nothing that is finished is lost.

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime
from typing import Any, Literal

import optuna
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from studies.database import lease, tables
from studies.database.columns import curves
from studies.database.records import Confirmation, Result
from studies.database.store import Store, create_store, open_store
from studies.database.writer import Writer
from studies.errors import LeaseError
from tests.optunas import optunas
from tests.studies.stores import NONE_CONFIRMED, SETTING, SPACE, holders

DONE = datetime(2096, 2, 29, 12, 30, 15, 123456)
ROWS = [
    *("trials", "trial_params", "trial_values", "trial_intermediate_values"),
    *("trial_user_attributes", "hpo_curves", "hpo_rounds"),
    *("hpo_confirmations", "hpo_tests", "hpo_stops"),
]


def result(
    number: int,
    value: float | None = 0.5,
    state: Literal["complete", "pruned", "failed"] = "complete",
    curve: tuple[float, ...] = (0.25, 0.5),
    **attributes: Any,
) -> Result:
    curves = {"accuracy": curve, "loss": tuple(-point for point in curve)}
    return Result(number, state, value, curves, "accuracy", DONE, attributes)


def counts(reader: Store) -> dict[str, int]:
    with reader.reading() as connection:
        return {
            name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608  # ours
            for name in ROWS
        }


def test_the_curve_of_a_running_trial_is_seen_and_replaced_by_the_next_and_by_the_whole(
    writer: Writer, reader: Store, storage: str
) -> None:
    def seen() -> dict[int, float]:
        with optunas(storage, "s") as study:
            return study.trials[1].intermediate_values

    writer.start_batch(0, [SETTING] * 2, SPACE)
    writer.show({1: [0.1]})
    assert seen() == {1: 0.1}
    writer.show({1: [0.1, math.nan, 0.3]})
    assert list(seen()) == [1, 2, 3]
    with reader.hold("s", take_over=True) as other:  # of a process that resumes it
        other.show({1: [0.2]})
        assert seen() == {1: 0.2}
        other.finish_batch([result(1), result(0)])
    assert seen() == {1: 0.25, 2: 0.5}


def test_a_batch_that_has_started_is_seen_as_running_trials_with_their_parameters(
    writer: Writer, reader: Store
) -> None:
    assert writer.start_batch(3, [SETTING, SETTING | {"units": 9}], SPACE) == [0, 1]
    trials = reader.trials(writer.study_id)
    assert [(t.number, t.state, t.value, t.finished) for t in trials] == [
        (0, "running", None, None),
        (1, "running", None, None),
    ]
    assert [t.params for t in trials] == [SETTING, SETTING | {"units": 9}]
    assert [t.attributes for t in trials] == [{"round": 3}, {"round": 3}]
    started = trials[0].started
    assert started is not None
    assert abs((datetime.now(UTC).replace(tzinfo=None) - started).total_seconds()) < 600
    assert curves(reader, writer.study_id) == []


def test_a_batch_that_has_finished_is_seen_with_all_that_came_of_it(
    writer: Writer, reader: Store
) -> None:
    writer.start_batch(0, [SETTING] * 3, SPACE)
    writer.finish_batch(
        [
            result(0, 0.1 + 0.2),
            result(1, None, "failed", (0.25,), diverged_epoch=2),
            result(2, 0.5, "pruned"),
        ]
    )
    trials = reader.trials(writer.study_id)
    assert [(t.state, t.value) for t in trials] == [
        ("complete", 0.30000000000000004),
        ("failed", None),
        ("pruned", 0.5),
    ]
    assert {t.finished for t in trials} == {DONE}
    assert trials[1].attributes == {"round": 0, "diverged_epoch": 2}
    assert {c.metric: c.by_trial() for c in curves(reader, writer.study_id)} == {
        "accuracy": {0: [0.25, 0.5], 1: [0.25], 2: [0.25, 0.5]},
        "loss": {0: [-0.25, -0.5], 1: [-0.25], 2: [-0.25, -0.5]},
    }


@pytest.mark.parametrize("size", [1, 500])
def test_a_batch_of_any_size_is_written(size: int, writer: Writer, reader: Store) -> None:
    settings = [SETTING | {"rate": 1e-5 * (k + 1)} for k in range(size)]
    for batch in range(2):
        numbers = writer.start_batch(0, settings, SPACE)
        assert numbers == list(range(batch * size, (batch + 1) * size))
        writer.finish_batch([result(number, number / 7) for number in numbers])
    trials = reader.trials(writer.study_id)
    assert [t.number for t in trials] == list(range(2 * size))
    assert [t.params for t in trials] == settings * 2
    assert [t.value for t in trials] == [number / 7 for number in range(2 * size)]
    assert [len(c.trials) for c in curves(reader, writer.study_id)] == [2 * size] * 2


def test_a_setting_without_parameters_is_a_trial_too(writer: Writer, reader: Store) -> None:
    writer.start_batch(0, [{}], {})
    writer.finish_batch([result(0)])
    assert [(t.params, t.value) for t in reader.trials(writer.study_id)] == [({}, 0.5)]
    assert counts(reader)["trial_params"] == 0


def test_nothing_is_seen_before_a_transaction_ends(
    writer: Writer, reader: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, int]] = []
    renew = lease.renew

    def watched(connection: sa.Connection, *arguments: Any) -> bool:
        # After every statement of this transaction, what does another connection see?
        sa.event.listen(connection, "after_cursor_execute", lambda *_: seen.append(counts(reader)))
        return renew(connection, *arguments)

    monkeypatch.setattr(lease, "renew", watched)
    writer.start_batch(0, [SETTING] * 2, SPACE)
    assert len(seen) >= 4
    assert all(sum(rows.values()) == 0 for rows in seen)
    seen.clear()
    started = counts(reader)
    assert (started["trials"], started["trial_params"]) == (2, 6)
    writer.finish_batch([result(0, note="a"), result(1)])
    assert len(seen) >= 5
    assert all(rows == started for rows in seen)
    finished = counts(reader)
    assert finished == started | {
        "trial_values": 2,
        "trial_intermediate_values": 4,
        "trial_user_attributes": 3,
        "hpo_curves": 4,
    }


def test_an_error_in_the_middle_of_starting_a_batch_leaves_nothing(
    writer: Writer, reader: Store
) -> None:
    before = counts(reader)
    with pytest.raises(ValueError, match="gelu"):
        writer.start_batch(0, [SETTING, SETTING | {"activation": "gelu"}], SPACE)
    assert counts(reader) == before
    assert writer.start_batch(0, [SETTING], SPACE) == [0]


def test_an_error_in_the_middle_of_finishing_a_batch_leaves_it_running(
    writer: Writer, reader: Store
) -> None:
    writer.start_batch(0, [SETTING] * 2, SPACE)
    before = counts(reader)
    with pytest.raises(IntegrityError):  # the last thing written: an attribute that is there
        writer.finish_batch([result(0), result(1, round=5)])
    assert counts(reader) == before
    assert [t.state for t in reader.trials(writer.study_id)] == ["running", "running"]
    writer.finish_batch([result(0), result(1)])
    assert [t.state for t in reader.trials(writer.study_id)] == ["complete", "complete"]


def test_a_batch_can_not_be_finished_twice(writer: Writer, reader: Store) -> None:
    writer.start_batch(0, [SETTING], SPACE)
    writer.finish_batch([result(0, 0.5)])
    with pytest.raises(IntegrityError):
        writer.finish_batch([result(0, 0.9)])
    assert [t.value for t in reader.trials(writer.study_id)] == [0.5]


def test_a_batch_that_another_process_began_can_be_finished(
    store: Store, new: dict[str, Any]
) -> None:
    with store.create_study("s", **new) as first:
        first.start_batch(0, [SETTING] * 2, SPACE)
        first.finish_batch([result(0), result(1)])
        first.start_batch(0, [SETTING] * 2, SPACE)
    with store.hold("s") as second:
        second.finish_batch([result(2, 0.75), result(3, 0.8)])
        assert second.start_batch(1, [SETTING], SPACE) == [4]
    assert [(t.number, t.value) for t in store.trials(first.study_id)] == [
        (0, 0.5),
        (1, 0.5),
        (2, 0.75),
        (3, 0.8),
        (4, None),
    ]


def test_infinities_and_nan_come_back_through_us_and_through_optuna(
    storage: str, writer: Writer, reader: Store
) -> None:
    curve = (math.nan, math.inf, -math.inf, 5e-324, -1.7976931348623157e308)
    writer.start_batch(0, [SETTING] * 4, SPACE)
    writer.finish_batch(
        [
            result(0, math.inf, curve=curve),
            result(1, -math.inf),
            result(2, math.nan),
            result(3, math.nan, "pruned"),
        ]
    )
    ours = reader.trials(writer.study_id)
    database = optuna.storages.RDBStorage(storage)
    theirs = optuna.load_study(study_name="s", storage=database).trials
    database.remove_session()
    database.engine.dispose()
    assert [t.value for t in ours] == [math.inf, -math.inf, None, None]
    assert [t.value for t in theirs] == [t.value for t in ours]
    # As Optuna does where a trial ends with NaN: it is not complete, and has no value.
    assert [t.state for t in ours] == ["complete", "complete", "failed", "pruned"]
    assert [t.state.name for t in theirs] == ["COMPLETE", "COMPLETE", "FAIL", "PRUNED"]
    assert list(theirs[0].intermediate_values) == [1, 2, 3, 4, 5]
    for read in (
        curves(reader, writer.study_id)[0].by_trial()[0],
        theirs[0].intermediate_values.values(),
    ):
        assert list(map(repr, read)) == list(map(repr, curve))


def test_a_round_is_recorded_when_it_starts_and_its_verdicts_when_it_is_judged(
    writer: Writer, reader: Store
) -> None:
    ranges = {"rate": {"low": 1e-5, "high": 0.1 + 0.2, "log": True}}
    following = {"rate": {"low": 1e-3, "high": 0.1, "log": True}}
    verdicts = {"rate": {"action": "narrowed", "reason": "größer ist besser", "p_value": 0.01}}
    writer.start_round(0, 12, ranges)
    writer.start_round(1, 13, following)
    first, second = reader.rounds(writer.study_id)
    assert (first.round, first.size, first.ranges) == (0, 12, ranges)
    assert (first.verdicts, first.next_ranges) == (None, None)
    writer.judge_round(0, verdicts, following)
    first, unjudged = reader.rounds(writer.study_id)
    assert (first.verdicts, first.next_ranges) == (verdicts, following)
    assert unjudged == second


def test_a_round_can_not_be_started_twice(writer: Writer, reader: Store) -> None:
    writer.start_round(0, 12, {})
    with pytest.raises(IntegrityError):
        writer.start_round(0, 13, {})
    assert [r.size for r in reader.rounds(writer.study_id)] == [12]


def test_after_a_take_over_the_old_holder_writes_nothing_more(
    store: Store, writer: Writer, reader: Store
) -> None:
    writer.start_round(0, 4, {})
    writer.start_stage(1, [0])
    writer.start_batch(0, [SETTING], SPACE)
    with store.hold("s", take_over=True) as other:
        before = counts(reader), reader.study("s"), reader.rounds(writer.study_id)
        for write in (
            lambda: writer.finish_batch([result(0)]),
            lambda: writer.start_batch(0, [SETTING], SPACE),
            lambda: writer.start_round(1, 4, {}),
            lambda: writer.judge_round(0, {"x": {}}, {"x": {}}),
            lambda: writer.change_plan("{}", []),
            lambda: writer.start_stage(2, [0]),
            lambda: writer.finish_stage([Confirmation(1, 0, 0.5, 2, None, DONE)], NONE_CONFIRMED),
            lambda: writer.conclude(NONE_CONFIRMED),
            lambda: writer.open_test(0),
            lambda: writer.finish_test(0.5, None),
            lambda: writer.stop("late"),
            writer.complete,
        ):
            with pytest.raises(LeaseError, match="study 's' was taken over by another process"):
                write()
        assert (counts(reader), reader.study("s"), reader.rounds(writer.study_id)) == before
        writer.__exit__()
        assert holders(store) == 1  # what is given back is one's own
        other.finish_batch([result(0, 0.25)])
    assert [t.value for t in reader.trials(writer.study_id)] == [0.25]


def test_another_program_that_is_writing_is_waited_for(
    storage: str, writer: Writer, reader: Store
) -> None:
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with open_store(storage) as other, other.writing() as connection:
            connection.execute(sa.update(tables.leases).values(process=4711))
            writing.set()
            time.sleep(0.3)
            done.set()

    program = threading.Thread(target=write)
    program.start()
    assert writing.wait(60)
    writer.start_batch(0, [SETTING], SPACE)
    assert done.is_set()
    program.join()
    assert counts(reader)["trials"] == 1


def test_all_that_is_read_inside_one_reading_is_of_one_moment(
    storage: str, new: dict[str, Any]
) -> None:
    # A batch that ends between two questions must not show in one answer and not in the other.
    with create_store(storage) as store, store.create_study("s", **new) as writer:
        writer.start_round(0, 1, {})
        with open_store(storage) as reader, reader.reading():
            before = reader.rounds(writer.study_id)
            writer.start_batch(0, [SETTING], SPACE)
            assert reader.trials(writer.study_id) == []
            assert reader.rounds(writer.study_id) == before
        with open_store(storage) as reader:
            assert len(reader.trials(writer.study_id)) == 1
