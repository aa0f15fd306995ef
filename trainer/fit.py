"""The epochs of K trials, trained as one stack.

`fit` is a generator. After each epoch it yields a mapping of (K,) arrays; it may be sent a boolean mask (K,) of the
trials that stay (None: all of them), and is closed when training should stop. A trial leaves at the epoch after which
its loss or its parameters are not finite, and when its patience is at its end. From the next epoch on its figures are
NaN, and it takes no time any more.

A trial's curve is the same to the last bit whether it is trained alone or in a stack of any size (if BLAS uses one
thread): products run per trial, sums over rows are products, elementwise functions know no neighbours, and initial
weights, minibatches and dropout are drawn from the seed alone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.recipe import Recipe, Rows
from trainer.stack import EVALUATION_ROWS, Stack

Training = Generator[dict[str, Array], NDArray[np.bool_] | None, None]


class DivergedError(ValueError):
    """A network diverged when it was trained to be used: `which` of the settings, from 0, and in which `epoch`."""

    def __init__(self, which: int, epoch: int) -> None:
        self.which, self.epoch = which, epoch
        super().__init__(f"the training with settings[{which}] diverged in epoch {epoch}")


def fit(
    recipe: Recipe,
    settings: Sequence[Mapping[str, float | str]],
    train: Rows,
    validation: Rows,
    *,
    epochs: int,
    seed: int,
    score_training: bool = True,
    intervals: bool = False,
    predictions: bool = False,
) -> Training:
    """Train K settings and yield after each epoch {train_loss, train_M, validation_loss, validation_M}, each (K,).

    M is the recipe's metric. Losses are without penalties on weights. The training figures are measured after the
    epoch, like the validation figures, on as many evenly spaced training rows as there are validation rows (all of
    them where there are fewer), or not at all without `score_training`.

    `settings` holds for each trial some of `fields.PER_TRIAL`. With `intervals`, the last figures also have the ends of
    the 95 % intervals of the validation figures, from the number of rows: validation_M_low, validation_M_high, and of
    the loss. With `predictions`, those after the last epoch also have what the networks predict for the validation
    rows (K, N): numbers of classes, or quantities; NaN for a trial that diverged.
    """
    if not settings:
        return
    stack = Stack(recipe, settings, train.X.shape[1], seed=seed, epochs=epochs)
    train = train.counted()
    scored = {"validation": stack.ready(validation, training=False)}
    if score_training:
        of_train = stack.ready(_spread_out(train, len(validation.X)), training=False)
        scored = {"train": of_train, **scored}
    rows = stack.ready(train, training=True)
    yield from train_stack(
        stack, rows, scored, epochs=epochs, intervals=intervals, predictions=predictions
    )


def trained(
    recipe: Recipe,
    settings: Sequence[Mapping[str, float | str]],
    train: Rows,
    *,
    epochs: int,
    seed: int,
    until: int | None = None,
) -> Stack:
    """K settings trained as `fit` trains them, to the end or `until` an epoch, and the stack that they are in then.

    Raises:
        DivergedError: one of them diverged.
    """
    stack = Stack(recipe, settings, train.X.shape[1], seed=seed, epochs=epochs)
    rows = stack.ready(train.counted(), training=True)
    for _ in train_stack(stack, rows, {}, epochs=epochs if until is None else until):
        if not stack.finite().all():
            raise DivergedError(int(stack.finite().argmin()), stack.epochs_trained)
    return stack


def train_stack(
    stack: Stack,
    rows: Rows,
    scored: Mapping[str, Rows],
    *,
    epochs: int,
    intervals: bool = False,
    predictions: bool = False,
) -> Training:
    """Train a stack on `rows` as `fit` does; between two epochs its `saved` hands out what it has learned.

    `scored` are the rows that are scored after each epoch, by name; if none are named `validation`, no trial runs out
    of patience. All rows have been through `Stack.ready`.
    """
    alive = np.arange(len(stack.theta))
    patience = stack.hyperparams["patience"][:, 0]
    best, waited = np.full(len(alive), np.inf), np.zeros(len(alive))

    for epoch in range(1, epochs + 1):
        figures: dict[str, Array] = {}
        with np.errstate(all="ignore"):  # divergence is a result here, not a fault
            stack.epoch(rows)
            for name, part in scored.items():
                loss, metric = stack.score(part)
                figures[f"{name}_loss"], figures[f"{name}_{stack.recipe.metric}"] = loss, metric
            finite = stack.finite()
        for name in scored:
            finite &= np.isfinite(figures[f"{name}_loss"])
        if "validation" in scored:
            better = figures["validation_loss"] < best[alive]
            best[alive] = np.where(better, figures["validation_loss"], best[alive])
            waited[alive] = np.where(better, 0, waited[alive] + 1)
        keep = finite & (waited < patience)[alive]
        if intervals and (epoch == epochs or not keep.any()):
            with np.errstate(all="ignore"):
                ends = stack.intervals(scored["validation"])
            for name, of_name in zip(("loss", stack.recipe.metric), ends, strict=True):
                figures |= {
                    f"validation_{name}_low": of_name[0],
                    f"validation_{name}_high": of_name[1],
                }
        yielded = {name: np.full(len(best), np.nan) for name in figures}
        for name, values in figures.items():
            yielded[name][alive] = np.where(finite, values, np.nan)
        if predictions and epoch == epochs:
            predicted = _predicted(stack, scored["validation"])
            yielded["predictions"] = np.full((len(best), predicted.shape[1]), np.nan)
            yielded["predictions"][alive] = np.where(finite[:, None], predicted, np.nan)
        stay = yield yielded
        if stay is not None:
            keep &= stay[alive]
        if not keep.any():
            return
        if not keep.all():
            alive = alive[keep]
            stack.keep(np.flatnonzero(keep))


def _spread_out(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, evenly spaced."""
    count = len(rows.X)
    positions = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
    weights = None if rows.weights is None else rows.weights[positions]
    return Rows(np.ascontiguousarray(rows.X[positions]), rows.y[positions], weights)


def _predicted(stack: Stack, rows: Rows) -> Array:
    """The class with the largest output, or the one output, for each of the rows (K, N)."""
    predicted = []
    for start in range(0, len(rows.X), EVALUATION_ROWS):
        X = rows.X[start : start + EVALUATION_ROWS]
        outputs = stack.workspace(len(X), training=False).forward(X)
        classes = outputs.shape[-1] > 1
        predicted.append(outputs.argmax(axis=-1) if classes else outputs[..., 0].copy())
    return np.concatenate(predicted, axis=1)
