"""How a batch is trained: curves are gathered, those that diverge end, the worst of all populations leave at rungs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pytest

from hpo.choose.halving import Rung, rungs, staying
from hpo.choose.suggest import Direction
from hpo.executors.threads import threads
from hpo.plan.plan import make_plan
from hpo.plan.space import Limit, Settings
from hpo.run.batches import Curves, train_batch
from hpo.trainables.network import MLP, Training, TrialError, mlp

NAN = math.nan


class Scripted:
    """A trainable that yields the curves it was given, in these populations, and knows how far it got."""

    metric, score = "accuracy", "validation_accuracy"
    notes: Sequence[str] = ()
    limits: Mapping[str, Limit] = {}
    contents: Mapping[str, Any] = {}
    fingerprint, repeats, tests = "", True, False

    def batch(self, round_size: int) -> int:
        return round_size

    def __init__(
        self,
        *curves: Sequence[float],
        parts: list[list[int]] | None = None,
        direction: Direction = "maximize",
        fails_at: int | None = None,
    ) -> None:
        self.curves, self.direction, self.fails_at = curves, direction, fails_at
        self.parts = parts or [list(range(len(curves)))]
        self.epochs = [0] * len(curves)
        self.masks: list[list[bool]] = []
        self.opened: list[int] = []
        self.closed: list[int] = []

    @property
    def settings(self) -> list[Settings]:
        return [{"k": k} for k in range(len(self.curves))]

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        return self.parts

    def train(
        self, settings: Sequence[Settings], *, epochs: int, seed: int, which: Any = 0
    ) -> Training:
        mine = [self.settings.index(setting) for setting in settings]
        self.opened.append(mine[0])
        try:
            for epoch in range(min(epochs, *(len(self.curves[k]) for k in mine))):
                if epoch + 1 == self.fails_at:
                    raise TrialError(RuntimeError(f"epoch {epoch + 1}"))
                for k in mine:
                    self.epochs[k] += 1
                mask = yield {self.score: np.array([self.curves[k][epoch] for k in mine])}
                if mask is not None:
                    self.masks.append(mask.tolist())
        finally:
            self.closed.append(mine[0])


def flat(value: float, epochs: int = 4) -> list[float]:
    return [value] * epochs


def train(
    scripted: Scripted, pool: Executor, epochs: int = 4, rungs: Sequence[Rung] = (), **options: Any
) -> list[Curves]:
    heard: dict[str, Any] = {"trained": lambda _: None}
    return train_batch(
        scripted, scripted.settings, pool, epochs=epochs, seed=0, rungs=rungs, **heard | options
    )


def points(curves: Sequence[Curves]) -> list[list[float]]:
    return [c.metrics.get("validation_accuracy", []) for c in curves]


def test_a_curve_ends_with_the_epoch_before_it_diverged(pool: Executor) -> None:
    scripted = Scripted([0.5, 0.6, 0.7], [0.4, NAN, NAN], [NAN, NAN, NAN])
    heard: list[int] = []
    curves = train(scripted, pool, 3, trained=heard.append)
    assert points(curves) == [[0.5, 0.6, 0.7], [0.4], []]
    assert [c.diverged_epoch for c in curves] == [None, 2, 1]
    assert [c.value for c in curves] == [0.7, None, None]
    assert [c.why for c in curves] == [None, "diverged at epoch 2", "diverged at epoch 1"]
    assert [c.epochs for c in curves] == [3, 1, 0]
    assert scripted.masks == [[True, True, False], [True, False, False]]
    assert heard == [3, 2, 1]  # trials that were trained in each epoch


def test_curves_come_in_the_order_of_settings_however_they_are_grouped(pool: Executor) -> None:
    scripted = Scripted(*map(flat, (0.1, 0.2, 0.3, 0.4)), parts=[[3, 1], [2], [0]])
    assert [c.value for c in train(scripted, pool)] == [0.1, 0.2, 0.3, 0.4]


def test_a_trainer_that_ends_early_is_complete_with_its_last_value(pool: Executor) -> None:
    (curves,) = train(Scripted([0.5, 0.6]), pool)
    assert points([curves]) == [[0.5, 0.6]]
    assert (curves.value, curves.why, curves.left) == (0.6, None, False)


# --- leaving at rungs ---


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_worst_of_all_populations_leave_and_keep_what_they_had(
    direction: Direction, pool: Executor
) -> None:
    sign = 1 if direction == "maximize" else -1
    curves = [[sign * (k + epoch / 10) for epoch in range(4)] for k in (1, 8, 2, 9)]
    scripted = Scripted(*curves, parts=[[0, 2], [1, 3]], direction=direction)
    made = train(scripted, pool, rungs=[Rung(1, 2), Rung(2, 1)])
    assert points(made) == [curves[0][:1], curves[1][:2], curves[2][:1], curves[3]]
    assert [c.left for c in made] == [True, True, True, False]
    assert [c.value for c in made] == [sign * 1.0, sign * 8.1, sign * 2.0, sign * 9.3]
    assert [c.why for c in made] == [None] * 4
    assert scripted.epochs == [1, 4, 1, 4]  # a population that all have left trains no more
    assert scripted.masks[-1] == [False, True]
    assert sorted(scripted.closed) == [0, 1]
    assert made[0].finished <= made[1].finished <= made[3].finished


def test_of_equals_the_earlier_stay(pool: Executor) -> None:
    scripted = Scripted(*[flat(0.5)] * 4, parts=[[3, 2], [1, 0]])
    assert [c.left for c in train(scripted, pool, rungs=[Rung(1, 2)])] == [False, False, True, True]


def test_one_that_diverged_before_a_rung_takes_no_place(pool: Executor) -> None:
    scripted = Scripted(
        [0.9, NAN, NAN, NAN], flat(0.1), flat(0.2), flat(0.3), parts=[[0, 1], [2, 3]]
    )
    made = train(scripted, pool, rungs=[Rung(2, 2)])
    assert [c.left for c in made] == [False, True, False, False]
    assert [c.diverged_epoch for c in made] == [2, None, None, None]
    assert [c.epochs for c in made] == [1, 2, 4, 4]


def test_one_that_left_does_not_diverge_or_fail_later(pool: Executor) -> None:
    scripted = Scripted(flat(0.9), [0.1, NAN, NAN, NAN], fails_at=3)
    stays, leaves = train(scripted, pool, rungs=[Rung(1, 1)])
    assert (leaves.left, leaves.value, leaves.why) == (True, 0.1, None)
    assert (stays.left, stays.value, stays.why) == (False, None, "RuntimeError: epoch 3")
    assert points([stays]) == [[0.9, 0.9]]


def test_one_that_failed_before_a_rung_has_failed_and_takes_no_place(pool: Executor) -> None:
    class OneFails(Scripted):
        def train(self, settings: Sequence[Settings], **options: Any) -> Training:
            if settings[0]["k"] == 0:
                yield {self.score: np.array([0.9])}
                raise TrialError(RuntimeError("no more"))
            yield from super().train(settings, **options)

    scripted = OneFails(flat(0.9), flat(0.1), flat(0.2), parts=[[0], [1], [2]])
    made = train(scripted, pool, rungs=[Rung(2, 1)])
    assert [c.why for c in made] == ["RuntimeError: no more", None, None]
    assert [c.left for c in made] == [False, True, False]
    assert [c.value for c in made] == [None, 0.1, 0.2]


def test_one_that_ended_before_a_rung_is_complete(pool: Executor) -> None:
    scripted = Scripted([0.9], flat(0.1), flat(0.2), parts=[[0], [1], [2]])
    made = train(scripted, pool, rungs=[Rung(2, 1)])
    assert [c.left for c in made] == [False, True, False]
    assert [c.value for c in made] == [0.9, 0.1, 0.2]


def test_where_all_diverge_nobody_is_trained_on(pool: Executor) -> None:
    scripted = Scripted(*[[0.5, NAN, NAN, NAN]] * 3, parts=[[0], [1, 2]])
    made = train(scripted, pool, rungs=[Rung(2, 1)])
    assert [c.diverged_epoch for c in made] == [2, 2, 2]
    assert [c.left for c in made] == [False] * 3
    assert scripted.epochs == [2, 2, 2]


# --- being interrupted ---


@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupt_closes_every_population(after: int, pool: Executor) -> None:
    scripted = Scripted(*[flat(0.5, 10**6)] * 3, parts=[[0], [1], [2]])
    heard: list[int] = []

    def trained(trials: int) -> None:
        heard.append(trials)
        if len(heard) > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(scripted, pool, 10**6, rungs=[Rung(1, 2)], trained=trained)
    assert scripted.opened
    assert sorted(scripted.closed) == sorted(scripted.opened)
    assert sum(scripted.epochs) < 1000


def test_an_error_in_what_listens_is_not_a_failed_trial(pool: Executor) -> None:
    def trained(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(Scripted(flat(0.5)), pool, trained=trained)


# --- the network ---


@pytest.fixture(scope="module")
def wine() -> MLP:
    return mlp(make_plan({"source": "wine"}))


def settings_of(n: int) -> list[Settings]:
    """Of three shapes; every eighth diverges."""
    rng = np.random.default_rng(0)
    rates = 10 ** np.where(np.arange(n) % 8 == 7, 30, rng.uniform(-4, 1, n))
    return [{"learning_rate": float(r), "units": int(rng.choice([4, 8, 16]))} for r in rates]


def trained_network(wine: MLP, workers: int, table: Sequence[Rung] = (), **options: Any) -> Any:
    with threads(workers) as pool:
        return train_batch(
            wine, settings_of(27), pool, epochs=9, seed=1, rungs=table,
            trained=lambda _: None, **options,
        )  # fmt: skip


def test_those_that_stay_are_trained_as_if_nobody_had_left(wine: MLP) -> None:
    table = rungs(27, 9, 3)
    assert table == [(1, 9), (3, 3)]
    whole, halved = trained_network(wine, 2), trained_network(wine, 2, table)
    assert len(wine.populations(settings_of(27))) >= 3
    assert any(c.diverged_epoch for c in halved)
    left = [9] * 27
    for rung in table:  # by the whole curves, who leaves where?
        score = [
            c.metrics[wine.score][rung.epoch - 1] if c.epochs >= rung.epoch <= left[k] else NAN
            for k, c in enumerate(whole)
        ]
        for k, stays in enumerate(staying(score, rung.stay, "maximize")):
            if not stays and not math.isnan(score[k]):
                left[k] = rung.epoch
    assert left.count(9) < 27
    for end, one, other in zip(left, whole, halved, strict=True):
        assert other.left == (end < 9)
        for metric, curve in one.metrics.items():
            assert other.metrics[metric] == curve[:end]
        if not other.left:
            assert other.diverged_epoch == one.diverged_epoch


def test_the_curves_are_the_same_on_any_number_of_threads(wine: MLP) -> None:
    table = rungs(27, 9, 3)
    one, three = (trained_network(wine, workers, table) for workers in (1, 3))
    assert [c.metrics for c in one] == [c.metrics for c in three]
    assert [(c.left, c.diverged_epoch) for c in one] == [(c.left, c.diverged_epoch) for c in three]


def test_a_fresh_split_is_another_and_the_same_each_time(wine: MLP) -> None:
    first, again, second = (trained_network(wine, 1, which=which) for which in (1, 1, 2))
    assert [c.metrics for c in first] == [c.metrics for c in again]
    assert [c.metrics for c in first] != [c.metrics for c in second]
