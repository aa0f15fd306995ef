"""A task in training: curves are gathered, trials that diverge end, those that do not stay leave with what they had."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence

import numpy as np

from hpo.trainables.session import Session
from hpo.trainables.task import Curves, Outcome, Task, TrialError
from tests.hpo.scripted import Scripted

NAN = math.nan


def begun(scripted: Scripted, heard: list[int] | None = None) -> Session:
    (part,) = scripted.parts
    task = Task(tuple(part), tuple({"k": k} for k in part), 4, 0)
    curves = scripted.training(task).here()
    listen = (lambda _: None) if heard is None else heard.append
    return Session(task, curves, scripted.score, trained=listen)


def points(outcomes: Sequence[Outcome]) -> list[list[float]]:
    return [list(o.metrics.get("validation_accuracy", [])) for o in outcomes]


def test_a_curve_ends_with_the_epoch_before_it_diverged() -> None:
    scripted = Scripted([0.5, 0.6, 0.7, 0.8], [0.4, NAN, NAN, NAN], [NAN] * 4)
    heard: list[int] = []
    session = begun(scripted, heard)
    assert session.advance(3)[0] == 0.7
    session.advance(4)
    outcomes = session.outcomes()
    assert points(outcomes) == [[0.5, 0.6, 0.7, 0.8], [0.4], []]
    assert [o.diverged_epoch for o in outcomes] == [None, 2, 1]
    assert [o.value for o in outcomes] == [0.8, None, None]
    assert [o.failure for o in outcomes] == [None, "diverged at epoch 2", "diverged at epoch 1"]
    assert [o.epochs for o in outcomes] == [4, 1, 0]
    assert scripted.masks[:2] == [[True, True, False], [True, False, False]]
    assert heard == [3, 2, 1, 1]  # trials that were trained in each epoch
    assert scripted.closed == [0]


def test_a_trainer_that_ends_early_is_complete_with_its_last_value() -> None:
    session = begun(Scripted([0.5, 0.6]))
    assert math.isnan(session.advance(3)[0])
    (outcome,) = session.outcomes()
    assert (outcome.value, outcome.failure, outcome.pruned) == (0.6, None, False)


def test_a_metric_that_is_not_reported_in_an_epoch_is_nan_there() -> None:
    def curves() -> Curves:
        for epoch in range(4):
            every = {"a": np.ones(1)}
            yield every | {"b": np.full(1, epoch)} if epoch in (1, 2) else every

    session = Session(Task((0,), ({},), 4, 0), curves(), "a")
    session.advance(4)
    (outcome,) = session.outcomes()
    np.testing.assert_array_equal(outcome.metrics["b"], [NAN, 1, 2, NAN])


def test_those_that_do_not_stay_leave_with_the_value_they_had() -> None:
    scripted = Scripted(*[[k + epoch / 10 for epoch in range(4)] for k in (1, 8, 2)])
    session = begun(scripted)
    assert session.advance(1) == [1, 8, 2]
    scores = session.advance(2, [False, True, True])
    assert math.isnan(scores[0])
    assert scores[1:] == [8.1, 2.1]
    session.advance(4, [True, True, False])
    outcomes = session.outcomes()
    assert [o.pruned for o in outcomes] == [True, False, True]
    assert [o.value for o in outcomes] == [1, 8.3, 2.1]
    assert [o.attributes for o in outcomes] == [{"left_epoch": 1}, {}, {"left_epoch": 2}]
    assert outcomes[0].finished <= outcomes[2].finished <= outcomes[1].finished


def test_where_nobody_stays_training_ends() -> None:
    scripted = Scripted([0.5] * 4)
    session = begun(scripted)
    session.advance(1)
    session.advance(4, [False])
    assert scripted.epochs == [1]
    assert scripted.closed == [0]


def test_one_that_left_does_not_diverge_or_fail_later() -> None:
    session = begun(Scripted([0.9] * 4, [0.1, NAN, NAN, NAN], fails_at=3))
    session.advance(1)
    session.advance(4, [True, False])
    stays, leaves = session.outcomes()
    assert (leaves.pruned, leaves.value, leaves.failure) == (True, 0.1, None)
    assert (stays.pruned, stays.value, stays.failure) == (False, None, "RuntimeError: epoch 3")
    assert points([stays]) == [[0.9, 0.9]]
    assert stays.attributes["error"] == "RuntimeError: epoch 3"


def test_tasks_and_outcomes_travel() -> None:
    task = Task((3,), ({"x": 0.5},), 4, 0, "test", (1, 2))
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301  # ours
    assert (task.trial, task.params) == (3, {"x": 0.5})
    failed = Outcome({"loss": [1.0]}, "loss", error=TrialError.of(ValueError("no")))
    copy = pickle.loads(pickle.dumps(failed))  # noqa: S301  # ours
    assert (copy.failure, copy.attributes) == (failed.failure, failed.attributes)


def test_the_training_of_a_single_trial_ends_when_it_diverges_and_nothing_yet_is_no_epoch() -> None:
    yielded: list[float] = []

    def curves() -> Curves:
        try:
            for score in (0.5, NAN, 0.7):
                yielded.append(score)
                yield {}
                yield {"a": np.array([score])}
        finally:
            yielded.append(-1)

    session = Session(Task((0,), ({},), 4, 0), curves(), "a")
    session.advance(4)
    (outcome,) = session.outcomes()
    assert (outcome.metrics, outcome.diverged_epoch) == ({"a": [0.5]}, 2)
    assert yielded[0] == 0.5
    assert yielded[2:] == [-1]
