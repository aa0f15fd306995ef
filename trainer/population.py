"""Many settings at once: `train_population`, and how a population is cut into stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.checks import checked_rows, class_weights
from trainer.fields import check_setting
from trainer.fit import fit
from trainer.losses import LOSSES
from trainer.network import Network
from trainer.recipe import Recipe
from trainer.workers import Workers

EXAMPLE = {"learning_rate": 0.1}

STACK_NUMBERS = 2**18
"""How many weights and biases a stack may hold: with gradient and velocity 3 MB of float32, about a core's caches."""
MOST_TRIALS, FEWEST_TRIALS = 50, 4
"""A stack's limits: more trials save no more overhead; with fewer the overhead outweighs the cache."""

ENOUGH_TRIALS = 10
"""A stack of so many is worth a thread of its own."""


def stack_size(recipe: Recipe, inputs: int) -> int:
    """The most trials that one stack should hold. It follows from the network alone, not from the machine."""
    network = Network((inputs, *recipe.hidden, recipe.outputs), batch_norm=recipe.batch_norm)
    return min(max(STACK_NUMBERS // network.parameter_count, FEWEST_TRIALS), MOST_TRIALS)


def even_parts(items: Sequence[int], most: int) -> list[list[int]]:
    """Items in as few parts of at most `most` as possible, all of nearly the same size; two if each is large enough.

    If there are several, their number is even, so that two threads finish together.
    """
    count = max(-(-len(items) // most), 2 if len(items) >= 2 * ENOUGH_TRIALS else 1)
    if count > 1:
        count = min(count + count % 2, len(items))
    return [list(part) for part in np.array_split(np.asarray(items, int), count)]


def train_population(
    X: Any,
    y: Any,
    X_validation: Any,
    y_validation: Any,
    *,
    settings: Sequence[Mapping[str, float | str]],
    hidden: Sequence[int] = (50,),
    activation: str = "relu",
    optimizer: str = "momentum",
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    threads: int | Workers = 2,
    dtype: str = "float32",
    loss: str | None = None,
    metric: str | None = None,
    init: str = "he",
    batch_norm: bool = False,
    schedule: str = "constant",
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | None = None,
    score_training: bool = True,
) -> dict[str, NDArray[np.float64]]:
    """Train one network for each of `settings`, all on the same rows from the same first weights.

    X is (N, I) and y (N,) of class labels or of quantities; rows are used as they are: standardize them first, by the
    training rows' mean and deviation. Integers, booleans and text are classes, floating-point numbers are quantities;
    `loss` says otherwise, and what y of shape (N, C) is: one-hot rows, yes or no for each of C questions
    (binary_cross_entropy), or C quantities.

    `settings` has one mapping a trial: some of `trainer.fields.PER_TRIAL`. The same seed gives the same curves,
    whatever the number of threads and whoever else is in `settings`. `threads` may be a `trainer.Workers`, whose
    processes then serve several calls.

    Returns {train_loss, train_M, validation_loss, validation_M}, each (E, K) in float64, with M the metric (accuracy
    for classes, rmse for quantities). A trial that has diverged is NaN from that epoch on, one that ran out of patience
    from the next one. Without `score_training` there are no train_loss and train_M, which spares a part of the time,
    and only what is learned and the validation loss decide whether a trial has diverged.

    Raises:
        ValueError: something can't be trained on or with; the message says what, where and the rule.
    """
    from threadpoolctl import threadpool_limits

    loss, classes, train, validation = checked_rows(
        X, y, X_validation, y_validation, loss=loss, sample_weight=sample_weight, dtype=dtype
    )
    weights = None
    if class_weight is not None:
        if classes is None:
            raise ValueError(f"class_weight: the loss {loss!r} has no numbered classes to weigh")
        weights = class_weights(class_weight, classes)
    outputs = train.y.shape[1] if classes is None else len(classes)
    recipe = Recipe(
        outputs,
        loss=loss,
        metric=metric or ("accuracy" if LOSSES[loss].classes else "rmse"),
        hidden=tuple(hidden) if isinstance(hidden, Sequence) else (hidden,),
        activation=activation,
        batch_norm=batch_norm,
        optimizer=optimizer,
        schedule=schedule,
        init=init,
        batch_size=batch_size,
        dtype=dtype,
        class_weight=weights,
    )
    if isinstance(settings, Mapping):
        raise ValueError(
            f"settings is one mapping, {dict(settings)!r}: give a list with one for each trial"
        )
    settings = list(settings)
    for trial, setting in enumerate(settings):
        if not isinstance(setting, Mapping):
            raise ValueError(f"settings[{trial}] is {setting!r}: give a mapping, such as {EXAMPLE}")
        check_setting(setting, f"settings[{trial}]: ")
    most = threads.most if isinstance(threads, Workers) else threads
    for name, number, least in (("epochs", epochs, 0), ("seed", seed, 0), ("threads", most, 1)):
        if not isinstance(number, int | np.integer) or number < least:
            raise ValueError(f"{name} = {number} is not a whole number of at least {least}")
    if not settings:
        raise ValueError(f"settings is empty: give one mapping a trial, such as {EXAMPLE}")
    scored = ("train", "validation") if score_training else ("validation",)
    names = [f"{rows}_{what}" for rows in scored for what in ("loss", recipe.metric)]
    curves = {name: np.full((epochs, len(settings)), np.nan) for name in names}

    def run(trials: list[int]) -> None:
        training = workers.training(
            fit,
            {"train": train, "validation": validation},
            recipe,
            [settings[k] for k in trials],
            epochs=epochs,
            seed=seed,
            score_training=score_training,
        )
        for epoch, figures in enumerate(training):
            for name, values in figures.items():
                curves[name][epoch, trials] = values

    stacks = even_parts(range(len(settings)), stack_size(recipe, train.X.shape[1]))
    # Small products are slower on many BLAS threads than on one, and split among threads they may round otherwise.
    with threadpool_limits(1, user_api="blas"), ExitStack() as ending:
        if isinstance(threads, Workers):
            workers = threads
        else:
            # Where every stack has a thread at once, a worker that is begun when one ends would have nothing to do.
            workers = ending.enter_context(Workers(most if len(stacks) > most else 1))
        pool = ending.enter_context(ThreadPoolExecutor(most, "population"))
        for _ in pool.map(run, stacks):
            pass
    return curves
