"""Trials on several folds: their figures are means, they leave on all folds at once, and feel no neighbours."""

# Law 3: a trial does not feel its neighbours.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from trainer.arrays import Array
from trainer.fit import fit
from trainer.folds import LEVELS, Folds, fit_folds, seed_of_fold
from trainer.recipe import Recipe, Rows
from trainer.worker import Worker

RECIPE = Recipe(2, hidden=(4,), batch_size=8)
KEPT = "validation_accuracy"
Settings = Sequence[Mapping[str, float | str]]


def folds_of(count: int, *, rows: int = 60, large: Sequence[int] = ()) -> Folds:
    """Rows divided into folds; in those that are `large`, they are far from 0."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=rows) > 0).astype(np.intp)
    parts = []
    for fold in range(count):
        out = np.arange(rows) % count == fold
        scale = np.float32(1e12 if fold in large else 1)
        parts.append((Rows(X[~out] * scale, y[~out]), Rows(X[out] * scale, y[out])))
    return Folds(tuple(parts))


def curves(
    trials: Settings, folds: Folds, *, epochs: int = 4, stay: Mapping[int, Any] | None = None
) -> dict[str, Array]:
    """Each figure as (epochs, trials)."""
    yielded: list[dict[str, Array]] = []
    recipes = [RECIPE] * len(folds.parts)
    with threadpool_limits(1, user_api="blas"):
        training = fit_folds(recipes, trials, folds, epochs=epochs, seed=3, kept=KEPT)
        sent = None
        while True:
            try:
                yielded.append(training.send(sent))
            except StopIteration:
                return {name: np.array([of[name] for of in yielded]) for name in yielded[0]}
            sent = (stay or {}).get(len(yielded))


def test_figures_are_the_means_of_what_each_fold_gives_alone() -> None:
    folds, trials = folds_of(5), [{"learning_rate": 0.1}, {"learning_rate": 0.01, "dropout": 0.5}]
    found = curves(trials, folds)
    alone = [
        [*fit(RECIPE, trials, *rows, epochs=4, seed=seed_of_fold(3, fold))]
        for fold, rows in enumerate(folds.parts)
    ]
    for name in alone[0][0]:
        values = np.array([[figures[name] for figures in of_fold] for of_fold in alone])
        np.testing.assert_allclose(found[name], values.mean(axis=0), rtol=1e-12)
        if name == KEPT:
            for fold, own in enumerate(values, start=1):
                np.testing.assert_array_equal(found[f"fold{fold}_{KEPT}"], own)
    assert {name for name in found if name.startswith("fold")} == {
        f"fold{fold}_{KEPT}" for fold in range(1, 6)
    }
    assert len({found[f"fold{fold}_{KEPT}"].tobytes() for fold in range(1, 6)}) == 5


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(2, 17),
    powers=st.lists(st.floats(-4, 3), min_size=2, max_size=6),
    data=st.data(),
)
def test_a_trial_alone_has_the_same_curves_to_the_last_bit(
    count: int, powers: list[float], data: st.DataObject
) -> None:
    trials = [{"learning_rate": 10**power, "dropout": 0.1} for power in powers]
    which = data.draw(st.integers(0, len(trials) - 1))
    folds = folds_of(count)
    among, alone = curves(trials, folds, epochs=2), curves([trials[which]], folds, epochs=2)
    for name, values in alone.items():
        np.testing.assert_array_equal(among[name][: len(values), which], values[:, 0])


def test_a_trial_that_diverges_on_one_fold_leaves_on_all_and_the_others_go_on() -> None:
    trials = [{"learning_rate": 1e-20}, {"learning_rate": 1.0}, {"learning_rate": 1e-19}]
    calm = [trials[0], trials[2]]
    found = curves(trials, folds_of(4, large=[2]))
    assert np.isfinite(curves(trials, folds_of(4))["validation_loss"][0, 1])
    diverged = np.isnan(found["validation_loss"][:, 1])
    first = int(diverged.argmax())
    assert diverged[first:].all()
    last = np.stack([found[f"fold{fold}_{KEPT}"][first, 1] for fold in (1, 2, 4)])
    assert np.isfinite(last).all()  # they went on to that epoch, and no further
    for fold in (1, 2, 3, 4):
        assert np.isnan(found[f"fold{fold}_{KEPT}"][first + 1 :, 1]).all()
    for name, values in curves(calm, folds_of(4, large=[2])).items():
        np.testing.assert_array_equal(found[name][:, [0, 2]], values)


def test_a_trial_that_leaves_at_a_rung_leaves_on_all_folds() -> None:
    trials = [{"learning_rate": 0.1}, {"learning_rate": 0.01}]
    whole, halved = (
        curves(trials, folds_of(3), stay=stay)
        for stay in ({}, {2: np.array([False, True])})
    )  # fmt: skip
    for name, values in halved.items():
        np.testing.assert_array_equal(values[:2], whole[name][:2])
        assert np.isnan(values[2:, 0]).all()
        np.testing.assert_array_equal(values[:, 1], whole[name][:, 1])
    nobody = curves(trials, folds_of(3), stay={2: np.array([False, False])})
    assert {len(values) for values in nobody.values()} == {2}


def test_where_it_trains_changes_no_bit() -> None:
    folds, trials = folds_of(3), [{"learning_rate": 0.1}, {"learning_rate": 1e8}]
    here = curves(trials, folds)
    with Worker("trainer.folds") as worker:
        there = worker.training(
            fit_folds, {"folds": folds}, [RECIPE] * 3, trials, epochs=4, seed=3, kept=KEPT
        )
        for epoch, figures in enumerate(there):
            for name, values in figures.items():
                np.testing.assert_array_equal(values, here[name][epoch])


def test_folds_may_differ_in_what_they_learned_from_their_rows() -> None:
    """Encodings follow from training rows: one fold may lack a category, and scale the target otherwise."""
    quantities = replace(RECIPE, outputs=1, loss="squared_error", metric="rmse")
    recipes = [replace(quantities, target_scale=scale) for scale in (1.0, 10.0)]
    rng = np.random.default_rng(0)

    def rows(inputs: int) -> Rows:
        return Rows(rng.normal(size=(20, inputs)).astype(np.float32), rng.normal(size=20))

    parts = [(rows(inputs), rows(inputs)) for inputs in (3, 5)]
    (figures,) = fit_folds(
        recipes, [{}], Folds(tuple(parts)), epochs=1, seed=0, kept="validation_rmse"
    )
    ones = [figures[f"fold{fold}_validation_rmse"][0] for fold in (1, 2)]
    assert ones[1] > 5 * ones[0]
    assert figures["validation_rmse"][0] == np.mean(ones)


def test_what_is_predicted_out_of_fold_is_every_row_once() -> None:
    folds = folds_of(4)
    trials = [{"learning_rate": 0.1}, {"learning_rate": 1e30}]
    options: dict[str, Any] = {"epochs": 3, "seed": 1, "kept": KEPT, "out_of_fold": True}
    *earlier, last = fit_folds([RECIPE] * 4, trials, folds, **options)
    assert not any("out_of_fold" in figures for figures in earlier)
    counts = last["out_of_fold"][0].reshape(2, 2)
    targets = np.concatenate([validation.y for _, validation in folds.parts])
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(targets))
    sizes = [len(validation.y) for _, validation in folds.parts]
    right = sum(n * last[f"fold{k}_{KEPT}"][0] for k, n in enumerate(sizes, start=1))
    assert np.trace(counts) == round(right)
    assert np.isnan(last["out_of_fold"][1]).all()
    (alone,) = [*fit_folds([RECIPE] * 4, trials[:1], folds, **options)][2:]
    np.testing.assert_array_equal(alone["out_of_fold"][0], last["out_of_fold"][0])


def test_errors_out_of_fold_are_in_the_users_units() -> None:
    recipe = replace(RECIPE, outputs=1, loss="squared_error", metric="rmse", target_scale=100.0)
    rng = np.random.default_rng(0)
    rows = [
        Rows(rng.normal(size=(700, 2)).astype(np.float32), rng.normal(size=700)) for _ in range(4)
    ]
    folds = Folds(((rows[0], rows[1]), (rows[2], rows[3])))
    (last,) = fit_folds(
        [recipe] * 2, [{"learning_rate": 1e-9}], folds,
        epochs=1, seed=0, kept="validation_rmse", out_of_fold=True,
    )  # fmt: skip
    errors = last["out_of_fold"][0]
    assert len(errors) == len(LEVELS)
    assert (np.diff(errors) > 0).all()
    assert 0.5 < (errors[4] - errors[0]) / (2 * 1.645 * last["validation_rmse"][0]) < 1.5


def test_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="patience"):
        next(fit_folds([RECIPE] * 2, [{"patience": 2.0}], folds_of(2), epochs=2, seed=0, kept=KEPT))
