"""Law 3: a trial's curve is the same to the last bit alone, among 64, beside wrecks, and on any number of threads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.trainer.shared import Curves, MakeTargets, Settings, Train
from trainer.fields import METRICS, PER_TRIAL
from trainer.initializers import INITIALIZERS
from trainer.layers import ACTIVATIONS
from trainer.losses import LOSSES
from trainer.network import Network
from trainer.optimizers import OPTIMIZERS
from trainer.population import train_population
from trainer.recipe import Recipe, Rows
from trainer.schedules import SCHEDULES
from trainer.stack import EVALUATION_ROWS, WHOLE

SPARSE, SQUARED = "sparse_categorical_cross_entropy", "squared_error"
FEWEST_OUTPUTS = {SPARSE: 2, "categorical_cross_entropy": 2}  # one of the others
VALUES: dict[str, list[float | str]] = {
    "weight_decay": [0.0, 1e-5, 1e-2],
    "l1": [0.0, 1e-4, 1e-2],
    "momentum": [0.0, 0.5, 0.9, 1.0],
    "beta1": [0.0, 0.5, 0.9],
    "beta2": [0.0, 0.9, 0.999],
    "rho": [0.0, 0.9, 0.99, 1.0],
    "dropout": [0.0, 0.1, 0.5, 0.9],
    "label_smoothing": [0.0, 0.1, 1.0],
    "clip_norm": [np.inf, 0.01, 1.0],
    "schedule_factor": [0.1, 0.37, 1.0],
    "schedule_every": [0.5, 1.0, 1.7],
    "warmup": [0.0, 0.5, 2.0],
    "patience": [np.inf, 1.0, 2.0],
    "init": [*INITIALIZERS, "normal:0.01", "normal:2"],
}
"""What the trials of a stack differ by, beside their learning rate."""


@dataclass(frozen=True)
class Case:
    """A population, and which of its trials is looked at."""

    recipe: Recipe
    train: int
    validation: int
    inputs: int
    trials: int
    position: int
    varied: frozenset[str]
    most: float  # the largest learning rate, as a power of 10
    weighted: bool
    seed: int

    def settings(self) -> Settings:
        rng = np.random.default_rng(self.seed)
        drawn: Settings = [
            {name: VALUES[name][rng.integers(len(VALUES[name]))] for name in sorted(self.varied)}
            for _ in range(self.trials)
        ]
        return [{**s, "learning_rate": float(10 ** rng.uniform(-4, self.most))} for s in drawn]

    def rows(self, make_targets: MakeTargets) -> tuple[Rows, Rows]:
        rng = np.random.default_rng(self.seed)
        count, recipe = self.train + self.validation, self.recipe
        X = rng.standard_normal((count, self.inputs))
        y = make_targets(recipe.loss, recipe.outputs, count, rng)
        if recipe.loss == SPARSE:  # no class occurs in validation rows alone
            classes = min(recipe.outputs, self.train)
            y %= classes
            y[:classes] = np.arange(classes)
        weights = rng.random(self.train) + 0.01 if self.weighted else None
        train, rest = slice(0, self.train), slice(self.train, None)
        return Rows(X[train], y[train], weights), Rows(X[rest], y[rest])


@st.composite
def recipes(draw: st.DrawFn, hidden: st.SearchStrategy[tuple[int, ...]], rows: int) -> Recipe:
    loss = draw(st.sampled_from(list(LOSSES)))
    outputs = draw(st.integers(FEWEST_OUTPUTS.get(loss, 1), 5))
    fitting = [name for name, metric in METRICS.items() if metric.classes == (loss != SQUARED)]
    if LOSSES[loss].questions and outputs > 1:
        fitting.remove("balanced_accuracy")
    class_weight = None
    if loss != SQUARED and draw(st.booleans()):
        class_weight = tuple(0.5 + k for k in range(max(outputs, 2)))
    batch_norm = draw(st.booleans())  # which a minibatch of one row has no use for
    return Recipe(
        outputs,
        loss=loss,
        metric=draw(st.sampled_from(fitting)),
        hidden=draw(hidden),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        batch_norm=batch_norm,
        optimizer=draw(st.sampled_from(list(OPTIMIZERS))),
        schedule=draw(st.sampled_from(list(SCHEDULES))),
        batch_size=draw(st.integers(2 if batch_norm else 1, rows + 5)),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        class_weight=class_weight,
        target_scale=draw(st.sampled_from([1.0, 7.3])),
    )


@st.composite
def cases(draw: st.DrawFn, *, large: bool = False) -> Case:
    train = draw(st.integers(1, 40))
    trials = draw(st.integers(2, 6) if large else st.one_of(st.integers(2, 64), st.just(64)))
    small = st.lists(st.integers(1, 20), max_size=3).map(tuple)
    return Case(
        draw(recipes(st.sampled_from([(200,), (200, 3, 90)]) if large else small, train)),
        train=train,
        validation=draw(st.one_of(st.integers(1, 40), st.integers(1, EVALUATION_ROWS + 40))),
        inputs=100 if large else draw(st.integers(1, 12)),
        trials=trials,
        position=draw(st.integers(0, trials - 1)),
        varied=draw(st.frozensets(st.sampled_from(list(VALUES)))),
        most=draw(st.sampled_from([-1.0, 0.0, 3.0])),
        weighted=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def differences(one: Curves, other: Curves) -> list[str]:
    """The names of the curves that are not the same to the last bit."""
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)]


def column(curves: Curves, *positions: int) -> Curves:
    return {name: values[:, positions] for name, values in curves.items()}


def test_all_numbers_of_a_trial_differ_in_some_case() -> None:
    assert {"learning_rate", *VALUES} == {*PER_TRIAL}


FEW = Case(
    Recipe(2, hidden=()), train=25, validation=25, inputs=1, trials=2, position=1,
    varied=frozenset(), most=-1, weighted=False, seed=0,
)  # fmt: skip
ONE_OF_ALL = replace(
    FEW, recipe=Recipe(1, loss="binary_cross_entropy", hidden=(1,)), train=1, validation=1
)


@settings(max_examples=100, deadline=None)
@given(case=cases())
@example(case=FEW)
@example(case=ONE_OF_ALL)
def test_a_trial_alone_is_the_trial_among_others(
    case: Case, train: Train, make_targets: MakeTargets
) -> None:
    everyone, rows = case.settings(), case.rows(make_targets)
    among = train(case.recipe, everyone, rows)
    alone = train(case.recipe, [everyone[case.position]], rows)
    assert not differences(column(among, case.position), alone)


@settings(max_examples=40, deadline=None)
@given(case=cases(large=True))
def test_so_it_is_where_networks_are_updated_in_pieces(
    case: Case, train: Train, make_targets: MakeTargets
) -> None:
    sizes = (case.inputs, *case.recipe.hidden, case.recipe.outputs)
    assert Network(sizes).parameter_count > WHOLE
    everyone, rows = case.settings(), case.rows(make_targets)
    among = train(case.recipe, everyone, rows)
    alone = train(case.recipe, [everyone[case.position]], rows)
    assert not differences(column(among, case.position), alone)


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_a_neighbour_that_is_sent_away_changes_nobody(
    case: Case, train: Train, make_targets: MakeTargets
) -> None:
    everyone, rows = case.settings(), case.rows(make_targets)
    stay = np.random.default_rng(case.seed).random(case.trials) < 0.5
    stay[case.position] = True
    all_the_way = train(case.recipe, everyone, rows)
    thinned = train(case.recipe, everyone, rows, stay={0: stay})
    stayed = np.flatnonzero(stay).tolist()
    assert not differences(column(thinned, *stayed), column(all_the_way, *stayed))
    assert all(np.isnan(values[1:, ~stay]).all() for values in thinned.values())


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_neighbours_that_diverge_change_nobody(
    case: Case, train: Train, make_targets: MakeTargets
) -> None:
    tame = replace(case, most=-1).settings()
    wild: Settings = [
        {**setting, "learning_rate": 1e3 * 10.0 ** (k % 30)} for k, setting in enumerate(tame)
    ]
    wild[case.position] = tame[case.position]
    rows = case.rows(make_targets)
    among_tame, among_wild = (train(case.recipe, s, rows) for s in (tame, wild))
    assert not differences(column(among_tame, case.position), column(among_wild, case.position))


def test_the_ties_of_a_trial_are_broken_alike_beside_one_that_is_no_number(train: Train) -> None:
    # Weights of zero and a rate of 0: all outputs are 0, and so the first class is the answer to every row.
    rng = np.random.default_rng(0)
    rows = Rows(rng.standard_normal((30, 4)), np.arange(30) % 2)
    recipe = Recipe(2, hidden=(5, 5), activation="identity", optimizer="sgd")
    zeros = {"learning_rate": 0.0, "init": "zeros"}
    alone = train(recipe, [zeros], (rows, rows), epochs=1)
    among = train(recipe, [zeros, {"learning_rate": 1e30}], (rows, rows), epochs=1)
    assert alone["validation_accuracy"].item() == 0.5
    assert not differences(column(among, 0), alone)


# --- a whole population ---


SHARED = (
    "hidden",
    "activation",
    "optimizer",
    "batch_size",
    "dtype",
    "loss",
    "metric",
    "batch_norm",
    "schedule",
)


def curves_of(case: Case, everyone: Settings, rows: tuple[Rows, Rows], threads: int) -> Curves:
    train, validation = rows
    options: dict[str, Any] = {name: getattr(case.recipe, name) for name in SHARED}
    return train_population(
        train.X,
        train.y,
        validation.X,
        validation.y,
        settings=everyone,
        sample_weight=train.weights,
        epochs=3,
        seed=case.seed,
        threads=threads,
        **options,
    )


@settings(max_examples=40, deadline=None)
@given(case=st.one_of(cases(), cases(large=True)))
def test_threads_and_the_order_of_settings_change_nobody(
    case: Case, make_targets: MakeTargets
) -> None:
    case = replace(case, train=case.train + 1)  # of two classes at least
    everyone, rows = case.settings(), case.rows(make_targets)
    order = np.random.default_rng(case.seed).permutation(len(everyone)).tolist()
    shuffled = [everyone[k] for k in order]
    one = curves_of(case, everyone, rows, threads=1)
    assert not differences(curves_of(case, everyone, rows, threads=2), one)
    assert not differences(curves_of(case, shuffled, rows, threads=2), column(one, *order))
    alone = curves_of(case, [everyone[case.position]], rows, threads=1)
    assert not differences(alone, column(one, case.position))
