"""Law 3: a trial's curve is the same to the last bit alone, among 64, beside wrecks, and on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trainer.fit import EVALUATION_ROWS, Recipe, Rows, fit
from trainer.layers import ACTIVATIONS
from trainer.optimizers import OPTIMIZERS

Array = NDArray[Any]
Curves = dict[str, Array]
Train = Callable[..., Curves]
MakeRows = Callable[..., tuple[Rows, Rows]]


@dataclass(frozen=True)
class Case:
    """A population, and which of its trials is looked at."""

    recipe: Recipe
    train: int
    validation: int
    inputs: int
    trials: int
    position: int
    most: float  # the largest learning rate, as a power of 10
    seed: int

    def settings(self) -> list[dict[str, float]]:
        rng = np.random.default_rng(self.seed)
        decay = rng.choice([0, 1e-5, 1e-2], self.trials)
        rates = 10 ** rng.uniform(-4, self.most, self.trials)
        momenta = rng.uniform(0, 0.99, self.trials)
        return [
            {"learning_rate": float(r), "weight_decay": float(d), "momentum": float(m)}
            for r, d, m in zip(rates, decay, momenta, strict=True)
        ]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    task = draw(st.sampled_from(["classification", "regression"]))
    train = draw(st.integers(1, 40))
    trials = draw(st.one_of(st.integers(2, 64), st.just(64)))
    return Case(
        Recipe(
            task=task,
            outputs=draw(st.integers(2, 5)) if task == "classification" else 1,
            hidden=tuple(draw(st.lists(st.integers(1, 20), max_size=3))),
            activation=draw(st.sampled_from(list(ACTIVATIONS))),
            optimizer=draw(st.sampled_from(list(OPTIMIZERS))),
            init=draw(st.sampled_from(["he", "xavier"])),
            batch_size=draw(st.integers(1, train + 5)),
            dtype=draw(st.sampled_from(["float32", "float64"])),
            target_scale=draw(st.sampled_from([1.0, 7.3])),
        ),
        train=train,
        validation=draw(st.one_of(st.integers(1, 40), st.integers(1, EVALUATION_ROWS + 40))),
        inputs=draw(st.integers(1, 12)),
        trials=trials,
        position=draw(st.integers(0, trials - 1)),
        most=draw(st.sampled_from([-1.0, 0.0, 3.0])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def rows_of(case: Case, make_rows: MakeRows) -> tuple[Rows, Rows]:
    recipe = case.recipe
    return make_rows(
        recipe.task,
        case.train,
        case.validation,
        case.inputs,
        classes=recipe.outputs,
        seed=case.seed,
    )


def differences(one: Curves, other: Curves) -> list[str]:
    """The names of the curves that are not the same to the last bit."""
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)]


def column(curves: Curves, position: int) -> Curves:
    return {name: values[:, position : position + 1] for name, values in curves.items()}


FEW = Case(
    Recipe("classification", 2, hidden=()), train=25, validation=25, inputs=1,
    trials=2, position=1, most=-1, seed=0,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(case=cases())
@example(case=FEW)
def test_a_trial_alone_is_the_trial_among_others(
    case: Case, train: Train, make_rows: MakeRows
) -> None:
    everyone, rows = case.settings(), rows_of(case, make_rows)
    among = train(case.recipe, everyone, rows)
    alone = train(case.recipe, [everyone[case.position]], rows)
    assert not differences(column(among, case.position), alone)


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_a_neighbour_that_is_sent_away_changes_nobody(
    case: Case, train: Train, make_rows: MakeRows
) -> None:
    everyone, rows = case.settings(), rows_of(case, make_rows)
    stay = np.random.default_rng(case.seed).random(case.trials) < 0.5
    stay[case.position] = True
    all_the_way = train(case.recipe, everyone, rows)
    thinned = train(case.recipe, everyone, rows, stay={0: stay})
    for position in np.flatnonzero(stay).tolist():
        assert not differences(column(thinned, position), column(all_the_way, position))
    assert all(np.isnan(values[1:, ~stay]).all() for values in thinned.values())


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_neighbours_that_diverge_change_nobody(
    case: Case, train: Train, make_rows: MakeRows
) -> None:
    tame = replace(case, most=-1).settings()
    wild = [{**setting, "learning_rate": 1e3 * 10.0 ** (k % 30)} for k, setting in enumerate(tame)]
    wild[case.position] = tame[case.position]
    rows = rows_of(case, make_rows)
    among_tame, among_wild = (train(case.recipe, s, rows) for s in (tame, wild))
    assert not differences(column(among_tame, case.position), column(among_wild, case.position))


BIGGER = {
    "digits-like": (Recipe("classification", 10, hidden=(50,), batch_size=32), 300, 120, 64),
    "deep": (Recipe("classification", 10, hidden=(100,) * 6, batch_size=100), 200, 150, 64),
    "mnist-like": (Recipe("classification", 10, hidden=(100,), batch_size=100), 200, 60, 784),
    "regression": (
        Recipe("regression", 1, hidden=(50,), optimizer="adam", activation="tanh"), 300, 150, 10,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BIGGER)
def test_a_trial_alone_is_the_trial_among_64_in_shapes_people_use(
    name: str, train: Train, make_rows: MakeRows
) -> None:
    recipe, train_rows, validation_rows, inputs = BIGGER[name]
    case = Case(recipe, train_rows, validation_rows, inputs, 64, position=0, most=0, seed=1)
    everyone, rows = case.settings(), rows_of(case, make_rows)
    among = train(recipe, everyone, rows, epochs=2)
    for position in (0, 31, 63):
        alone = train(recipe, [everyone[position]], rows, epochs=2)
        assert not differences(column(among, position), alone)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_not_only_the_curves_but_every_weight_is_the_same(
    optimizer: str, train: Train, make_rows: MakeRows, thetas: list[Array]
) -> None:
    recipe = replace(BIGGER["digits-like"][0], optimizer=optimizer)
    case = Case(recipe, 100, 50, 64, trials=20, position=0, most=-1, seed=1)
    everyone, rows = case.settings(), rows_of(case, make_rows)
    train(recipe, everyone, rows, epochs=2)
    among = thetas.copy()
    for position in (0, 7, 19):
        thetas.clear()
        train(recipe, [everyone[position]], rows, epochs=2)
        assert len(thetas) == len(among) == 1 + 2 * 4
        for together, apart in zip(among, thetas, strict=True):
            assert np.array_equal(together[position], apart[0])


@settings(max_examples=50, deadline=None)
@given(several=st.lists(cases(), min_size=2, max_size=5))
def test_one_thread_and_two_give_the_same_curves(several: list[Case], make_rows: MakeRows) -> None:
    def work(case: Case) -> list[dict[str, Array]]:
        rows = rows_of(case, make_rows)
        return list(fit(case.recipe, case.settings(), *rows, epochs=3, seed=case.seed))

    with threadpool_limits(1, user_api="blas"):
        made = []
        for workers in (1, 2):
            with ThreadPoolExecutor(workers) as pool:
                made.append(list(pool.map(work, several)))
    for curves_of_one, curves_of_two in zip(*made, strict=True):
        assert len(curves_of_one) == len(curves_of_two)
        for figures, others in zip(curves_of_one, curves_of_two, strict=True):
            assert not differences(figures, others)
