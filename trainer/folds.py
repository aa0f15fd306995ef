"""The epochs of K trials on several folds: each trial has a network on every fold, and its figures are their means.

The trials of one fold train as one stack, since they share its rows. The stacks of all folds advance in step, epoch by
epoch, so a trial that diverges or leaves does so on all folds at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.arrays import Array
from trainer.fit import Training, fit
from trainer.recipe import Recipe, Rows

OUT_OF_FOLD = "out_of_fold"
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Folds:
    """The training rows and the validation rows of each fold."""

    parts: tuple[tuple[Rows, Rows], ...]


def fit_folds(
    recipes: Sequence[Recipe],
    settings: Sequence[Mapping[str, float | str]],
    folds: Folds,
    *,
    epochs: int,
    seed: int,
    kept: str,
    out_of_fold: bool = False,
) -> Training:
    """Train K settings on each of F folds, and yield the figures of `trainer.fit.fit`, each (K,), as means over folds.

    With them comes the figure that is to be `kept` of each fold, such as fold1_validation_accuracy. A trial whose
    network diverges on one fold is NaN, and leaves on all. The recipes, one for each fold, differ in no shape but the
    number of inputs, which may follow from the training rows.

    With `out_of_fold`, the figures after the last epoch have a table (K, M) of that name with what the networks predict
    for rows that they have not trained on: see `_table`.

    Each fold has first weights and minibatches of its own, so that their luck, too, averages out.

    Raises:
        ValueError: a setting has `patience`, by which its networks would end at different epochs.
    """
    if any("patience" in setting for setting in settings):
        raise ValueError("patience: the networks of a trial on several folds train equally long")
    trainings = [
        fit(
            recipe,
            settings,
            *rows,
            epochs=epochs,
            seed=seed_of_fold(seed, fold),
            predictions=out_of_fold,
        )
        for fold, (recipe, rows) in enumerate(zip(recipes, folds.parts, strict=True))
    ]
    stay = np.ones(len(settings), bool)
    try:
        for epoch in range(epochs):
            of_folds = [training.send(stay if epoch else None) for training in trainings]
            predicted = [of.pop("predictions") for of in of_folds if "predictions" in of]
            figures = {name: _mean([of[name] for of in of_folds]) for name in of_folds[0]}
            losses = [values for name, values in figures.items() if name.endswith("_loss")]
            # The mask that was sent belongs to the stacks.
            stay = stay & np.isfinite(losses).all(axis=0)
            own = {f"fold{fold}_{kept}": of[kept] for fold, of in enumerate(of_folds, start=1)}
            if predicted:
                own[OUT_OF_FOLD] = _table(recipes, folds, predicted)
            sent = yield figures | own
            if sent is not None:
                stay = stay & sent
            if not stay.any():
                return
    finally:
        for training in trainings:
            training.close()


def _mean(values: Sequence[Array]) -> Array:
    """The mean of arrays, added one after another: a sum along an axis rounds by how many trials there are."""
    total = values[0].copy()
    for one in values[1:]:
        total += one
    total /= len(values)
    return total


def _table(recipes: Sequence[Recipe], folds: Folds, predicted: Sequence[Array]) -> Array:
    """What was predicted (K, N) for the validation rows of each fold, as a table (K, M).

    Of C classes it has C² numbers, how many rows of each class were predicted to be of each; of quantities the
    quantiles `LEVELS` of the errors, prediction less truth, in the user's units.
    """
    outputs, trials = recipes[0].outputs, len(predicted[0])
    targets = [validation.y for _, validation in folds.parts]
    if outputs == 1:
        errors = [
            recipe.target_scale * (values - y.reshape(1, -1))
            for recipe, values, y in zip(recipes, predicted, targets, strict=True)
        ]
        return np.quantile(np.concatenate(errors, axis=1), LEVELS, axis=1).T
    counts = np.full((trials, outputs, outputs), np.nan)
    for k in range(trials):
        values = np.concatenate([of[k] for of in predicted])
        if np.isfinite(values).all():
            pairs = np.concatenate(targets) * outputs + values.astype(np.intp)
            counts[k] = np.bincount(pairs, minlength=outputs**2).reshape(outputs, outputs)
    return counts.reshape(trials, -1)


def seed_of_fold(seed: int, fold: int) -> int:
    """The seed of the network of one fold, in a training by `seed`."""
    return int(np.random.SeedSequence(seed, spawn_key=(fold,)).generate_state(1, np.uint32)[0])
